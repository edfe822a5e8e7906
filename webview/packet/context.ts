import { parseHex } from '../../extension/core/packet/hex.ts';
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
}

export const emptyInputs: RunInputs = { repeat: '1000', ingress: '', rxQueue: '', metadata: '', cpu: '' };

export type RunRequest = Pick<Extract<FromPacketPanel, { kind: 'run' }>, 'repeat' | 'context'>;

/** Which input is wrong, and why in words; the kernel would only say EINVAL. */
export interface InputProblem {
  input: keyof RunInputs | 'packet';
  message: string;
}

const maxRepeat = 10_000_000;
/** Far above any machine's; the kernel says when there is none of that number. */
const maxCpu = 8191;
const maxQueue = 65_535;

export interface RunSituation {
  packetBytes: number;
  /** The program takes packets in several fragments (section `xdp.frags`). */
  frags: boolean;
  interfaces: readonly { name: string; ifindex: number }[];
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
  const repeat = whole('repeat', strings.repeat, 1, maxRepeat) ?? 1;
  const rxQueueIndex = whole('rxQueue', strings.rxQueue, 0, maxQueue);
  const cpu = whole('cpu', strings.cpu, 0, maxCpu);
  const metadata = metadataOf(inputs.metadata, problems);
  const ingressIfindex = situation.interfaces.find(({ name }) => name === inputs.ingress)?.ifindex;
  if (rxQueueIndex !== undefined && rxQueueIndex > 0 && ingressIfindex === undefined) {
    problems.push({ input: 'rxQueue', message: strings.queueNeedsInterface });
  }
  checkLength(situation, metadata?.length ?? 0, problems);
  return {
    request: {
      repeat,
      context: {
        ...(ingressIfindex === undefined ? {} : { ingressIfindex }),
        ...(rxQueueIndex === undefined ? {} : { rxQueueIndex }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(cpu === undefined ? {} : { cpu }),
      },
    },
    problems,
  };
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

function checkLength(situation: RunSituation, metadata: number, problems: InputProblem[]): void {
  const { minPacket: min, maxLinear: max } = testRunLimits;
  const { packetBytes: count, frags } = situation;
  if (count < min) problems.push({ input: 'packet', message: fill(strings.tooShort, { min, count }) });
  else if (!frags && count + metadata > max) {
    problems.push({
      input: 'packet',
      message: fill(strings.tooLong, { max: formatInteger(max), count: formatInteger(count + metadata) }),
    });
  }
}
