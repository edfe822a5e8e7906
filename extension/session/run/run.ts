import { XdpError } from '../../core/errors.ts';
import type { EntryChange, RawPage } from '../../core/maps/entries.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import { actionName, type XdpMd } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { EventRecords, TestRunReply } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import { traceRedirect } from '../engine/redirect.ts';
import type { OpenMap } from '../maps/maps.ts';
import { callsHelper, printkHelpers } from './helperCalls.ts';
import { equalBytes, type RunContext, splitOutput } from './input.ts';
import { RunInstance } from './instance.ts';
import { interfaceNames } from './interfaces.ts';
import type { Redirect } from './redirect.ts';
import { batchesOf, type Spread, spreadOf } from './spread.ts';

const xdpRedirect = 4;

export interface RunRequest {
  program: string;
  packet: Uint8Array;
  context: RunContext;
  /** Runs for the time measurement; the verdict always comes from one single run. */
  repeat: number;
  /** What is in the maps before. */
  setups?: readonly MapSetup[];
}

export interface MapChanges {
  map: OpenMap;
  changes: EntryChange[];
}

/** What a run wrote into a ring buffer or a perf event array. */
export interface EventsOfRun extends Omit<EventRecords, 'map'> {
  /** Name. */
  map: string;
  /** libbpf's short name. */
  type: string;
}

export interface RunResult {
  action: string;
  retval: number;
  /** Nanoseconds per run: the median of `spread`, or one run. */
  durationNs: number;
  /** Of the repeated runs, on their own fresh instance; `batches`: how many means it is made of. */
  spread?: Spread & { batches: number };
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
  events: EventsOfRun[];
  /** Of XDP_REDIRECT. */
  redirect: Redirect | undefined;
}

/**
 * Runs one packet through BPF_PROG_TEST_RUN. Verdict, output, context, map changes, printk and events come from one single run
 * on fresh maps; the time comes from `repeat` runs on another fresh instance.
 */
export async function runPacket(client: HelperClient, object: BpfObject, request: RunRequest): Promise<RunResult> {
  const prints = callsHelper(object.elf, printkHelpers);
  const single = await onInstance(RunInstance.fresh(client, object, request), async (instance) => {
    const ran = await runSingle(instance, request, { capturePrintk: prints });
    const next = await secondRun(instance, request, ran.reply);
    return { ...ran, next, redirect: await redirectOf(instance, object, request, ran) };
  });
  const { packetOut } = splitOutput(single.reply);
  const spread = await onInstance(RunInstance.fresh(client, object, request), (instance) =>
    timeRuns(instance, request),
  );
  return {
    ...resultOf(request, single),
    durationNs: spread.medianNs,
    spread,
    redirect: single.redirect,
    packetChanges:
      // A packet that grows or shrinks each time runs out of room or of bytes in the end.
      packetOut.length !== request.packet.length ||
      single.next === undefined ||
      goesAnotherWay(request.packet, single.reply, single.next),
  };
}

/**
 * Runs one packet through a program that is attached: its own maps count it, and what live traffic does to them meanwhile is
 * among the changes. `repeat` runs more only when it is more than 1. `object`: what it was loaded from, where that is known.
 */
export async function runAttached(
  opening: Promise<RunInstance>,
  request: Omit<RunRequest, 'program' | 'setups'>,
  object?: BpfObject,
): Promise<RunResult & { program: string }> {
  return await onInstance(opening, async (instance) => {
    const { program } = instance;
    const prints = object === undefined || callsHelper(object.elf, printkHelpers);
    const ran = await runSingle(instance, request, { capturePrintk: prints });
    const redirect = await redirectOf(instance, object, { ...request, program }, ran);
    const spread = request.repeat > 1 ? await timeRuns(instance, request) : undefined;
    return {
      program,
      ...resultOf(request, ran),
      durationNs: spread?.medianNs ?? ran.reply.durationNs,
      ...(spread === undefined ? {} : { spread }),
      redirect,
      packetChanges: request.repeat > 1 && !equalBytes(splitOutput(ran.reply).packetOut, request.packet),
    };
  });
}

async function onInstance<T>(opening: Promise<RunInstance>, action: (instance: RunInstance) => Promise<T>): Promise<T> {
  const instance = await opening;
  try {
    return await action(instance);
  } finally {
    await instance.close();
  }
}

type Packet = Pick<RunRequest, 'packet' | 'context'>;

interface SingleRun {
  reply: TestRunReply;
  changes: MapChanges[];
  events: EventsOfRun[];
  before: ReadonlyMap<string, RawPage>;
  after: ReadonlyMap<string, RawPage>;
}

async function runSingle(
  instance: RunInstance,
  { packet, context }: Packet,
  how: { capturePrintk: boolean },
): Promise<SingleRun> {
  const before = await instance.snapshot();
  const reply = await instance.run(packet, context, how);
  const after = await instance.snapshot();
  return { reply, changes: instance.changes(before, after), events: instance.eventsOf(reply), before, after };
}

function resultOf(
  { packet }: Packet,
  { reply, changes, events }: SingleRun,
): Omit<RunResult, 'durationNs' | 'spread' | 'packetChanges' | 'redirect'> {
  return {
    action: actionName(reply.retval),
    retval: reply.retval,
    packetIn: packet,
    ...splitOutput(reply),
    maps: changes,
    printk: reply.printk ?? [],
    printkProblem: reply.printkProblem,
    events,
  };
}

async function timeRuns(
  instance: RunInstance,
  { packet, context, repeat }: Packet & { repeat: number },
): Promise<Spread & { batches: number }> {
  const batches = batchesOf(repeat);
  const means: number[] = [];
  for (const runs of batches) means.push(await instance.time(packet, context, runs));
  return { ...spreadOf(means), batches: batches.length };
}

/** One more run on what the first one left, as `repeat` would do. Undefined when the kernel refuses that packet. */
async function secondRun(
  instance: RunInstance,
  { packet, context }: Packet,
  first: TestRunReply,
): Promise<{ packet: Uint8Array; reply: TestRunReply } | undefined> {
  const { packetOut } = splitOutput(first);
  if (equalBytes(packetOut, packet)) return { packet: packetOut, reply: first };
  try {
    const reply = await instance.run(packetOut, context, { capturePrintk: false });
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

/** BPF_PROG_TEST_RUN does not tell where a redirect goes: the built-in machine runs the same packet on the same maps and does. */
async function redirectOf(
  instance: RunInstance,
  object: BpfObject | undefined,
  request: Omit<RunRequest, 'repeat'>,
  { reply, before, after }: SingleRun,
): Promise<Redirect | undefined> {
  if (reply.retval !== xdpRedirect) return undefined;
  if (object === undefined) {
    return { kind: 'unknown', reason: 'a test run does not tell, and the source of the program is not known here' };
  }
  const { client, maps } = instance;
  const interfaces = await interfaceNames(client);
  const { packetOut } = splitOutput(reply);
  const { possibleCpus } = client.hello;
  return traceRedirect(object, request, { packetOut, possibleCpus, maps, before, pages: after, interfaces });
}
