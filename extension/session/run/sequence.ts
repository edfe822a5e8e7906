import { XdpError } from '../../core/errors.ts';
import { toHex } from '../../core/packet/hex.ts';
import { actionName } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { EngineDifference } from '../packetTest/engine.ts';
import { equalBytes, splitOutput } from './input.ts';
import { RunInstance } from './instance.ts';
import type { MapChanges, RunRequest } from './run.ts';

/** What one packet of several did, or why it could not be run. */
export interface SequenceRow {
  /** From 1, as Wireshark counts. */
  number: number;
  packetIn: Uint8Array;
  outcome:
    | { kind: 'ran'; action: string; retval: number; packetOut: Uint8Array; metadataOut: Uint8Array; events: number }
    | { kind: 'refused'; error: XdpError };
}

export interface SequenceResult {
  rows: SequenceRow[];
  /** After all of them. */
  maps: MapChanges[];
}

export type SequenceRequest = Pick<RunRequest, 'program' | 'context' | 'setups'> & { packets: readonly Uint8Array[] };

/** One message to the helper carries at most so much: results come while others run. */
const chunkPackets = 256;
const chunkBytes = 1 << 20;

/** Runs packets one after the other on one fresh instance: what one writes into maps the next finds there, as in traffic. */
export async function runSequence(
  client: HelperClient,
  object: BpfObject,
  { packets, context, ...request }: SequenceRequest,
): Promise<SequenceResult> {
  const instance = await RunInstance.fresh(client, object, request);
  try {
    const before = await instance.snapshot();
    const rows: SequenceRow[] = [];
    while (rows.length < packets.length) {
      const chunk = nextChunk(packets, rows.length);
      for (const reply of await instance.runMany(chunk, context)) {
        const packetIn = packets[rows.length] ?? new Uint8Array(0);
        rows.push({ number: rows.length + 1, packetIn, outcome: outcomeOf(reply) });
      }
    }
    return { rows, maps: instance.changes(before, await instance.snapshot()) };
  } finally {
    await instance.close();
  }
}

function nextChunk(packets: readonly Uint8Array[], from: number): Uint8Array[] {
  const chunk: Uint8Array[] = [];
  let bytes = 0;
  for (let at = from; at < packets.length && chunk.length < chunkPackets && bytes < chunkBytes; at++) {
    const packet = packets[at] ?? new Uint8Array(0);
    chunk.push(packet);
    bytes += packet.length;
  }
  return chunk;
}

function outcomeOf(reply: Awaited<ReturnType<RunInstance['runMany']>>[number]): SequenceRow['outcome'] {
  if (reply instanceof XdpError) return { kind: 'refused', error: reply };
  const { packetOut, metadataOut } = splitOutput(reply);
  const events = (reply.events ?? []).reduce((sum, { records, lost }) => sum + records.length + lost, 0);
  return { kind: 'ran', action: actionName(reply.retval), retval: reply.retval, packetOut, metadataOut, events };
}

/** Where two engines do not agree on what packets did. */
export function compareRows(kernel: readonly SequenceRow[], vm: readonly SequenceRow[]): EngineDifference[] {
  return kernel.flatMap(({ number, outcome }, index): EngineDifference[] => {
    const other = vm[index]?.outcome;
    if (other === undefined) return [];
    const what = (part: string): string => `packets[${number}].${part}`;
    if (outcome.kind === 'refused' || other.kind === 'refused') {
      if (outcome.kind === other.kind) return [];
      const shown = (each: SequenceRow['outcome']): string => (each.kind === 'ran' ? each.action : each.error.message);
      return [{ what: what('action'), kernel: shown(outcome), vm: shown(other) }];
    }
    const differences: EngineDifference[] = [];
    if (outcome.retval !== other.retval) {
      differences.push({ what: what('action'), kernel: outcome.action, vm: other.action });
    }
    if (!equalBytes(outcome.packetOut, other.packetOut)) {
      differences.push({ what: what('packetOut'), kernel: toHex(outcome.packetOut), vm: toHex(other.packetOut) });
    }
    return differences;
  });
}
