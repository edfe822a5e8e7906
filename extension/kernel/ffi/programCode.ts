import koffi from 'koffi';
import { errno } from '../libbpf/errno.ts';
import type { BpfProgramCode } from '../libbpf/port.ts';
import { programInfoBytes } from './info.ts';

/** Fields of struct bpf_prog_info: where the count (or bytes) and the pointer of each array are. */
const field = {
  machine: { count: 16, pointer: 24 },
  xlated: { count: 20, pointer: 32 },
  functionAddresses: { count: 104, pointer: 112 },
  functionBytes: { count: 108, pointer: 120 },
  funcs: { count: 144, pointer: 136, size: 132 },
  lines: { count: 148, pointer: 152, size: 172 },
  lineAddresses: { count: 168, pointer: 160, size: 176 },
} as const;

/** Far beyond what the verifier takes: a million instructions of 8 bytes. */
const mostBytes = 256 << 20;

/** Asks twice, as every array of it is asked for: how long it is, and then what is in it. -E2BIG where one is longer than any may be. */
export function readProgramCode(info: (bytes: Buffer) => number): BpfProgramCode | number {
  const first = Buffer.alloc(programInfoBytes);
  const sized = info(first);
  if (sized < 0) return sized;
  const second = Buffer.alloc(programInfoBytes);
  let tooMuch = false;
  const ask = ({ count, pointer, size }: { count: number; pointer: number; size?: number }, width: number): Buffer => {
    const length = first.readUInt32LE(count);
    const each = size === undefined ? width : first.readUInt32LE(size);
    // The kernel writes as many as are asked for.
    if (length * each > mostBytes) tooMuch = true;
    const room = Buffer.alloc(Math.min(mostBytes, Math.max(8, length * each)));
    second.writeUInt32LE(length, count);
    if (size !== undefined) second.writeUInt32LE(each, size);
    second.writeBigUInt64LE(koffi.address(room), pointer);
    return room;
  };
  const machine = ask(field.machine, 1);
  const xlated = ask(field.xlated, 1);
  const functionAddresses = ask(field.functionAddresses, 8);
  const functionBytes = ask(field.functionBytes, 4);
  const funcs = ask(field.funcs, 8);
  const lines = ask(field.lines, 16);
  const lineAddresses = ask(field.lineAddresses, 8);
  if (tooMuch) return -errno.E2BIG;
  const result = info(second);
  if (result < 0) return result;
  // The kernel takes the pointer away of what it does not show.
  const taken = ({ count, pointer }: { count: number; pointer: number }): number =>
    second.readBigUInt64LE(pointer) === 0n ? 0 : Math.min(first.readUInt32LE(count), second.readUInt32LE(count));
  const machineBytes = first.readUInt32LE(field.machine.count);
  const shown = taken(field.machine);
  const lineBytes = second.readUInt32LE(field.lines.size);
  const funcBytes = second.readUInt32LE(field.funcs.size);
  return {
    xlated: xlated.subarray(0, taken(field.xlated)),
    machineBytes,
    machine: shown === 0 && machineBytes > 0 ? undefined : machine.subarray(0, shown),
    functionAddresses: numbers(taken(field.functionAddresses), (index) => functionAddresses.readBigUInt64LE(8 * index)),
    functionBytes: numbers(taken(field.functionBytes), (index) => functionBytes.readUInt32LE(4 * index)),
    lines: lines.subarray(0, taken(field.lines) * lineBytes),
    lineBytes,
    lineAddresses: numbers(taken(field.lineAddresses), (index) => lineAddresses.readBigUInt64LE(8 * index)),
    funcs: funcs.subarray(0, taken(field.funcs) * funcBytes),
    funcBytes,
  };
}

function numbers<T>(length: number, at: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => at(index));
}
