import type { DebugProtocol } from '@vscode/debugprotocol';
import type { ProgramImage } from '../core/debugger/image.ts';
import type { CodePlace } from '../core/debugger/image.ts';
import { disassemble } from '../core/vm/isa/disassemble.ts';
import { opcode, slotBytes } from '../core/vm/isa/opcodes.ts';
import { codeNames } from '../core/vm/link/codeNames.ts';
import type { LinkedProgram } from '../core/vm/link/linkedObject.ts';

/** Each program gets addresses of its own, far from those of others. */
const programStride = 0x10_0000_0000n;

/** Addresses of instructions, as the disassembly view knows them. */
export class CodeAddresses {
  private readonly image: ProgramImage;
  private readonly programs: LinkedProgram[];
  private readonly mapNames: readonly string[];

  constructor(image: ProgramImage) {
    this.image = image;
    this.programs = [...image.linked.programs.values()];
    this.mapNames = image.linked.maps.map(({ spec }) => spec.name);
  }

  addressOf({ program, slot }: CodePlace): string {
    return hex(this.base(program) + BigInt(slot * slotBytes));
  }

  /** Undefined for what is no instruction. */
  placeAt(reference: string, offset = 0): CodePlace | undefined {
    const address = parseAddress(reference);
    if (address === undefined) return undefined;
    const at = address + BigInt(offset);
    const program = this.programs[Number(at / programStride) - 1];
    const slot = Number((at % programStride) / BigInt(slotBytes));
    return program !== undefined && slot < program.code.length ? { program, slot } : undefined;
  }

  /** Exactly `count` instructions from `offset` instructions after the reference on; those that do not exist are filled in. */
  list(reference: string, offset: number, count: number): DebugProtocol.DisassembledInstruction[] {
    const start = this.placeAt(reference);
    const listed: DebugProtocol.DisassembledInstruction[] = [];
    const program = start?.program;
    const slots = program === undefined ? [] : instructionSlots(program);
    const first = start === undefined ? 0 : slots.findLastIndex((slot) => slot <= start.slot) + offset;
    const base = program === undefined ? programStride : this.base(program);
    let last: string | undefined;
    for (let index = first; index < first + count; index++) {
      const slot = slots[index];
      if (program === undefined || slot === undefined) {
        const beyond = index < 0 ? index : (slots.at(-1) ?? 0) + 2 + index - slots.length;
        listed.push({ address: hex(base + BigInt(beyond * slotBytes)), instruction: '', presentationHint: 'invalid' });
        continue;
      }
      const instruction = this.instruction(program, slot);
      // A location holds until another is named.
      const key = `${instruction.location?.path}:${instruction.line}`;
      if (key === last) {
        delete instruction.location;
        delete instruction.line;
      } else last = key;
      listed.push(instruction);
    }
    return listed;
  }

  private instruction(program: LinkedProgram, slot: number): DebugProtocol.DisassembledInstruction {
    const { source } = this.image.placeOf(program, slot);
    const fn = this.image.functionAt(program, slot);
    return {
      address: this.addressOf({ program, slot }),
      instruction: `${String(slot).padStart(4)}: ${disassemble(program.code, slot, codeNames(program, this.mapNames))}`,
      ...(fn?.start === slot && { symbol: fn.name }),
      ...(source !== undefined && {
        location: { name: source.file.split('/').at(-1) ?? source.file, path: source.file },
        line: source.line,
        column: source.column,
      }),
    };
  }

  private base(program: LinkedProgram): bigint {
    return BigInt(this.programs.indexOf(program) + 1) * programStride;
  }
}

export function parseAddress(text: string): bigint | undefined {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text) : undefined;
}

function hex(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16)}`;
}

function instructionSlots({ code }: LinkedProgram): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < code.length; slot++) {
    slots.push(slot);
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return slots;
}
