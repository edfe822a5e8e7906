import { decodeUtf8Lossy } from '../../elf/utf8.ts';
import { errno } from '../errno.ts';
import { Fault } from '../memory/regions.ts';
import type { Call, Helper } from './call.ts';
import { bytesOfText, type FormatArgument, formatText, textOfBytes } from './format.ts';

const defaultClockStep = 1000n;
/** CONFIG_HZ of most distributions' kernels: 250. */
const nanosecondsPerJiffy = 4_000_000n;
/** Five minutes before 32 bits overflow: include/linux/jiffies.h, INITIAL_JIFFIES. */
const initialJiffies = 0x1_0000_0000n - 300n * 250n;
const maxFormatArguments = 12;

/** Time, chance, processor, text: kernel/bpf/helpers.c and kernel/trace/bpf_trace.c. */
export const systemHelpers: readonly Helper[] = [
  { id: 4, name: 'bpf_probe_read', run: probeRead },
  { id: 5, name: 'bpf_ktime_get_ns', run: (call) => call.giveBig(tick(call)) },
  { id: 125, name: 'bpf_ktime_get_boot_ns', run: (call) => call.giveBig(tick(call)) },
  { id: 160, name: 'bpf_ktime_get_coarse_ns', run: (call) => call.giveBig(tick(call)) },
  { id: 208, name: 'bpf_ktime_get_tai_ns', run: (call) => call.giveBig(tick(call)) },
  { id: 118, name: 'bpf_jiffies64', run: (call) => call.giveBig(initialJiffies + tick(call) / nanosecondsPerJiffy) },
  { id: 7, name: 'bpf_get_prandom_u32', run: (call) => call.give(random(call)) },
  { id: 8, name: 'bpf_get_smp_processor_id', run: (call) => call.give(call.world.inputs.cpu ?? 0) },
  { id: 42, name: 'bpf_get_numa_node_id', run: (call) => call.give(0) },
  {
    id: 6,
    name: 'bpf_trace_printk',
    run(call) {
      const values = [3, 4, 5].map((argument) => registerArgument(call, argument));
      print(call, readFormat(call, 1, call.u32(2)), values);
    },
  },
  {
    id: 177,
    name: 'bpf_trace_vprintk',
    run(call) {
      const values = dataArguments(call, 3, 4);
      if (values === undefined) return call.give(errno.invalid);
      print(call, readFormat(call, 1, call.u32(2)), values);
    },
  },
  { id: 165, name: 'bpf_snprintf', run: snprintf },
  { id: 182, name: 'bpf_strncmp', run: compareText },
  { id: 113, name: 'bpf_probe_read_kernel', run: probeRead },
];

function tick(call: Call): bigint {
  const { world } = call;
  world.clockNs += world.inputs.clockStepNs ?? defaultClockStep;
  return world.clockNs;
}

/** Mulberry32: small, and the same everywhere. */
function random(call: Call): number {
  const { world } = call;
  world.randomState = (world.randomState + 0x6d2b79f5) | 0;
  let value = Math.imul(world.randomState ^ (world.randomState >>> 15), world.randomState | 1);
  value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
  return (value ^ (value >>> 14)) >>> 0;
}

function registerArgument(call: Call, argument: number): FormatArgument {
  return { low: call.cpu.lo[argument]!, high: call.cpu.hi[argument]! };
}

/** An array of u64 values with its size in bytes. */
function dataArguments(call: Call, pointer: number, size: number): FormatArgument[] | undefined {
  const bytes = call.u32(size);
  if (bytes % 8 !== 0 || bytes > maxFormatArguments * 8) return undefined;
  const at = call.readable(pointer, bytes);
  const { view } = call.world.memory;
  return Array.from({ length: bytes / 8 }, (_, i) => ({
    low: view.getInt32(at + 8 * i, true),
    high: view.getInt32(at + 8 * i + 4, true),
  }));
}

/** undefined when the format does not end where its size says. */
function readFormat(call: Call, pointer: number, size: number): string | undefined {
  const at = call.readable(pointer, size);
  const { bytes } = call.world.memory;
  if (size === 0 || bytes[at + size - 1] !== 0) return undefined;
  return textOfBytes(bytes.subarray(at, at + bytes.subarray(at, at + size).indexOf(0)));
}

/** The lines of the trace pipe, in which empty ones but for the first are not to be told from those between events. */
function print(call: Call, format: string | undefined, values: readonly FormatArgument[]): void {
  const text = format === undefined ? undefined : formatText(call.world.memory, format, values);
  if (text === undefined) return call.give(errno.invalid);
  const [first = '', ...more] = text.split('\n');
  for (const each of [first, ...more.filter((line) => line !== '')]) {
    const line = bytesOfText(each);
    call.world.printk.push(decodeUtf8Lossy(line, 0, line.length));
  }
  call.give(text.length);
}

/** bpf_snprintf(out, out_size, format, data, data_size). */
function snprintf(call: Call): void {
  const { memory } = call.world;
  const size = call.u32(2);
  const values = dataArguments(call, 4, 5);
  if (values === undefined) return call.give(errno.invalid);
  const out = call.writable(1, size);
  const formatAt = call.readable(3, 1);
  const region = call.cpu.hi[3]! === 0 ? memory.regionAt(formatAt) : call.cpu.hi[3]!;
  const end = memory.bytes.subarray(formatAt, memory.ends[region]!).indexOf(0);
  if (end < 0) throw call.refuse('its format has no end');
  const text = formatText(memory, textOfBytes(memory.bytes.subarray(formatAt, formatAt + end)), values);
  if (text === undefined) return call.give(errno.invalid);
  const bytes = bytesOfText(text);
  if (size > 0) {
    const kept = Math.min(bytes.length, size - 1);
    memory.bytes.set(bytes.subarray(0, kept), out);
    memory.bytes[out + kept] = 0;
  }
  call.give(bytes.length + 1);
}

/** bpf_strncmp(s1, s1_size, s2): s2 is a constant string. */
function compareText(call: Call): void {
  const { memory } = call.world;
  const size = call.u32(2);
  const first = call.readable(1, size);
  const second = call.readable(3, 1);
  const region = call.cpu.hi[3]! === 0 ? memory.regionAt(second) : call.cpu.hi[3]!;
  const end = memory.ends[region]!;
  for (let i = 0; i < size; i++) {
    if (second + i >= end) throw call.refuse('its third argument has no end');
    const a = memory.bytes[first + i]!;
    const b = memory.bytes[second + i]!;
    // The kernel's strncmp() tells only which is smaller: lib/string.c.
    if (a !== b) return call.give(a < b ? -1 : 1);
    if (a === 0) break;
  }
  call.give(0);
}

/** bpf_probe_read_kernel(destination, size, source): zeros and -EFAULT where nothing is. */
function probeRead(call: Call): void {
  const { memory } = call.world;
  const size = call.u32(2);
  const to = call.writable(1, size);
  try {
    const from = call.readable(3, size);
    memory.bytes.copyWithin(to, from, from + size);
    call.give(0);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    memory.bytes.fill(0, to, to + size);
    call.give(errno.fault);
  }
}
