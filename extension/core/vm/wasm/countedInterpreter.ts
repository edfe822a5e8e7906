import type { Cpu } from '../engine/cpu.ts';
import { interpret, type Outside } from '../engine/interpreter.ts';
import type { Code } from '../isa/code.ts';
import { isConditional } from '../isa/decode.ts';
import type { Block, CodeFunction } from './blocks.ts';

/** What ran of one program: numbers by block, over all runs. */
export interface InterpretedCounts {
  /** Of all its functions, one after the other. */
  blocks: readonly Block[];
  begun: Uint32Array;
  /** How often the conditional jump at the end was taken. */
  taken: Uint32Array;
  /** By slot of a block's first instruction, its number. */
  numbers: Int32Array;
}

/** Interprets programs and counts their blocks, for those that are too long to be compiled. */
export class CountedInterpreter {
  private readonly cpu: Cpu;
  private readonly outside: Outside;
  private readonly functionsOf: (code: Code) => readonly CodeFunction[];
  private readonly known = new Map<Code, InterpretedCounts>();

  constructor(cpu: Cpu, outside: Outside, functionsOf: (code: Code) => readonly CodeFunction[]) {
    this.cpu = cpu;
    this.outside = outside;
    this.functionsOf = functionsOf;
  }

  /** As interpret(), block by block: a block is what runs from the first to the last instruction. */
  run(budget: number): boolean {
    const { cpu, outside } = this;
    for (let left = budget; left > 0; ) {
      const { code } = cpu;
      const { blocks, begun, taken, numbers } = this.countsOf(code);
      const number = numbers[cpu.slot]!;
      const { insns, end } = blocks[number]!;
      begun[number]!++;
      if (interpret(cpu, outside, Math.min(insns, left))) return true;
      left -= insns;
      const isTaken = cpu.slot === code.offset[end - 1] && cpu.slot !== end;
      if (isTaken && isConditional(code.opcode[end - 1]!)) taken[number]!++;
    }
    return false;
  }

  counts(code: Code): InterpretedCounts | undefined {
    return this.known.get(code);
  }

  private countsOf(code: Code): InterpretedCounts {
    const known = this.known.get(code);
    if (known !== undefined) return known;
    const blocks = this.functionsOf(code).flatMap((fn) => fn.blocks);
    const numbers = new Int32Array(code.length);
    for (const [number, { start }] of blocks.entries()) numbers[start] = number;
    const counts = { blocks, begun: new Uint32Array(blocks.length), taken: new Uint32Array(blocks.length), numbers };
    this.known.set(code, counts);
    return counts;
  }
}
