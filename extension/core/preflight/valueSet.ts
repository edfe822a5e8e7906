import { aluOp } from '../vm/isa/opcodes.ts';

/**
 * Which values a register may hold: bit n for the value n up to 30, bit 31 for anything else. Joining is OR, so that
 * following every path ends.
 */
export type ValueSet = number;

export const anyValue: ValueSet = 0xffffffff;
const otherValue = 31;

export function setOf(value: number): ValueSet {
  return value >= 0 && value < otherValue ? (1 << value) >>> 0 : (1 << otherValue) >>> 0;
}

export function joined(left: ValueSet, right: ValueSet): ValueSet {
  return (left | right) >>> 0;
}

/** What an arithmetic instruction makes of two sets; `operation`: the high four bits of its opcode. */
export function arithmetic(operation: number, left: ValueSet, right: ValueSet): ValueSet {
  if (operation === aluOp.mov) return right;
  const [lefts, rights] = [valuesOf(left), valuesOf(right)];
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
      result = joined(result, setOf(value));
    }
  }
  return result;
}

function valuesOf(set: ValueSet): number[] | undefined {
  if ((set >>> otherValue) & 1) return undefined;
  return Array.from({ length: otherValue }, (_, value) => value).filter((value) => (set >>> value) & 1);
}

function subsetsOf(bits: number): ValueSet {
  if (bits < 0 || bits >= otherValue) return anyValue;
  let result: ValueSet = 0;
  for (let value = 0; value < otherValue; value++) if ((value & bits) === value) result = joined(result, setOf(value));
  return result;
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
