import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeEntry, type MapEntry } from '../../core/maps/entries.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import { applyEdits, editTests } from '../../core/packetTest/edit.ts';
import { newTestFile, type RecordedRun, testOfRun } from '../../core/packetTest/record.ts';
import { fileError, writeError } from '../userFiles.ts';
import type { RunContext } from './input.ts';
import type { MapChanges, RunRequest, RunResult } from './run.ts';

/** A run as a packet test: the packet as it was written, what the program did as what is expected. */
export function recordRun(
  request: Pick<RunRequest, 'program' | 'context' | 'setups'>,
  result: RunResult,
  { name, packetText }: { name: string; packetText: string | undefined },
): RecordedRun {
  return {
    name,
    program: request.program,
    packetText,
    packetIn: result.packetIn,
    retval: result.retval,
    packetOut: result.packetOut,
    metadataOut: result.metadataOut,
    context: contextJson(request.context),
    setups: request.setups ?? [],
    maps: result.maps.map(({ map, changes }) => ({
      name: map.info.name,
      entries: changes.map((change) => changedEntry(map, change)),
    })),
    printk: result.printk,
    events: result.events.map(({ map, records }) => ({ map, records: records.map(({ data }) => data) })),
  };
}

function changedEntry(
  map: MapChanges['map'],
  { key, after }: MapChanges['changes'][number],
): MapEntry & { gone?: boolean } {
  if (after === undefined) return { key: decodeValue(map.schema.key, key), gone: true };
  const entry = decodeEntry(map.schema, key, after);
  // Sections of global variables declare no type for their key, and are written with the key 0.
  return map.schema.key === undefined && map.info.name.startsWith('.') ? { ...entry, key: 0 } : entry;
}

/** A context in the words of a test file. */
export function contextJson(context: RunContext): { [field: string]: Value } {
  const { ingressIfindex, rxQueueIndex, metadata, cpu, linearBytes } = context;
  return {
    ...(ingressIfindex === undefined ? {} : { ingress_ifindex: ingressIfindex }),
    ...(rxQueueIndex === undefined ? {} : { rx_queue_index: rxQueueIndex }),
    ...(metadata === undefined ? {} : { metadata: toHex(metadata) }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(linearBytes === undefined ? {} : { linear: linearBytes }),
  };
}

/** Adds a test to a file, or makes the file beside `source`. What is written there already stays as it is. */
export async function saveTest(file: string, source: string, run: RecordedRun): Promise<{ created: boolean }> {
  const test = testOfRun(run);
  const absolute = path.resolve(file);
  const before = await readFile(absolute, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw fileError(file, error);
  });
  const relative = path.relative(path.dirname(absolute), path.resolve(source)).split(path.sep).join('/');
  const text =
    before === undefined
      ? newTestFile(relative, run.program, [test])
      : applyEdits(before, editTests(before, { kind: 'append', value: test }));
  const aside = `${absolute}.${randomUUID()}`;
  try {
    // Whole or not at all.
    await writeFile(aside, text, { flag: 'wx' });
    await rename(aside, absolute);
  } catch (cause) {
    await rm(aside, { force: true });
    throw writeError(file, cause);
  }
  return { created: before === undefined };
}
