import type { Code } from '../isa/code.ts';
import { isConditional } from '../isa/decode.ts';
import { callKind, imm64Kind, opcode } from '../isa/opcodes.ts';

/** Instructions that run from the first to the last once the first one runs. */
export interface Block {
  /** Slot of the first instruction. */
  start: number;
  /** Slot behind the last one. */
  end: number;
  /** Instructions, which are fewer than slots. */
  insns: number;
}

/** A function of a program: what can be reached from its first instruction without calling. */
export interface CodeFunction {
  entry: number;
  /** By rising start. */
  blocks: readonly Block[];
}

/** The functions of a program: its own, those it calls, and those whose address it takes. The program itself is first. */
export function functionsOfCode(code: Code): CodeFunction[] {
  const entries = [0];
  for (let slot = 0; slot < code.length; slot++) {
    const op = code.opcode[slot]!;
    const isCall = op === opcode.call && code.src[slot] === callKind.local;
    const isAddress = op === opcode.loadImm64 && code.src[slot] === imm64Kind.code;
    if ((isCall || isAddress) && !entries.includes(code.offset[slot]!)) entries.push(code.offset[slot]!);
    if (op === opcode.loadImm64) slot++;
  }
  return entries.map((entry) => ({ entry, blocks: blocksFrom(code, entry) }));
}

/** Slots to which an instruction may go on, the next one first; empty at an exit. Calls go on with the next. */
export function successorsOf(code: Code, slot: number): readonly number[] {
  const op = code.opcode[slot]!;
  if (op === opcode.exit) return [];
  if (op === opcode.jaRegister) return code.jumpTargets;
  if (op === opcode.ja || op === opcode.jaLong) return [code.offset[slot]!];
  const next = slot + (op === opcode.loadImm64 ? 2 : 1);
  return isConditional(op) ? [next, code.offset[slot]!] : [next];
}

/** Does a block end behind this instruction? Behind calls it does, so that what ran is known exactly where one does not come back. */
function endsBlock(op: number): boolean {
  return (
    op === opcode.call ||
    op === opcode.callRegister ||
    op === opcode.exit ||
    op === opcode.ja ||
    op === opcode.jaLong ||
    op === opcode.jaRegister ||
    isConditional(op)
  );
}

function blocksFrom(code: Code, entry: number): Block[] {
  const leaders = new Set([entry]);
  const seen = new Uint8Array(code.length);
  const open = [entry];
  for (let slot = open.pop(); slot !== undefined; slot = open.pop()) {
    for (let at = slot; at < code.length && seen[at] === 0; ) {
      seen[at] = 1;
      const next = successorsOf(code, at);
      if (endsBlock(code.opcode[at]!)) {
        for (const target of next) {
          leaders.add(target);
          open.push(target);
        }
        break;
      }
      at = next[0]!;
    }
  }
  const starts = [...leaders].sort((a, b) => a - b);
  return starts.map((start, index) => {
    const limit = starts[index + 1] ?? code.length;
    let end = start;
    let insns = 0;
    while (end < limit) {
      const op = code.opcode[end]!;
      end += op === opcode.loadImm64 ? 2 : 1;
      insns++;
      if (endsBlock(op)) break;
    }
    return { start, end, insns };
  });
}
