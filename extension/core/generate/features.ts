import { isConditional } from '../vm/isa/decode.ts';
import { opcode } from '../vm/isa/opcodes.ts';
import type { Code } from '../vm/isa/code.ts';

/**
 * What a run can reach, as numbers: each way of each conditional jump, each program (by tail calls), each verdict. Programs are
 * numbered in the order of the object.
 */
export type Feature = number;

/** Slots that a program may have: a million instructions, as the verifier looks at most at: include/linux/bpf.h. */
const slotsPerProgram = 1 << 20;
const verdicts = 2 ** 45;
const entered = 2 ** 44;

export function branchFeature(program: number, slot: number, taken: boolean): Feature {
  return (program * slotsPerProgram + slot) * 2 + (taken ? 1 : 0);
}

export function programFeature(program: number): Feature {
  return entered + program;
}

/** Numbers that are no XDP action count as one. */
export function verdictFeature(retval: number): Feature {
  return verdicts + Math.min(retval, 5);
}

/** The branch that a feature is one way of; undefined for programs and verdicts. */
export function branchOf(feature: Feature): { program: number; slot: number; taken: boolean } | undefined {
  if (feature >= entered) return undefined;
  const place = Math.floor(feature / 2);
  return {
    program: Math.floor(place / slotsPerProgram),
    slot: place % slotsPerProgram,
    taken: feature % 2 === 1,
  };
}

/** Slots of the conditional jumps of a program. `may_goto` is none: the kernel decides it. */
export function conditionalSlots(code: Code): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < code.length; slot++) {
    if (isConditional(code.opcode[slot]!) && code.opcode[slot] !== opcode.mayGoto) slots.push(slot);
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return slots;
}
