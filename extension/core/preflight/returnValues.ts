import type { Code } from '../vm/isa/code.ts';
import { isConditional, usesRegister } from '../vm/isa/decode.ts';
import { aluOp, callKind, imm64Kind, insnClass, opcode } from '../vm/isa/opcodes.ts';

/**
 * Which values a register may hold: bit n for the value n up to 30, bit 31 for anything else. Joining is OR, so that
 * following every path ends.
 */
export type ValueSet = number;
export const anyValue: ValueSet = 0xffffffff;
const otherValue = 31;

const registers = 11;
/** A program longer than this is not followed. Slots; the kernel takes a million. */
const maxSlots = 200_000;

const helper = { redirect: 23, redirectMap: 51 } as const;
const XDP_REDIRECT = 4;

/** What the program may return, on whatever path: an upper bound, never too small. */
export function returnValues(code: Code): ValueSet {
  return code.length > maxSlots ? anyValue : functionReturns(code, 0, new Map());
}

/** The same of the function that starts at a slot. `known`: functions that were looked at; one under way may return anything. */
function functionReturns(code: Code, start: number, known: Map<number, ValueSet>): ValueSet {
  const before = known.get(start);
  if (before !== undefined) return before;
  known.set(start, anyValue);
  const returned = followAll(code, start, known);
  known.set(start, returned);
  return returned;
}

function followAll(code: Code, start: number, known: Map<number, ValueSet>): ValueSet {
  const states = new Uint32Array(code.length * registers);
  const reached = new Uint8Array(code.length);
  const work: number[] = [];
  let returned: ValueSet = 0;
  const enter = (slot: number, state: Uint32Array): void => {
    let grew = reached[slot] === 0;
    reached[slot] = 1;
    for (let register = 0; register < registers; register++) {
      const at = slot * registers + register;
      const joined = (states[at]! | state[register]!) >>> 0;
      if (joined === states[at]) continue;
      states[at] = joined;
      grew = true;
    }
    if (grew) work.push(slot);
  };
  enter(start, new Uint32Array(registers).fill(anyValue));
  const state = new Uint32Array(registers);
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    state.set(states.subarray(slot * registers, (slot + 1) * registers));
    const op = code.opcode[slot]!;
    if (op === opcode.exit) {
      returned = (returned | state[0]!) >>> 0;
      continue;
    }
    // Where it leads is in a register: nothing is known any more.
    if (op === opcode.jaRegister) return anyValue;
    if (op === opcode.ja || op === opcode.jaLong) {
      enter(code.offset[slot]!, state);
      continue;
    }
    if (isConditional(op)) enter(code.offset[slot]!, state);
    else step(code, slot, state, known);
    enter(slot + (op === opcode.loadImm64 ? 2 : 1), state);
  }
  return returned;
}

function step(code: Code, slot: number, state: Uint32Array, known: Map<number, ValueSet>): void {
  const op = code.opcode[slot]!;
  const kind = op & 7;
  const dst = code.dst[slot]!;
  if (op === opcode.call || op === opcode.callRegister) {
    const result = op === opcode.call ? callResult(code, slot, state, known) : anyValue;
    state.fill(anyValue, 0, 6);
    state[0] = result;
  } else if (op === opcode.loadImm64) {
    const plain = code.src[slot] === imm64Kind.value && code.immHigh[slot] === 0;
    state[dst] = plain ? setOf(code.imm[slot]!) : anyValue;
  } else if (kind === insnClass.alu || kind === insnClass.alu64) {
    const right = usesRegister(op) ? state[code.src[slot]!]! : setOf(code.imm[slot]!);
    state[dst] = code.offset[slot] === 0 ? arithmetic(op & 0xf0, state[dst]!, right) : anyValue;
  } else if (kind === insnClass.ldx) {
    state[dst] = anyValue;
  } else if (kind === insnClass.stx && (op & 0xe0) === 0xc0) {
    // An atomic may fetch into its source, or into r0.
    state[code.src[slot]!] = anyValue;
    state[0] = anyValue;
  } else if (kind === insnClass.ld) {
    state[0] = anyValue;
  }
}

function callResult(code: Code, slot: number, state: Uint32Array, known: Map<number, ValueSet>): ValueSet {
  switch (code.src[slot]) {
    case callKind.local:
      return functionReturns(code, code.offset[slot]!, known);
    case callKind.helper:
      if (code.imm[slot] === helper.redirect) return setOf(XDP_REDIRECT) | setOf(0);
      // What it gives when there is no such entry are the low bits of the flags: net/core/filter.c, __bpf_xdp_redirect_map().
      if (code.imm[slot] === helper.redirectMap)
        return (setOf(XDP_REDIRECT) | arithmetic(aluOp.and, state[3]!, setOf(3))) >>> 0;
      return anyValue;
    default:
      return anyValue;
  }
}

/** The helpers, by number, that the program may call. */
export function helpersCalled(code: Code): Set<number> {
  const called = new Set<number>();
  for (let slot = 0; slot < code.length; slot++) {
    if (code.opcode[slot] === opcode.call && code.src[slot] === callKind.helper) called.add(code.imm[slot]!);
  }
  return called;
}

function setOf(value: number): ValueSet {
  return value >= 0 && value < otherValue ? (1 << value) >>> 0 : (1 << otherValue) >>> 0;
}

function valuesOf(set: ValueSet): number[] | undefined {
  if ((set >>> otherValue) & 1) return undefined;
  return Array.from({ length: otherValue }, (_, value) => value).filter((value) => (set >>> value) & 1);
}

function arithmetic(operation: number, left: ValueSet, right: ValueSet): ValueSet {
  if (operation === aluOp.mov) return right;
  const rights = valuesOf(right);
  const lefts = valuesOf(left);
  if (operation === aluOp.and) {
    // What is left of an unknown value are the bits of the other side.
    if (lefts === undefined && rights?.length === 1) return subsetsOf(rights[0]!);
    if (rights === undefined && lefts?.length === 1) return subsetsOf(lefts[0]!);
  }
  if (lefts === undefined || rights === undefined) return anyValue;
  let result: ValueSet = 0;
  for (const a of lefts) {
    for (const b of rights) {
      const value = apply(operation, a, b);
      if (value === undefined) return anyValue;
      result |= setOf(value);
    }
  }
  return result >>> 0;
}

function subsetsOf(bits: number): ValueSet {
  if (bits < 0 || bits >= otherValue) return anyValue;
  let result: ValueSet = 0;
  for (let value = 0; value < otherValue; value++) if ((value & bits) === value) result |= setOf(value);
  return result >>> 0;
}

function apply(operation: number, a: number, b: number): number | undefined {
  switch (operation) {
    case aluOp.add:
      return a + b;
    case aluOp.sub:
      return a - b;
    case aluOp.or:
      return a | b;
    case aluOp.and:
      return a & b;
    case aluOp.xor:
      return a ^ b;
    case aluOp.lsh:
      return a * 2 ** b;
    case aluOp.rsh:
      return a >>> b;
    default:
      return undefined;
  }
}
