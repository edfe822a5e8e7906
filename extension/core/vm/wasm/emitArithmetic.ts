import type { Code } from '../isa/code.ts';
import { aluOp, insnClass, sourceRegister } from '../isa/opcodes.ts';
import { local, localOf } from './layout.ts';
import { type WasmWriter, valueType, wasm } from './writer.ts';

const plain64: Readonly<Record<number, number>> = {
  [aluOp.add]: wasm.i64Add,
  [aluOp.sub]: wasm.i64Sub,
  [aluOp.mul]: wasm.i64Mul,
  [aluOp.or]: wasm.i64Or,
  [aluOp.and]: wasm.i64And,
  [aluOp.lsh]: wasm.i64Shl,
  [aluOp.rsh]: wasm.i64ShrU,
  [aluOp.xor]: wasm.i64Xor,
  [aluOp.arsh]: wasm.i64ShrS,
};
const plain32: Readonly<Record<number, number>> = {
  [aluOp.add]: wasm.i32Add,
  [aluOp.sub]: wasm.i32Sub,
  [aluOp.mul]: wasm.i32Mul,
  [aluOp.or]: wasm.i32Or,
  [aluOp.and]: wasm.i32And,
  [aluOp.lsh]: wasm.i32Shl,
  [aluOp.rsh]: wasm.i32ShrU,
  [aluOp.xor]: wasm.i32Xor,
  [aluOp.arsh]: wasm.i32ShrS,
};

/** Instructions of the classes alu and alu64: RFC 9669, section 4.1. WebAssembly masks shifts as BPF does. */
export function emitArithmetic(out: WasmWriter, code: Code, slot: number): void {
  const op = code.opcode[slot]!;
  const wide = (op & 7) === insnClass.alu64;
  const operation = op & 0xf0;
  const target = localOf(code.dst[slot]!);
  const variant = code.offset[slot]!;
  const operand = (): void => pushOperand(out, code, slot);
  switch (operation) {
    case aluOp.end:
      emitByteOrder(out, { target, bits: code.imm[slot]!, swaps: wide || (op & sourceRegister) !== 0 });
      return;
    case aluOp.neg:
      out.i64(0).get(target).op(wasm.i64Sub);
      break;
    case aluOp.mov:
      operand();
      if (variant === 8) out.op(wasm.i64Extend8S);
      else if (variant === 16) out.op(wasm.i64Extend16S);
      else if (variant === 32) out.op(wasm.i64Extend32S);
      break;
    case aluOp.div:
    case aluOp.mod:
      emitDivision(out, { target, wide, signed: variant === 1, remainder: operation === aluOp.mod, operand });
      break;
    default:
      if (!wide) {
        out.get(target).op(wasm.i32WrapI64);
        operand();
        out.op(wasm.i32WrapI64, plain32[operation]!, wasm.i64ExtendI32U).set(target);
        return;
      }
      out.get(target);
      operand();
      out.op(plain64[operation]!);
  }
  if (!wide) out.op(wasm.i32WrapI64, wasm.i64ExtendI32U);
  out.set(target);
}

/** The second operand as 64 bits; immediates are sign-extended. */
export function pushOperand(out: WasmWriter, code: Code, slot: number): void {
  if ((code.opcode[slot]! & sourceRegister) !== 0) out.get(localOf(code.src[slot]!));
  else out.i64(code.imm[slot]!);
}

interface Division {
  target: number;
  wide: boolean;
  signed: boolean;
  remainder: boolean;
  operand: () => void;
}

/** By zero: 0, or the dividend as remainder. The smallest number divided by -1 is itself; WebAssembly would trap on both. */
function emitDivision(out: WasmWriter, { target, wide, signed, remainder, operand }: Division): void {
  const narrow = signed ? [wasm.i64Extend32S] : [wasm.i32WrapI64, wasm.i64ExtendI32U];
  operand();
  if (!wide) out.list(narrow);
  out.set(local.wide);
  out.get(target);
  if (!wide) out.list(narrow);
  out.set(local.wide2);
  out.get(local.wide).op(wasm.i64Eqz, wasm.if, valueType.i64);
  if (remainder) out.get(local.wide2);
  else out.i64(0);
  out.op(wasm.else);
  if (signed) {
    out.get(local.wide).i64(-1).op(wasm.i64Eq, wasm.if, valueType.i64);
    if (remainder) out.i64(0);
    else out.i64(0).get(local.wide2).op(wasm.i64Sub);
    out.op(wasm.else);
  }
  const instruction = signed ? (remainder ? wasm.i64RemS : wasm.i64DivS) : remainder ? wasm.i64RemU : wasm.i64DivU;
  out.get(local.wide2).get(local.wide).op(instruction);
  if (signed) out.op(wasm.end);
  out.op(wasm.end);
}

/** `le` truncates on a little-endian machine; `be` and `bswap` swap and truncate. */
function emitByteOrder(
  out: WasmWriter,
  { target, bits, swaps }: { target: number; bits: number; swaps: boolean },
): void {
  if (!swaps) {
    if (bits < 64)
      out
        .get(target)
        .i64((1n << BigInt(bits)) - 1n)
        .op(wasm.i64And)
        .set(target);
    return;
  }
  const bytes = 0x00ff_00ff_00ff_00ffn;
  const pairs = 0x0000_ffff_0000_ffffn;
  out.get(target).i64(8).op(wasm.i64ShrU).i64(bytes).op(wasm.i64And);
  out.get(target).i64(bytes).op(wasm.i64And).i64(8).op(wasm.i64Shl, wasm.i64Or).set(local.wide);
  out.get(local.wide).i64(16).op(wasm.i64ShrU).i64(pairs).op(wasm.i64And);
  out.get(local.wide).i64(pairs).op(wasm.i64And).i64(16).op(wasm.i64Shl, wasm.i64Or);
  out.i64(32).op(wasm.i64Rotl);
  if (bits < 64) out.i64(64 - bits).op(wasm.i64ShrU);
  out.set(target);
}
