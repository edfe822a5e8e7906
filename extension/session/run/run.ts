import { XdpError } from '../../core/errors.ts';
import { decodeEntry, diffPages, type EntryChange, type RawPage } from '../../core/maps/entries.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import { actionName, type XdpMd, xdpMdFields } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { LoadedObject, TestRunReply } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable, type OpenMap, openLoadedMap, readMap } from '../maps/maps.ts';
import { callsHelper, printkHelpers } from './helperCalls.ts';

/** What the program finds in its context. */
export interface RunContext {
  ingressIfindex?: number;
  rxQueueIndex?: number;
  /** Bytes between data_meta and data: a multiple of 4, at most 252. */
  metadata?: Uint8Array;
  cpu?: number;
  /** How many of the packet's bytes are in the linear part, the rest in fragments: data_end of ctx_in, kernel ≥ 5.18. */
  linearBytes?: number;
}

export interface RunRequest {
  program: string;
  packet: Uint8Array;
  context: RunContext;
  /** Runs for the time measurement; the verdict always comes from one single run. */
  repeat: number;
}

export interface MapChanges {
  map: OpenMap;
  changes: EntryChange[];
}

export interface RunResult {
  action: string;
  retval: number;
  /** Nanoseconds per run, from the repeated runs on their own fresh instance. */
  durationNs: number;
  packetIn: Uint8Array;
  /** From `data` on: without metadata. */
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  ctxOut: XdpMd;
  /** A repeated run does not see the same packet again, since the kernel does not reset it between runs. */
  packetChanges: boolean;
  maps: MapChanges[];
  printk: string[];
  printkProblem: string | undefined;
}

/** More entries than this are not compared: a test run touches few, and reading costs. */
const comparedEntries = 100_000;

/**
 * Runs one packet through BPF_PROG_TEST_RUN. Verdict, output, context, map changes and printk come from one single run
 * on fresh maps; the time comes from `repeat` runs on another fresh instance.
 */
export async function runPacket(client: HelperClient, object: BpfObject, request: RunRequest): Promise<RunResult> {
  const single = await onFreshInstance(client, object, request, async (loaded) => {
    const maps = loaded.maps.filter((map) => isListable(map.type)).map((map) => openLoadedMap(client, object, map));
    const before = await snapshot(client, maps);
    const reply = await testRun(client, loaded, request, { repeat: 1, capturePrintk: true });
    const after = await snapshot(client, maps);
    const changes = maps
      .map((map, index): MapChanges => ({ map, changes: diffOf(map, before[index], after[index]) }))
      .filter(({ changes: list }) => list.length > 0);
    const next = await secondRun(client, loaded, request, reply);
    return { reply, changes, next };
  });
  const first = splitOutput(single.reply);
  const durationNs = await onFreshInstance(client, object, request, async (loaded) => {
    const reply = await testRun(client, loaded, request, { repeat: request.repeat, capturePrintk: false });
    return reply.durationNs;
  });
  return {
    action: actionName(single.reply.retval),
    retval: single.reply.retval,
    durationNs,
    packetIn: request.packet,
    ...first,
    packetChanges:
      // A packet that grows or shrinks each time runs out of room or of bytes in the end.
      first.packetOut.length !== request.packet.length ||
      single.next === undefined ||
      goesAnotherWay(request.packet, single.reply, single.next),
    maps: single.changes,
    printk: single.reply.printk ?? [],
    printkProblem: callsHelper(object.elf, printkHelpers) ? single.reply.printkProblem : undefined,
  };
}

async function onFreshInstance<T>(
  client: HelperClient,
  object: BpfObject,
  request: RunRequest,
  action: (loaded: LoadedObject) => Promise<T>,
): Promise<T> {
  const loaded = await client.call('object/load', { elf: object.elf, name: object.name, programs: [request.program] });
  try {
    return await action(loaded);
  } finally {
    await client.call('object/close', { object: loaded.object });
  }
}

async function snapshot(client: HelperClient, maps: readonly OpenMap[]): Promise<RawPage[]> {
  const pages: RawPage[] = [];
  for (const map of maps) pages.push(await readMap(client, map.ref, { maxEntries: comparedEntries }));
  return pages;
}

function diffOf(map: OpenMap, before: RawPage | undefined, after: RawPage | undefined): EntryChange[] {
  return before && after ? diffPages(map.schema, before, after) : [];
}

/** One call of program/testRun, with the context that the kernel wants. Throws `context-invalid`. */
export function testRun(
  client: HelperClient,
  loaded: Pick<LoadedObject, 'object'>,
  request: Pick<RunRequest, 'program' | 'packet' | 'context'>,
  how: { repeat: number; capturePrintk: boolean },
): Promise<TestRunReply> {
  const { program, packet, context } = request;
  return client.call('program/testRun', { object: loaded.object, program, ...inputOf(packet, context), ...how });
}

/** The bytes that the helper takes for a packet in its context. Throws `context-invalid`. */
export function inputOf(packet: Uint8Array, context: RunContext): { data: Uint8Array; ctx?: Uint8Array; cpu?: number } {
  const metadata = context.metadata ?? new Uint8Array(0);
  const ctx = contextBytes(context, packet.length);
  const data = new Uint8Array(metadata.length + packet.length);
  data.set(metadata);
  data.set(packet, metadata.length);
  return { data, ...(ctx ? { ctx } : {}), ...(context.cpu === undefined ? {} : { cpu: context.cpu }) };
}

/**
 * ctx_in as net/bpf/test_run.c wants it: `data` is the metadata length, `data_end` the end of the linear part (as a rule
 * the whole input, which the kernel cuts down to what fits), `data_meta` 0.
 * Absent when nothing was asked for, so that the program sees the kernel's own defaults.
 */
function contextBytes(context: RunContext, packetLength: number): Uint8Array | undefined {
  const metadataLength = context.metadata?.length ?? 0;
  const { ingressIfindex, rxQueueIndex, linearBytes } = context;
  const isPlain = ingressIfindex === undefined && rxQueueIndex === undefined && linearBytes === undefined;
  if (metadataLength === 0 && isPlain) return undefined;
  if (metadataLength % 4 !== 0 || metadataLength > 252) {
    throw new XdpError('context-invalid', `Metadata is ${metadataLength} bytes long.`, {
      fix: 'The kernel takes a multiple of 4 bytes, at most 252.',
    });
  }
  if (rxQueueIndex !== undefined && rxQueueIndex !== 0 && ingressIfindex === undefined) {
    throw new XdpError('context-invalid', 'rx_queue_index was given without ingress_ifindex.', {
      fix: 'Name the interface whose queue this is: the kernel looks the queue up there.',
    });
  }
  if (linearBytes !== undefined && linearBytes > packetLength) {
    throw new XdpError('context-invalid', `linear is ${linearBytes}, but the packet has ${packetLength} bytes.`, {
      fix: "It says how many of the packet's bytes are in the linear part; the rest goes into fragments.",
    });
  }
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, metadataLength, true);
  view.setUint32(4, metadataLength + (linearBytes ?? packetLength), true);
  view.setUint32(12, ingressIfindex ?? 0, true);
  view.setUint32(16, rxQueueIndex ?? 0, true);
  return bytes;
}

/** data_out starts at data_meta: what lies before `data` is metadata. */
export function splitOutput(reply: TestRunReply): { packetOut: Uint8Array; metadataOut: Uint8Array; ctxOut: XdpMd } {
  const view = new DataView(reply.ctxOut.buffer, reply.ctxOut.byteOffset, reply.ctxOut.byteLength);
  const ctxOut = Object.fromEntries(
    xdpMdFields.map((field, index) => [field, index * 4 + 4 <= view.byteLength ? view.getUint32(index * 4, true) : 0]),
  ) as XdpMd;
  const metadataLength = Math.min(ctxOut.data, reply.dataOut.length);
  return {
    metadataOut: reply.dataOut.slice(0, metadataLength),
    packetOut: reply.dataOut.slice(metadataLength),
    ctxOut,
  };
}

/** One more run on what the first one left, as `repeat` would do. Undefined when the kernel refuses that packet. */
async function secondRun(
  client: HelperClient,
  loaded: LoadedObject,
  request: RunRequest,
  first: TestRunReply,
): Promise<{ packet: Uint8Array; reply: TestRunReply } | undefined> {
  const { packetOut } = splitOutput(first);
  if (equalBytes(packetOut, request.packet)) return { packet: packetOut, reply: first };
  try {
    const reply = await testRun(client, loaded, { ...request, packet: packetOut }, { repeat: 1, capturePrintk: false });
    return { packet: packetOut, reply };
  } catch (error) {
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}

/** Does a second run differ from the first in verdict, in how the length changes, or in whether bytes change? */
function goesAnotherWay(
  packetIn: Uint8Array,
  first: TestRunReply,
  second: { packet: Uint8Array; reply: TestRunReply },
): boolean {
  if (first.retval !== second.reply.retval) return true;
  const firstOut = splitOutput(first).packetOut;
  const secondOut = splitOutput(second.reply).packetOut;
  if (second.reply === first) return false;
  return (
    firstOut.length - packetIn.length !== secondOut.length - second.packet.length ||
    equalBytes(firstOut, packetIn) !== equalBytes(secondOut, second.packet)
  );
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** `xdp run --json` without the engine's name. */
export function runJson(result: RunResult): Record<string, unknown> {
  return {
    action: result.action,
    retval: result.retval,
    durationNs: result.durationNs,
    packetIn: toHex(result.packetIn),
    packetOut: toHex(result.packetOut),
    changed: !equalBytes(result.packetIn, result.packetOut),
    ...(result.packetChanges ? { packetChanges: true } : {}),
    ctxOut: result.ctxOut,
    ...(result.metadataOut.length > 0 ? { metadataOut: toHex(result.metadataOut) } : {}),
    maps: result.maps.map(({ map, changes }) => ({
      name: map.info.name,
      changes: changes.map((change) => ({
        key: decodeValue(map.schema.key, change.key),
        before: decodeSide(map, change.key, change.before),
        after: decodeSide(map, change.key, change.after),
      })),
    })),
    printk: result.printk,
  };
}

/** A per-CPU map gives one element per possible CPU; an entry that is not there is null. */
function decodeSide(map: OpenMap, key: Uint8Array, value: Uint8Array | undefined): Value {
  if (value === undefined) return null;
  const entry = decodeEntry(map.schema, key, value);
  return entry.values ?? entry.value ?? null;
}
