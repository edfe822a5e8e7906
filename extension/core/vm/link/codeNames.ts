import { helperName } from '../helpers/names.ts';
import type { DisassemblyNames } from '../isa/disassemble.ts';
import { callKind, imm64Kind } from '../isa/opcodes.ts';
import type { LinkedFunction, LinkedProgram } from './linkedObject.ts';

/** The names that a linked program's numbers stand for. `mapNames`: of the object, in its order. */
export function codeNames(program: LinkedProgram, mapNames: readonly string[]): DisassemblyNames {
  const { code, kfuncs } = program;
  return {
    callee: (slot) => {
      switch (code.src[slot]) {
        case callKind.helper:
          return helperName(code.imm[slot]!);
        case callKind.kfunc:
          return kfuncs[code.imm[slot]!];
        default:
          return functionAt(program, code.offset[slot]!)?.name;
      }
    },
    symbol: (slot) => {
      const map = mapNames[code.imm[slot]!];
      switch (code.src[slot]) {
        case imm64Kind.mapByFd:
          return map;
        case imm64Kind.mapValueByFd:
          return `${map} + ${code.immHigh[slot]}`;
        case imm64Kind.code:
          return functionAt(program, code.offset[slot]!)?.name;
        default:
          return undefined;
      }
    },
  };
}

/** The function of the program that holds an instruction. */
export function functionAt(program: LinkedProgram, slot: number): LinkedFunction | undefined {
  return program.functions.find(({ start, length }) => slot >= start && slot < start + length);
}
