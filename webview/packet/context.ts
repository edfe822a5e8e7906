import { parseHex } from '../../extension/core/packet/hex.ts';
import { parseMapSetups } from '../../extension/core/packetTest/parseTestFile.ts';
import { describeProblem } from '../../extension/core/packetTest/problems.ts';
import { testRunLimits } from '../../extension/core/xdp.ts';
import type { FromPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger } from '../common/format.ts';
import { strings } from './strings.ts';

/** What the run bar's inputs hold, as typed. */
export interface RunInputs {
  repeat: string;
  /** Name, since ifindexes change; empty: none. */
  ingress: string;
  rxQueue: string;
  metadata: string;
  cpu: string;
  /** Bytes of the packet in its linear part; empty: all that fit. */
  linear: string;
  /** `fresh`, `live`, or `attached` and a space and the id of an attached program. */
  mode: string;
  frames: string;
  batch: string;
  /** What is in the maps before, as a packet test has it; empty: nothing beyond what the source puts there. */
  maps: string;
}

export const emptyInputs: RunInputs = {
  repeat: '1000',
  ingress: '',
  rxQueue: '',
  metadata: '',
  cpu: '',
  linear: '',
  mode: 'fresh',
  frames: '100000',
  batch: '',
  maps: '',
};

type Request<K extends FromPacketPanel['kind']> = Extract<FromPacketPanel, { kind: K }>;

/** What is asked for beside the packet and the program. */
export type RunRequest =
  | ({ kind: 'run' } & Pick<Request<'run'>, 'repeat' | 'context' | 'maps' | 'attachedProgId'>)
  | ({ kind: 'live' } & Pick<Request<'live'>, 'frames' | 'batch' | 'context' | 'maps'>);

/** Which input is wrong, and why in words; the kernel would only say EINVAL. */
export interface InputProblem {
  input: keyof RunInputs | 'packet';
  message: string;
}

const maxRepeat = 10_000_000;
/** Far above any machine's; the kernel says when there is none of that number. */
const maxCpu = 8191;
const maxQueue = 65_535;
const maxFrames = 100_000_000;
/** TEST_XDP_MAX_BATCH of net/bpf/test_run.c. */
const maxBatch = 256;
/** What a page holds beside the headers that live frames need: net/bpf/test_run.c, struct xdp_page_head. */
const maxLive = 3400;
/** Where frames go that may go anywhere: the interface of `xdp lab`. */
export const labInterface = 'xdplab0';

export interface RunSituation {
  packetBytes: number;
  /** The program takes packets in several fragments (section `xdp.frags`). */
  frags: boolean;
  interfaces: readonly { name: string; ifindex: number }[];
  attached: readonly { progId: number; program: string; iface: string }[];
}

/** The attached program that is to be run, where it is still there. */
export function attachedOf(
  { mode }: Pick<RunInputs, 'mode'>,
  attached: RunSituation['attached'],
): RunSituation['attached'][number] | undefined {
  return attached.find(({ progId }) => mode === `attached ${progId}`);
}

/** net/bpf/test_run.c, bpf_prog_test_run_xdp() and xdp_convert_md_to_buff(). */
export function readInputs(
  inputs: RunInputs,
  situation: RunSituation,
): { request: RunRequest; problems: InputProblem[] } {
  const problems: InputProblem[] = [];
  const whole = (input: keyof RunInputs, label: string, min: number, max: number): number | undefined => {
    const text = inputs[input].trim().replaceAll(/[\s_,.]/g, '');
    if (text === '') return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    problems.push({ input, message: fill(strings.badNumber, { field: label, min, max: formatInteger(max) }) });
    return undefined;
  };
  const rxQueueIndex = whole('rxQueue', strings.rxQueue, 0, maxQueue);
  const metadata = metadataOf(inputs.metadata, problems);
  const ifindexOf = (wanted: string): number | undefined =>
    situation.interfaces.find(({ name }) => name === wanted)?.ifindex;
  const live = inputs.mode === 'live';
  const ingressIfindex = ifindexOf(inputs.ingress) ?? (live ? ifindexOf(labInterface) : undefined);
  if (rxQueueIndex !== undefined && rxQueueIndex > 0 && ingressIfindex === undefined) {
    problems.push({ input: 'rxQueue', message: strings.queueNeedsInterface });
  }
  const context = {
    ...(ingressIfindex === undefined ? {} : { ingressIfindex }),
    ...(rxQueueIndex === undefined ? {} : { rxQueueIndex }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  const maps = mapsOf(inputs.maps, problems);
  checkLength(situation, { metadata: metadata?.length ?? 0, live }, problems);
  if (live) {
    const frames = whole('frames', strings.frames, 1, maxFrames) ?? 1;
    const batch = whole('batch', strings.batch, 1, maxBatch);
    if (ingressIfindex === undefined) problems.push({ input: 'ingress', message: strings.liveNeedsInterface });
    return { request: { kind: 'live', frames, ...(batch === undefined ? {} : { batch }), context, ...maps }, problems };
  }
  const attached = attachedOf(inputs, situation.attached);
  // Every run counts where it is attached: one is what was asked for.
  const repeat = attached === undefined ? (whole('repeat', strings.repeat, 1, maxRepeat) ?? 1) : 1;
  const cpu = whole('cpu', strings.cpu, 0, maxCpu);
  const linearBytes = linearOf(whole, situation.packetBytes, problems);
  return {
    request: {
      kind: 'run',
      repeat,
      context: {
        ...context,
        ...(cpu === undefined ? {} : { cpu }),
        ...(linearBytes === undefined ? {} : { linearBytes }),
      },
      // Where a program is attached its maps are what they are.
      ...(attached === undefined ? maps : { attachedProgId: attached.progId }),
    },
    problems,
  };
}

function mapsOf(text: string, problems: InputProblem[]): { maps?: string } {
  if (text.trim() === '') return {};
  const [first] = parseMapSetups(text).problems;
  if (first === undefined) return { maps: text };
  problems.push({ input: 'maps', message: fill(strings.badMaps, { problem: describeProblem(first) }) });
  return {};
}

function linearOf(
  whole: (input: 'linear', label: string, min: number, max: number) => number | undefined,
  packetBytes: number,
  problems: InputProblem[],
): number | undefined {
  const { minPacket, maxLinear } = testRunLimits;
  const linear = whole('linear', strings.linear, minPacket, maxLinear);
  if (linear === undefined || linear <= packetBytes) return linear;
  problems.push({ input: 'linear', message: fill(strings.linearLong, { count: formatInteger(packetBytes) }) });
  return undefined;
}

function metadataOf(text: string, problems: InputProblem[]): Uint8Array | undefined {
  if (text.trim() === '') return undefined;
  const { metadataAlign: align, maxMetadata: max } = testRunLimits;
  try {
    const bytes = parseHex(text);
    const count = bytes.length;
    if (count % align !== 0)
      problems.push({ input: 'metadata', message: fill(strings.metadataAlign, { align, count }) });
    else if (count > max) problems.push({ input: 'metadata', message: fill(strings.metadataLong, { max, count }) });
    return count === 0 ? undefined : bytes;
  } catch {
    problems.push({ input: 'metadata', message: strings.badMetadata });
    return undefined;
  }
}

function checkLength(
  situation: RunSituation,
  { metadata, live }: { metadata: number; live: boolean },
  problems: InputProblem[],
): void {
  const { minPacket: min, maxLinear: max } = testRunLimits;
  const { packetBytes: count, frags } = situation;
  if (count < min) problems.push({ input: 'packet', message: fill(strings.tooShort, { min, count }) });
  else if (live && count + metadata > maxLive) {
    const [most, now] = [formatInteger(maxLive), formatInteger(count + metadata)];
    problems.push({ input: 'packet', message: fill(strings.liveTooLong, { max: most, count: now }) });
  } else if (!frags && count + metadata > max) {
    problems.push({
      input: 'packet',
      message: fill(strings.tooLong, { max: formatInteger(max), count: formatInteger(count + metadata) }),
    });
  }
}
