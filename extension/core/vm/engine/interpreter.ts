import { aluOp, callKind, jumpOp, modeBits, opcode, sourceRegister } from '../isa/opcodes.ts';
import type { Memory } from '../memory/memory.ts';
import { Fault, right, tag } from '../memory/regions.ts';
import { alu32 } from './alu32.ts';
import { alu64, swap } from './alu64.ts';
import { atomic } from './atomics.ts';
import { taken32, taken64 } from './compare.ts';
import type { Cpu } from './cpu.ts';

/** What the program can reach beyond registers and memory. */
export interface Outside {
  readonly memory: Memory;
  /** Number of the CPU that the program runs on. */
  readonly processor: number;
  /** Field `index` of struct xdp_md as a program reads it; the first three are addresses in the packet. */
  contextField(index: number): number;
  /** Runs a helper: arguments in r1 to r5, result to r0. May move `cpu.slot` and `cpu.code` (tail calls, callbacks). */
  helper(cpu: Cpu, id: number): void;
  /** Runs the kernel function that the call at `slot` names. */
  kfunc(cpu: Cpu, slot: number): void;
  /** Reads from the context into register `d`; `op` is the load's opcode. */
  loadContext(cpu: Cpu, d: number, offset: number, op: number): void;
}

/**
 * Runs up to `budget` instructions and returns whether the program ended; if not, calling again goes on. After a Fault
 * `cpu.slot` is the instruction at fault.
 */
export function interpret(cpu: Cpu, outside: Outside, budget: number): boolean {
  const { lo, hi } = cpu;
  const { memory } = outside;
  let { code } = cpu;
  let slot = cpu.slot;
  let left = budget;
  try {
    while (left > 0) {
      left--;
      const word = code.words[slot]!;
      const op = word & 0xff;
      const d = (word >> 8) & 15;
      switch (op & 7) {
        case 7: {
          // alu64
          const fromRegister = (op & sourceRegister) !== 0;
          const sl = fromRegister ? lo[word >> 12]! : code.imm[slot]!;
          const sh = fromRegister ? hi[word >> 12]! : sl >> 31;
          switch (op >> 4) {
            case 0x0: {
              // add
              const sum = (lo[d]! >>> 0) + (sl >>> 0);
              lo[d] = sum;
              hi[d] = hi[d]! + sh + (sum > 0xffffffff ? 1 : 0);
              break;
            }
            case 0x1: {
              // sub
              const borrow = lo[d]! >>> 0 < sl >>> 0 ? 1 : 0;
              lo[d] = lo[d]! - sl;
              hi[d] = hi[d]! - sh - borrow;
              break;
            }
            case 0x4: // or
              lo[d] = lo[d]! | sl;
              hi[d] = hi[d]! | sh;
              break;
            case 0x5: // and
              lo[d] = lo[d]! & sl;
              hi[d] = hi[d]! & sh;
              break;
            case 0xa: // xor
              lo[d] = lo[d]! ^ sl;
              hi[d] = hi[d]! ^ sh;
              break;
            case 0xb: // mov
              if (code.offset[slot] === 0) {
                lo[d] = sl;
                hi[d] = sh;
              } else alu64(lo, hi, d, op & 0xf0, sl, sh, code.offset[slot]!);
              break;
            default:
              alu64(lo, hi, d, op & 0xf0, sl, sh, code.offset[slot]!);
          }
          slot++;
          break;
        }
        case 1: {
          // ldx
          const s = word >> 12;
          if (hi[s] === tag.context) outside.loadContext(cpu, d, lo[s]! + code.offset[slot]!, op);
          else load(lo, hi, memory, d, s, code.offset[slot]!, op);
          slot++;
          break;
        }
        case 5: {
          // jmp
          const operation = op & 0xf0;
          if (operation === jumpOp.ja) {
            slot = op === opcode.ja ? code.offset[slot]! : tableTarget(cpu, d);
          } else if (operation === jumpOp.call) {
            cpu.slot = slot + 1;
            callOut(cpu, outside, slot, op, d);
            slot = cpu.slot;
            code = cpu.code;
          } else if (operation === jumpOp.exit) {
            cpu.slot = slot;
            if (cpu.leave()) return true;
            slot = cpu.slot;
            code = cpu.code;
          } else if (operation === jumpOp.cond) {
            slot = cpu.loopsLeft-- > 0 ? slot + 1 : code.offset[slot]!;
          } else {
            const fromRegister = (op & sourceRegister) !== 0;
            const sl = fromRegister ? lo[word >> 12]! : code.imm[slot]!;
            const sh = fromRegister ? hi[word >> 12]! : sl >> 31;
            slot = taken64(operation, lo[d]!, hi[d]!, sl, sh) ? code.offset[slot]! : slot + 1;
          }
          break;
        }
        case 4: {
          // alu
          if ((op & 0xf0) === aluOp.end) byteOrder(lo, hi, d, op, code.imm[slot]!);
          else {
            const b = (op & sourceRegister) !== 0 ? lo[word >> 12]! : code.imm[slot]!;
            lo[d] = alu32(lo[d]!, op & 0xf0, b, code.offset[slot]!);
            hi[d] = 0;
          }
          slot++;
          break;
        }
        case 3: {
          // stx
          const s = word >> 12;
          if ((op & 0xe0) === modeBits.atomic) atomic(cpu, memory, slot);
          else store(memory, hi[d]!, lo[d]!, code.offset[slot]!, op, lo[s]!, hi[s]!);
          slot++;
          break;
        }
        case 2: {
          // st
          const value = code.imm[slot]!;
          store(memory, hi[d]!, lo[d]!, code.offset[slot]!, op, value, value >> 31);
          slot++;
          break;
        }
        case 6: {
          // jmp32
          if (op === opcode.jaLong) slot = code.offset[slot]!;
          else {
            const b = (op & sourceRegister) !== 0 ? lo[word >> 12]! : code.imm[slot]!;
            slot = taken32(op & 0xf0, lo[d]!, b) ? code.offset[slot]! : slot + 1;
          }
          break;
        }
        default:
          lo[d] = code.imm[slot]!;
          hi[d] = code.immHigh[slot]!;
          slot += 2;
      }
    }
    return false;
  } finally {
    cpu.slot = slot;
    cpu.executed += budget - left;
  }
}

/** One load as the interpreter does it, for other engines: into register `target`, through register `base`. */
export function loadThrough(
  cpu: Cpu,
  outside: Outside,
  { target, base, offset, op }: { target: number; base: number; offset: number; op: number },
): void {
  if (cpu.hi[base] === tag.context) outside.loadContext(cpu, target, cpu.lo[base]! + offset, op);
  else load(cpu.lo, cpu.hi, outside.memory, target, base, offset, op);
}

function load(lo: Int32Array, hi: Int32Array, memory: Memory, d: number, s: number, offset: number, op: number): void {
  const high = hi[s]!;
  const low = lo[s]!;
  const extend = (op & 0xe0) === modeBits.memsx;
  let value: number;
  switch (op & 0x18) {
    case 0x10: {
      // b
      const at = memory.address(high, low, offset, 1, right.read);
      value = extend ? memory.view.getInt8(at) : memory.bytes[at]!;
      break;
    }
    case 0x8: {
      // h
      const at = memory.address(high, low, offset, 2, right.read);
      value = extend ? memory.view.getInt16(at, true) : memory.view.getUint16(at, true);
      break;
    }
    case 0x0: // w
      value = memory.view.getInt32(memory.address(high, low, offset, 4, right.read), true);
      break;
    default: {
      const at = memory.address(high, low, offset, 8, right.read);
      lo[d] = memory.view.getInt32(at, true);
      hi[d] = memory.view.getInt32(at + 4, true);
      return;
    }
  }
  lo[d] = value;
  hi[d] = extend ? value >> 31 : 0;
}

function store(memory: Memory, high: number, low: number, offset: number, op: number, sl: number, sh: number): void {
  switch (op & 0x18) {
    case 0x10: // b
      memory.bytes[memory.address(high, low, offset, 1, right.write)] = sl;
      return;
    case 0x8: // h
      memory.view.setInt16(memory.address(high, low, offset, 2, right.write), sl, true);
      return;
    case 0x0: // w
      memory.view.setInt32(memory.address(high, low, offset, 4, right.write), sl, true);
      return;
    default: {
      const at = memory.address(high, low, offset, 8, right.write);
      memory.view.setInt32(at, sl, true);
      memory.view.setInt32(at + 4, sh, true);
    }
  }
}

/** `le` and `be` on a little-endian machine: the first truncates, the second swaps. */
function byteOrder(lo: Int32Array, hi: Int32Array, d: number, op: number, bits: number): void {
  if ((op & sourceRegister) !== 0) swap(lo, hi, d, bits);
  else if (bits !== 64) {
    if (bits === 16) lo[d] = lo[d]! & 0xffff;
    hi[d] = 0;
  }
}

function callOut(cpu: Cpu, outside: Outside, slot: number, op: number, d: number): void {
  if (op === opcode.callRegister) {
    if (cpu.hi[d] === tag.code) cpu.call(jumpTarget(cpu, d));
    // Headers of libbpf before 0.7 declare helpers as variables, which code without optimisation calls by their number.
    else if (cpu.hi[d] === 0) outside.helper(cpu, cpu.lo[d]!);
    else throw new Fault('instruction', `r${d} holds no function that could be called`);
    return;
  }
  switch (cpu.code.src[slot]) {
    case callKind.helper:
      return outside.helper(cpu, cpu.code.imm[slot]!);
    case callKind.local:
      return cpu.call(cpu.code.offset[slot]!);
    default:
      return outside.kfunc(cpu, slot);
  }
}

export function noJumpTarget(register: number): string {
  return `r${register} holds no instruction that could be jumped to`;
}

/** Slot that gotox leads to: only to what jump tables hold. */
function tableTarget(cpu: Cpu, register: number): number {
  const target = jumpTarget(cpu, register);
  if (cpu.code.jumpTargets.includes(target)) return target;
  throw new Fault('instruction', noJumpTarget(register));
}

/** Slot that a register points to. */
function jumpTarget(cpu: Cpu, register: number): number {
  const target = cpu.lo[register]!;
  const known = cpu.hi[register] === tag.code && target >= 0 && target < cpu.code.length;
  if (known && cpu.code.opcode[target] !== 0) return target;
  throw new Fault('instruction', noJumpTarget(register));
}
