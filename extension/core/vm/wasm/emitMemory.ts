import type { Code } from '../isa/code.ts';
import { accessBytes, atomicOp, framePointer, insnClass, modeBits } from '../isa/opcodes.ts';
import { right, tag } from '../memory/regions.ts';
import { imported, joinResult, local, localOf, regionEntry, shared } from './layout.ts';
import { emptyBlock, type WasmWriter, valueType, wasm } from './writer.ts';

const loads: Readonly<Record<number, number>> = {
  1: wasm.i64Load8U,
  2: wasm.i64Load16U,
  4: wasm.i64Load32U,
  8: wasm.i64Load,
};
const signedLoads: Readonly<Record<number, number>> = { 1: wasm.i64Load8S, 2: wasm.i64Load16S, 4: wasm.i64Load32S };
const stores: Readonly<Record<number, number>> = {
  1: wasm.i64Store8,
  2: wasm.i64Store16,
  4: wasm.i64Store32,
  8: wasm.i64Store,
};

export interface MemoryOptions {
  /** Bytes of each function's stack: accesses through r10 inside it need no check. */
  stackBytes: number;
}

/** Loads and stores, each checked against the region that its pointer came from, as Memory.address() does. */
export function emitMemory(out: WasmWriter, code: Code, slot: number, options: MemoryOptions): void {
  const op = code.opcode[slot]!;
  const size = accessBytes(op);
  switch (op & 7) {
    case insnClass.ldx: {
      const signed = (op & 0xe0) === modeBits.memsx;
      const target = localOf(code.dst[slot]!);
      const load = signed ? signedLoads[size]! : loads[size]!;
      if (isOwnStack(code, slot, code.src[slot]!, size, options)) {
        pushStackAddress(out, code, slot);
        out.memory(load).set(target);
        return;
      }
      // The context has no bytes: its fields are answered by the machine.
      pushHighAndAddress(out, code, slot, code.src[slot]!);
      out.get(local.high).i32(tag.context).op(wasm.i32Eq, wasm.if, valueType.i64);
      out.i32(slot).get(local.address).call(imported.context);
      joinResult(out);
      out.op(wasm.else);
      emitCheck(out, { slot, code, register: code.src[slot]!, size, need: right.read });
      out.get(local.address).memory(load).op(wasm.end).set(target);
      return;
    }
    case insnClass.st:
      pushChecked(out, code, slot, size, options, right.write);
      out.i64(BigInt(code.imm[slot]!)).memory(stores[size]!);
      return;
    default:
      if ((op & 0xe0) === modeBits.atomic) return emitAtomic(out, code, slot, size, options);
      pushChecked(out, code, slot, size, options, right.write);
      out.get(localOf(code.src[slot]!)).memory(stores[size]!);
  }
}

/** r10 never changes, so that a constant offset into the own stack is known to be right. */
function isOwnStack(code: Code, slot: number, register: number, size: number, { stackBytes }: MemoryOptions): boolean {
  const offset = code.offset[slot]!;
  return register === framePointer && offset >= -stackBytes && offset + size <= 0;
}

function pushStackAddress(out: WasmWriter, code: Code, slot: number): void {
  out.get(local.r10).op(wasm.i32WrapI64).i32(code.offset[slot]!).op(wasm.i32Add);
}

/** Leaves the address of a store on the stack. */
function pushChecked(
  out: WasmWriter,
  code: Code,
  slot: number,
  size: number,
  options: MemoryOptions,
  need: number,
): void {
  const register = code.dst[slot]!;
  if (isOwnStack(code, slot, register, size, options)) return pushStackAddress(out, code, slot);
  pushHighAndAddress(out, code, slot, register);
  emitCheck(out, { slot, code, register, size, need });
  out.get(local.address);
}

function pushHighAndAddress(out: WasmWriter, code: Code, slot: number, register: number): void {
  const at = localOf(register);
  out.get(at).i64(32n).op(wasm.i64ShrU, wasm.i32WrapI64).set(local.high);
  out.get(at).op(wasm.i32WrapI64);
  if (code.offset[slot] !== 0) out.i32(code.offset[slot]!).op(wasm.i32Add);
  out.set(local.address);
}

interface Check {
  slot: number;
  code: Code;
  register: number;
  size: number;
  need: number;
}

/** Region in local.high, address in local.address. What does not fit at once is the machine's to judge. */
function emitCheck(out: WasmWriter, { slot, code, register, size, need }: Check): void {
  const slow = (): void => {
    out.i32(slot).get(local.high).get(localOf(register)).op(wasm.i32WrapI64).i32(code.offset[slot]!);
    out
      .i32(size | (need << 8))
      .call(imported.slow)
      .set(local.address);
  };
  out.get(local.high).op(wasm.globalGet).unsigned(shared.regionCount).op(wasm.i32LtU, wasm.if, emptyBlock);
  out
    .get(local.high)
    .i32(Math.log2(regionEntry))
    .op(wasm.i32Shl, wasm.globalGet)
    .unsigned(shared.regions)
    .op(wasm.i32Add);
  out.tee(local.high).memory(wasm.i32Load).get(local.address).op(wasm.i32LeS);
  // The end counts from 0, so that taking the size away cannot wrap.
  if ((need & right.read) !== 0) pushFits(out, 4, size);
  if ((need & right.write) !== 0) pushFits(out, 8, size);
  out.op(wasm.i32Eqz, wasm.if, emptyBlock);
  // local.high has become the address of the region's entry.
  out
    .get(local.high)
    .op(wasm.globalGet)
    .unsigned(shared.regions)
    .op(wasm.i32Sub)
    .i32(Math.log2(regionEntry))
    .op(wasm.i32ShrU);
  out.set(local.high);
  slow();
  out.op(wasm.end, wasm.else);
  slow();
  out.op(wasm.end);
}

function pushFits(out: WasmWriter, field: number, size: number): void {
  out
    .get(local.address)
    .get(local.high)
    .memory(wasm.i32Load, field)
    .i32(size)
    .op(wasm.i32Sub, wasm.i32LeS, wasm.i32And);
}

const atomicOperations: Readonly<Record<number, number>> = {
  [atomicOp.add]: wasm.i64Add,
  [atomicOp.or]: wasm.i64Or,
  [atomicOp.and]: wasm.i64And,
  [atomicOp.xor]: wasm.i64Xor,
};

/** RFC 9669, section 5.3, and load-acquire and store-release. There is one processor: nothing comes in between. */
function emitAtomic(out: WasmWriter, code: Code, slot: number, size: number, options: MemoryOptions): void {
  const operation = code.imm[slot]!;
  const source = localOf(code.src[slot]!);
  if (operation === atomicOp.loadAcquire) {
    const register = code.src[slot]!;
    pushHighAndAddress(out, code, slot, register);
    emitCheck(out, { slot, code, register, size, need: right.read });
    out.get(local.address).memory(loads[size]!).set(localOf(code.dst[slot]!));
    return;
  }
  const need = operation === atomicOp.storeRelease ? right.write : right.both;
  pushChecked(out, code, slot, size, options, need);
  out.set(local.address);
  if (operation === atomicOp.storeRelease) {
    out.get(local.address).get(source).memory(stores[size]!);
    return;
  }
  out.get(local.address).memory(loads[size]!).set(local.wide2);
  if (operation === atomicOp.cmpxchg) {
    out.get(local.address).get(source).get(local.wide2).get(local.wide2).get(local.r0);
    if (size === 4) out.op(wasm.i32WrapI64, wasm.i64ExtendI32U);
    out.op(wasm.i64Eq, wasm.select).memory(stores[size]!);
    out.get(local.wide2).set(local.r0);
    return;
  }
  out.get(local.address);
  const arithmetic = operation === atomicOp.xchg ? undefined : atomicOperations[operation & ~atomicOp.fetch];
  if (arithmetic === undefined) out.get(source);
  else out.get(local.wide2).get(source).op(arithmetic);
  out.memory(stores[size]!);
  if ((operation & atomicOp.fetch) !== 0) out.get(local.wide2).set(source);
}
