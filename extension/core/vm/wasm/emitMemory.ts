import type { Code } from '../isa/code.ts';
import { accessBytes, atomicOp, insnClass, modeBits } from '../isa/opcodes.ts';
import { right } from '../memory/regions.ts';
import { hint, stackOffset } from './hints.ts';
import { cell, common, limitIndex, local, localOf, regionEntry } from './layout.ts';
import { type WasmWriter, valueType, wasm } from './writer.ts';

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
/** struct xdp_md: fields of 4 bytes. */
const contextBytes = 24;
const contextPointer = 1n << 32n;

export interface MemoryOptions {
  /** Bytes of each function's stack: accesses through r10 inside it need no check. */
  stackBytes: number;
}

/** One access: through `register`, which probably holds what `kind` says. */
interface Access {
  slot: number;
  register: number;
  offset: number;
  size: number;
  need: number;
  kind: number;
}

/**
 * Loads and stores, each checked against the region that its pointer came from, as Memory.address() does. The check is one
 * comparison of 64 bits, in which the high half must be the region's; what does not pass is the machine's to judge.
 * `hints` are the registers' before the instruction.
 */
export function emitMemory(out: WasmWriter, code: Code, slot: number, hints: Int32Array, options: MemoryOptions): void {
  const op = code.opcode[slot]!;
  const size = accessBytes(op);
  const of = (register: number, need: number): Access => ({
    slot,
    register,
    offset: code.offset[slot]!,
    size,
    need,
    kind: hints[register]!,
  });
  switch (op & 7) {
    case insnClass.ldx: {
      const signed = (op & 0xe0) === modeBits.memsx;
      emitLoad(out, of(code.src[slot]!, right.read), signed ? signedLoads[size]! : loads[size]!, options);
      out.set(localOf(code.dst[slot]!));
      return;
    }
    case insnClass.st:
      emitStore(out, of(code.dst[slot]!, right.write), options, () => out.i64(code.imm[slot]!));
      return;
    default: {
      const source = localOf(code.src[slot]!);
      if ((op & 0xe0) === modeBits.mem || code.imm[slot] === atomicOp.storeRelease) {
        emitStore(out, of(code.dst[slot]!, right.write), options, () => out.get(source));
      } else if (code.imm[slot] === atomicOp.loadAcquire) {
        pushAddress(out, of(code.src[slot]!, right.read), options);
        out.memory(loads[size]!).set(localOf(code.dst[slot]!));
      } else {
        pushAddress(out, of(code.dst[slot]!, right.both), options);
        emitAtomic(out, { operation: code.imm[slot]!, source, size });
      }
    }
  }
}

function emitLoad(out: WasmWriter, access: Access, load: number, { stackBytes }: MemoryOptions): void {
  const place = ownStack(access, stackBytes);
  if (place !== undefined) {
    out.get(local.stack).memory(load, place);
    return;
  }
  const { kind, offset } = access;
  if (kind === hint.context && load === wasm.i64Load32U && offset >= 0 && offset % 4 === 0 && offset < contextBytes) {
    out.get(localOf(access.register)).i64(contextPointer).op(wasm.i64Ne, wasm.if, valueType.i64);
    emitSlowLoad(out, access);
    out
      .op(wasm.else)
      .i32(0)
      .memory(wasm.i64Load, cell.context + 2 * offset)
      .op(wasm.end);
    return;
  }
  pushOutside(out, access);
  out.op(wasm.if, valueType.i64);
  emitSlowLoad(out, access);
  out.op(wasm.else).get(localOf(access.register)).op(wasm.i32WrapI64);
  if (offset < 0) out.i32(offset).op(wasm.i32Add);
  out.memory(load, Math.max(0, offset)).op(wasm.end);
}

/** Leaves the value: the machine reads it, or has the fault. The context has no bytes, so that its fields come from there too. */
function emitSlowLoad(out: WasmWriter, { slot, register }: Access): void {
  out.i32(slot).get(localOf(register)).get(local.fuel).call(common.load);
}

function emitStore(out: WasmWriter, access: Access, { stackBytes }: MemoryOptions, value: () => void): void {
  const place = ownStack(access, stackBytes);
  if (place !== undefined) out.get(local.stack);
  else pushAddress(out, access, { stackBytes });
  value();
  out.memory(stores[access.size]!, place ?? 0);
}

/** Leaves the address of an access. */
function pushAddress(out: WasmWriter, access: Access, { stackBytes }: MemoryOptions): void {
  const { slot, register, offset, size, need } = access;
  const place = ownStack(access, stackBytes);
  if (place !== undefined) {
    out.get(local.stack).i32(place).op(wasm.i32Add);
    return;
  }
  pushOutside(out, access);
  out.op(wasm.if, valueType.i32);
  out
    .i32(slot)
    .get(localOf(register))
    .i32(offset)
    .i32(size | (need << 8))
    .get(local.fuel)
    .call(common.address);
  out.op(wasm.else).get(localOf(register)).op(wasm.i32WrapI64);
  if (offset !== 0) out.i32(offset).op(wasm.i32Add);
  out.op(wasm.end);
}

/** r10 never changes, so that a known place in the own stack needs no check: counted from its first byte. */
function ownStack({ kind, offset, size }: Access, stackBytes: number): number | undefined {
  const base = stackOffset(kind);
  if (base === undefined) return undefined;
  const place = stackBytes + base + offset;
  return place >= 0 && place + size <= stackBytes ? place : undefined;
}

/**
 * Leaves 1 unless the access is inside the likely region and allowed. Pointer plus offset, less the region's first pointer,
 * is below the limit only where the high halves are the same: no address is so small that an offset could borrow from them.
 */
function pushOutside(out: WasmWriter, { register, offset, size, need, kind }: Access): void {
  const at = localOf(register);
  const index = limitIndex(size);
  const pointer = (): void => {
    out.get(at);
    if (offset !== 0) out.i64(offset).op(wasm.i64Add);
  };
  if (kind === hint.packet || kind === hint.packetLow) {
    pointer();
    out
      .i32(0)
      .memory(wasm.i64Load, kind === hint.packet ? cell.packetStart : cell.packetStartLow)
      .op(wasm.i64Sub);
    out
      .i32(0)
      .memory(wasm.i64Load, cell.packetLimits + 8 * index)
      .op(wasm.i64GeU);
    return;
  }
  out
    .get(at)
    .i64(32 - regionEntry.shift)
    .op(wasm.i64ShrU, wasm.i32WrapI64);
  out.i32(0).memory(wasm.i32Load, cell.regionMask).op(wasm.i32And);
  out.i32(0).memory(wasm.i32Load, cell.regions).op(wasm.i32Add).set(local.address);
  pointer();
  out.get(local.address).memory(wasm.i64Load, regionEntry.start).op(wasm.i64Sub);
  const limits = (need & right.write) !== 0 ? regionEntry.writeLimits : regionEntry.readLimits;
  out
    .get(local.address)
    .memory(wasm.i64Load32U, limits + 4 * index)
    .op(wasm.i64GeU);
  if (need !== right.both) return;
  pointer();
  out.get(local.address).memory(wasm.i64Load, regionEntry.start).op(wasm.i64Sub);
  out
    .get(local.address)
    .memory(wasm.i64Load32U, regionEntry.readLimits + 4 * index)
    .op(wasm.i64GeU, wasm.i32Or);
}

const atomicOperations: Readonly<Record<number, number>> = {
  [atomicOp.add]: wasm.i64Add,
  [atomicOp.or]: wasm.i64Or,
  [atomicOp.and]: wasm.i64And,
  [atomicOp.xor]: wasm.i64Xor,
};

/** RFC 9669, section 5.3; the address is on the stack. There is one processor: nothing comes in between. */
function emitAtomic(
  out: WasmWriter,
  { operation, source, size }: { operation: number; source: number; size: number },
): void {
  out.tee(local.address).memory(loads[size]!).set(local.wide2);
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
