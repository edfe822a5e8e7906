import { imm64Kind, opcode } from './opcodes.ts';

/**
 * Decoded instructions, one per 8-byte slot, so that numbers are the kernel's own. The one form that every engine, the
 * debugger and coverage share. Checked by decode(): whoever reads it need not check again.
 *
 * `offset` means: memory instructions, signed bytes; jumps, local calls, may_goto and `ld_imm64` of code, the absolute
 * target slot; arithmetic, the variant (1 signed division, 8/16/32 sign-extending move). `ld_imm64` holds its value in
 * `imm` and `immHigh`; its second slot has the opcode 0. `callx` has its register in `dst`.
 */
export interface Code {
  readonly length: number;
  /** Opcode, dst << 8, src << 12: what an engine reads first, in one go. */
  readonly words: Uint16Array;
  readonly opcode: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly offset: Int32Array;
  readonly imm: Int32Array;
  readonly immHigh: Int32Array;
  /** Slots that its jump tables and 64-bit immediates hold: where `gotox` may lead. */
  readonly jumpTargets: readonly number[];
}

export function emptyCode(length: number): Code {
  return {
    length,
    words: new Uint16Array(length),
    opcode: new Uint8Array(length),
    dst: new Uint8Array(length),
    src: new Uint8Array(length),
    offset: new Int32Array(length),
    imm: new Int32Array(length),
    immHigh: new Int32Array(length),
    jumpTargets: [],
  };
}

/** Slots whose addresses 64-bit immediates hold. */
export function codeAddresses(code: Code): number[] {
  const found = new Set<number>();
  for (let slot = 0; slot < code.length; slot++) {
    if (code.opcode[slot] !== opcode.loadImm64) continue;
    if (code.src[slot] === imm64Kind.code) found.add(code.offset[slot]!);
    slot++;
  }
  return [...found];
}

/** Thrown for bytes that are no program: reserved fields, unknown opcodes, jumps that lead nowhere. */
export class InvalidInstruction extends Error {
  /** Slot of the instruction. */
  readonly slot: number;

  constructor(slot: number, problem: string) {
    super(`instruction ${slot}: ${problem}`);
    this.slot = slot;
  }
}
