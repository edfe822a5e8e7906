import { accessBytes, atomicOp } from '../isa/opcodes.ts';
import type { Memory } from '../memory/memory.ts';
import { right } from '../memory/regions.ts';
import type { Cpu } from './cpu.ts';

/** Atomic instructions: RFC 9669, section 5.3; load-acquire and store-release: kernel/bpf/core.c of 6.15. */
export function atomic(cpu: Cpu, memory: Memory, slot: number): void {
  const { lo, hi, code } = cpu;
  const operation = code.imm[slot]!;
  const size = accessBytes(code.opcode[slot]!);
  const d = code.dst[slot]!;
  const s = code.src[slot]!;
  const offset = code.offset[slot]!;
  if (operation === atomicOp.loadAcquire) {
    const at = memory.address(hi[s]!, lo[s]!, offset, size, right.read);
    lo[d] =
      size === 8 || size === 4
        ? memory.view.getInt32(at, true)
        : size === 2
          ? memory.view.getUint16(at, true)
          : memory.bytes[at]!;
    hi[d] = size === 8 ? memory.view.getInt32(at + 4, true) : 0;
    return;
  }
  if (operation === atomicOp.storeRelease) {
    const at = memory.address(hi[d]!, lo[d]!, offset, size, right.write);
    store(memory, at, size, lo[s]!, hi[s]!);
    return;
  }
  const at = memory.address(hi[d]!, lo[d]!, offset, size, right.both);
  const oldLow = memory.view.getInt32(at, true);
  const oldHigh = size === 8 ? memory.view.getInt32(at + 4, true) : 0;
  const sl = lo[s]!;
  const sh = hi[s]!;
  switch (operation & ~atomicOp.fetch) {
    case atomicOp.add: {
      const sum = (oldLow >>> 0) + (sl >>> 0);
      store(memory, at, size, sum, oldHigh + sh + (sum > 0xffffffff ? 1 : 0));
      break;
    }
    case atomicOp.or:
      store(memory, at, size, oldLow | sl, oldHigh | sh);
      break;
    case atomicOp.and:
      store(memory, at, size, oldLow & sl, oldHigh & sh);
      break;
    case atomicOp.xor:
      store(memory, at, size, oldLow ^ sl, oldHigh ^ sh);
      break;
    case atomicOp.xchg & ~atomicOp.fetch:
      store(memory, at, size, sl, sh);
      break;
    case atomicOp.cmpxchg & ~atomicOp.fetch: {
      const equal = oldLow === lo[0]! && (size === 4 || oldHigh === hi[0]!);
      if (equal) store(memory, at, size, sl, sh);
      lo[0] = oldLow;
      hi[0] = oldHigh;
      return;
    }
  }
  if ((operation & atomicOp.fetch) !== 0) {
    lo[s] = oldLow;
    hi[s] = oldHigh;
  }
}

function store(memory: Memory, at: number, size: number, low: number, high: number): void {
  const { view } = memory;
  if (size === 1) view.setInt8(at, low);
  else if (size === 2) view.setInt16(at, low, true);
  else view.setInt32(at, low, true);
  if (size === 8) view.setInt32(at + 4, high, true);
}
