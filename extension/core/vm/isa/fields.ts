import { InvalidInstruction } from './code.ts';
import {
  aluOp,
  atomicOp,
  callKind,
  framePointer,
  imm64Kind,
  insnClass,
  jumpOp,
  modeBits,
  opcode,
  sizeBits,
  sourceRegister,
} from './opcodes.ts';

/** One instruction as it stands in memory. */
export interface RawInsn {
  slot: number;
  opcode: number;
  dst: number;
  src: number;
  /** Signed 16 bits. */
  offset: number;
  /** Signed 32 bits. */
  imm: number;
}

/** Throws InvalidInstruction unless the opcode is known and every field that it does not use is zero. */
export function checkFields(insn: RawInsn): void {
  if (insn.dst > framePointer) fail(insn, `register r${insn.dst} does not exist`);
  if (insn.src > framePointer) fail(insn, `register r${insn.src} does not exist`);
  switch (insn.opcode & 7) {
    case insnClass.alu:
    case insnClass.alu64:
      return checkArithmetic(insn);
    case insnClass.jmp:
    case insnClass.jmp32:
      return checkJump(insn);
    case insnClass.ld:
      return checkImmediateLoad(insn);
    case insnClass.ldx:
      return checkLoad(insn);
    case insnClass.st:
      if ((insn.opcode & 0xe0) !== modeBits.mem) unknown(insn);
      return zero(insn, { src: true });
    case insnClass.stx:
      return checkStore(insn);
  }
}

function checkArithmetic(insn: RawInsn): void {
  const operation = insn.opcode & 0xf0;
  const fromRegister = (insn.opcode & sourceRegister) !== 0;
  const wide = (insn.opcode & 7) === insnClass.alu64;
  if (operation > aluOp.end) unknown(insn);
  written(insn, insn.dst);
  if (operation === aluOp.end) {
    if (wide && fromRegister) unknown(insn);
    zero(insn, { src: true, offset: true });
    if (insn.imm !== 16 && insn.imm !== 32 && insn.imm !== 64)
      fail(insn, `a byte swap of ${insn.imm} bits does not exist`);
    return;
  }
  if (operation === aluOp.neg) {
    if (fromRegister) unknown(insn);
    return zero(insn, { src: true, offset: true, imm: true });
  }
  zero(insn, fromRegister ? { imm: true } : { src: true });
  if (operation === aluOp.div || operation === aluOp.mod) {
    if (insn.offset !== 0 && insn.offset !== 1) reserved(insn, 'offset');
  } else if (operation === aluOp.mov && fromRegister) {
    if (wide && insn.offset === 1) fail(insn, 'conversions between address spaces (arenas) are not supported');
    const allowed = wide ? [0, 8, 16, 32] : [0, 8, 16];
    if (!allowed.includes(insn.offset)) reserved(insn, 'offset');
  } else {
    zero(insn, { offset: true });
  }
}

function checkJump(insn: RawInsn): void {
  const operation = insn.opcode & 0xf0;
  const fromRegister = (insn.opcode & sourceRegister) !== 0;
  const wide = (insn.opcode & 7) === insnClass.jmp;
  switch (operation) {
    case jumpOp.ja:
      if (fromRegister) {
        if (!wide) unknown(insn);
        return zero(insn, { src: true, offset: true, imm: true });
      }
      return zero(insn, wide ? { dst: true, src: true, imm: true } : { dst: true, src: true, offset: true });
    case jumpOp.call:
      if (!wide) unknown(insn);
      return checkCall(insn, fromRegister);
    case jumpOp.exit:
      if (!wide || fromRegister) unknown(insn);
      return zero(insn, { dst: true, src: true, offset: true, imm: true });
    case jumpOp.cond:
      if (!wide || fromRegister) unknown(insn);
      return zero(insn, { dst: true, src: true, imm: true });
    case 0xf0:
      return unknown(insn);
    default:
      return zero(insn, fromRegister ? { imm: true } : { src: true });
  }
}

function checkCall(insn: RawInsn, fromRegister: boolean): void {
  if (fromRegister) {
    zero(insn, { src: true, offset: true });
    if (insn.imm !== 0 && (insn.dst !== 0 || insn.imm < 0 || insn.imm >= framePointer)) reserved(insn, 'imm');
    return;
  }
  switch (insn.src) {
    case callKind.helper:
    case callKind.local:
      return zero(insn, { dst: true, offset: true });
    case callKind.kfunc:
      return zero(insn, { dst: true });
    default:
      return fail(insn, `calls of kind ${insn.src} do not exist`);
  }
}

function checkImmediateLoad(insn: RawInsn): void {
  const mode = insn.opcode & 0xe0;
  if ((mode === modeBits.abs || mode === modeBits.ind) && (insn.opcode & 0x18) !== sizeBits.dw) {
    fail(insn, 'legacy packet access (BPF_ABS, BPF_IND) does not exist for XDP programs');
  }
  if (insn.opcode !== opcode.loadImm64) unknown(insn);
  written(insn, insn.dst);
  zero(insn, { offset: true });
  if (insn.src > imm64Kind.mapValueByIndex) fail(insn, `64-bit immediates of kind ${insn.src} do not exist`);
}

function checkLoad(insn: RawInsn): void {
  const mode = insn.opcode & 0xe0;
  const signExtending = mode === modeBits.memsx;
  if (mode !== modeBits.mem && !signExtending) unknown(insn);
  if (signExtending && (insn.opcode & 0x18) === sizeBits.dw) unknown(insn);
  written(insn, insn.dst);
  zero(insn, { imm: true });
}

function checkStore(insn: RawInsn): void {
  const mode = insn.opcode & 0xe0;
  if (mode === modeBits.mem) return zero(insn, { imm: true });
  if (mode !== modeBits.atomic) unknown(insn);
  const size = insn.opcode & 0x18;
  if (insn.imm === atomicOp.loadAcquire) return written(insn, insn.dst);
  if (insn.imm === atomicOp.storeRelease) return;
  const operation = insn.imm & ~atomicOp.fetch;
  const arithmetic =
    operation === atomicOp.add || operation === atomicOp.or || operation === atomicOp.and || operation === atomicOp.xor;
  if (!arithmetic && insn.imm !== atomicOp.xchg && insn.imm !== atomicOp.cmpxchg) {
    fail(insn, `the atomic operation 0x${(insn.imm >>> 0).toString(16)} does not exist`);
  }
  if (size !== sizeBits.w && size !== sizeBits.dw) fail(insn, 'atomic arithmetic has 4 or 8 bytes');
  if ((insn.imm & atomicOp.fetch) !== 0 && insn.imm !== atomicOp.cmpxchg) written(insn, insn.src);
}

function written(insn: RawInsn, register: number): void {
  if (register === framePointer) fail(insn, 'the frame pointer r10 is read-only');
}

function zero(insn: RawInsn, fields: { dst?: boolean; src?: boolean; offset?: boolean; imm?: boolean }): void {
  if (fields.dst && insn.dst !== 0) reserved(insn, 'dst_reg');
  if (fields.src && insn.src !== 0) reserved(insn, 'src_reg');
  if (fields.offset && insn.offset !== 0) reserved(insn, 'offset');
  if (fields.imm && insn.imm !== 0) reserved(insn, 'imm');
}

function reserved(insn: RawInsn, field: string): never {
  return fail(insn, `opcode 0x${hex(insn.opcode)} has a reserved value in its field ${field}`);
}

function unknown(insn: RawInsn): never {
  return fail(insn, `unknown opcode 0x${hex(insn.opcode)}`);
}

function fail(insn: RawInsn, problem: string): never {
  throw new InvalidInstruction(insn.slot, problem);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
