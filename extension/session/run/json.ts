import { toErrorData } from '../../core/errors.ts';
import { decodeEntry } from '../../core/maps/entries.ts';
import { decodeEvent } from '../../core/maps/events.ts';
import type { Layout } from '../../core/maps/layout.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import type { OpenMap } from '../maps/maps.ts';
import { equalBytes } from './input.ts';
import type { EventsOfRun, MapChanges, RunResult } from './run.ts';
import type { SequenceResult, SequenceRow } from './sequence.ts';

/** `xdp run --json` without the engine's name. `eventType`: what the events are, which no object says. */
export function runJson(result: RunResult, eventType?: Layout): Record<string, unknown> {
  return {
    action: result.action,
    retval: result.retval,
    durationNs: result.durationNs,
    ...(result.spread === undefined ? {} : { spread: result.spread }),
    packetIn: toHex(result.packetIn),
    packetOut: toHex(result.packetOut),
    changed: !equalBytes(result.packetIn, result.packetOut),
    ...(result.packetChanges ? { packetChanges: true } : {}),
    ctxOut: result.ctxOut,
    ...(result.metadataOut.length > 0 ? { metadataOut: toHex(result.metadataOut) } : {}),
    maps: mapsJson(result.maps),
    printk: result.printk,
    ...(result.events.length === 0 ? {} : { events: result.events.map((each) => eventsJson(each, eventType)) }),
    ...(result.redirect === undefined ? {} : { redirect: result.redirect }),
  };
}

export interface MapJson {
  name: string;
  changes: { key: Value; before: Value; after: Value }[];
}

export function mapsJson(maps: readonly MapChanges[]): MapJson[] {
  return maps.map(({ map, changes }) => ({
    name: map.info.name,
    changes: changes.map((change) => ({
      key: decodeValue(map.schema.key, change.key),
      before: decodeSide(map, change.key, change.before),
      after: decodeSide(map, change.key, change.after),
    })),
  }));
}

/** `xdp run --json` of all packets of a file, without the engine's name. */
export function sequenceJson({ rows, maps }: SequenceResult): Record<string, unknown> {
  return {
    packets: rows.map(({ number, packetIn, outcome }) => {
      if (outcome.kind === 'refused') {
        return { number, packetIn: toHex(packetIn), error: toErrorData(outcome.error) };
      }
      const { action, retval, packetOut, metadataOut, events } = outcome;
      return {
        number,
        action,
        retval,
        packetIn: toHex(packetIn),
        packetOut: toHex(packetOut),
        changed: !equalBytes(packetIn, packetOut),
        ...(metadataOut.length === 0 ? {} : { metadataOut: toHex(metadataOut) }),
        ...(events === 0 ? {} : { events }),
      };
    }),
    actions: countActions(rows),
    maps: mapsJson(maps),
  };
}

/** How many packets had which verdict. */
export function countActions(rows: readonly SequenceRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of rows) {
    if (outcome.kind === 'ran') counts[outcome.action] = (counts[outcome.action] ?? 0) + 1;
  }
  return counts;
}

function eventsJson({ map, records, lost, problem }: EventsOfRun, type: Layout | undefined): unknown {
  return {
    map,
    records: records.map(({ cpu, data }) => {
      const value = decodeEvent(type, data);
      return { ...(cpu === undefined ? {} : { cpu }), data: toHex(data), ...(value === undefined ? {} : { value }) };
    }),
    ...(lost === 0 ? {} : { lost }),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** A per-CPU map gives one element per possible CPU; an entry that is not there is null. */
function decodeSide(map: OpenMap, key: Uint8Array, value: Uint8Array | undefined): Value {
  if (value === undefined) return null;
  const entry = decodeEntry(map.schema, key, value);
  return entry.values ?? entry.value ?? null;
}
