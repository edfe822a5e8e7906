import type { Code } from '../vm/isa/code.ts';
import { aluOp, insnClass, jumpOp, opcode, sourceRegister } from '../vm/isa/opcodes.ts';
import type { LinkedObject } from '../vm/link/linkedObject.ts';
import type { Edit, Mutant } from './mutant.ts';

const negations: readonly (readonly [number, number])[] = [
  [jumpOp.eq, jumpOp.ne],
  [jumpOp.gt, jumpOp.le],
  [jumpOp.ge, jumpOp.lt],
  [jumpOp.sgt, jumpOp.sle],
  [jumpOp.sge, jumpOp.slt],
];
const boundaries: readonly (readonly [number, number])[] = [
  [jumpOp.gt, jumpOp.ge],
  [jumpOp.lt, jumpOp.le],
  [jumpOp.sgt, jumpOp.sge],
  [jumpOp.slt, jumpOp.sle],
];

/** The jump with its two ways exchanged. undefined for `&`, which has no opposite, where no jump follows to exchange with. */
export function negated(code: Code, slot: number): Edit['change'] | undefined {
  const other = partner(negations, code.opcode[slot]!);
  if (other !== undefined) return { kind: 'opcode', opcode: other };
  // Without optimisation the other way is a jump of its own.
  return code.opcode[slot + 1] === opcode.ja ? { kind: 'swapTargets' } : undefined;
}

/**
 * The same comparison with equality, or without it: the slot that changes, and how. `operator`: the source's, as it is. `swapped`: the
 * constant stands on the left in the source. undefined where it cannot be told.
 *
 * Compilers write `x < 10` as `x > 9` with its ways exchanged as well, or as `10 > x`: with a constant, it is the limit that moves.
 */
export function otherBoundary(
  code: Code,
  slot: number,
  { operator, swapped }: { operator: string; swapped: boolean },
): { slot: number; change: Edit['change'] } | undefined {
  const op = code.opcode[slot]!;
  const toggled = partner(boundaries, op);
  if (toggled === undefined) return undefined;
  const at = constantOf(code, slot);
  if (at === undefined) return { slot, change: { kind: 'opcode', opcode: toggled } };
  if (code.opcode[at] === opcode.loadImm64) return undefined;
  // Of `x < limit` and `x >= limit` the limit rises by one, of `x <= limit` and `x > limit` it falls, to toggle equality.
  const seen = swapped ? (mirrored[operator] ?? operator) : operator;
  const imm = code.imm[at]! + (seen === '<' || seen === '>=' ? 1 : -1);
  // At the end of the numbers there is no next one: 0 and -1 are the ends of the unsigned ones.
  const crosses = imm < 0 !== code.imm[at]! < 0 && !isSigned(op);
  if (crosses || imm > 0x7fff_ffff || imm < -0x8000_0000) return undefined;
  return { slot: at, change: { kind: 'immediate', imm } };
}

const mirrored: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' };

function isSigned(op: number): boolean {
  return [jumpOp.sgt, jumpOp.sge, jumpOp.slt, jumpOp.sle].some((each) => each === (op & 0xf0));
}

/** Slot with the number that a jump compares with: its own, or that of an instruction just before which loads a register. */
function constantOf(code: Code, slot: number): number | undefined {
  if ((code.opcode[slot]! & sourceRegister) === 0) return slot;
  for (const register of [code.src[slot]!, code.dst[slot]!]) {
    for (let at = slot - 1; at >= Math.max(0, slot - 4); at--) {
      const kind = code.opcode[at]! & 7;
      if (kind === insnClass.jmp || kind === insnClass.jmp32) break;
      const writes = kind !== insnClass.st && kind !== insnClass.stx && code.opcode[at] !== 0;
      if (!writes || code.dst[at] !== register) continue;
      if (code.opcode[at] === opcode.loadImm64 || isMove(code, at)) return at;
      break;
    }
  }
  return undefined;
}

function partner(pairs: readonly (readonly [number, number])[], op: number): number | undefined {
  for (const [one, other] of pairs) {
    if ((op & 0xf0) === one) return (op & 0x0f) | other;
    if ((op & 0xf0) === other) return (op & 0x0f) | one;
  }
  return undefined;
}

/** Slots that load a small number into a register: a verdict, perhaps. */
export function verdictMoves(code: Code): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < code.length; slot++) {
    if (isMove(code, slot) && code.imm[slot]! >= 0 && code.imm[slot]! <= 4) slots.push(slot);
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return slots;
}

/** `rN = number`. */
export function isMove(code: Code, slot: number): boolean {
  const op = code.opcode[slot]!;
  const kind = op & 7;
  if ((kind !== insnClass.alu64 && kind !== insnClass.alu) || (op & sourceRegister) !== 0) return false;
  return (op & 0xf0) === aluOp.mov;
}

/** The object with a mutant's changes; all else is shared. */
export function mutated(linked: LinkedObject, { edits }: Mutant): LinkedObject {
  const programs = new Map(linked.programs);
  for (const { program: name, slot, change } of edits) {
    const program = programs.get(name);
    if (program === undefined) continue;
    const isCopied = program !== linked.programs.get(name);
    const code = isCopied ? program.code : copyOf(program.code);
    if (!isCopied) programs.set(name, { ...program, code });
    apply(code, slot, change);
  }
  return { ...linked, programs };
}

function copyOf(code: Code): Code {
  return {
    ...code,
    words: code.words.slice(),
    opcode: code.opcode.slice(),
    offset: code.offset.slice(),
    imm: code.imm.slice(),
  };
}

function apply(code: Code, slot: number, change: Edit['change']): void {
  switch (change.kind) {
    case 'opcode':
      code.opcode[slot] = change.opcode;
      code.words[slot] = (code.words[slot]! & 0xff00) | change.opcode;
      return;
    case 'swapTargets': {
      const target = code.offset[slot]!;
      code.offset[slot] = code.offset[slot + 1]!;
      code.offset[slot + 1] = target;
      return;
    }
    case 'immediate':
      code.imm[slot] = change.imm;
  }
}
