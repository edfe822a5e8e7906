import { WasmWriter, wasm } from './writer.ts';

/** Where compiled programs and the machine leave things for each other, below the addresses that programs may have. */
export const cell = {
  /** High half of what a call of the machine gave. */
  high: 8,
  /** Set when a helper ended the function: a tail call has run, and its result is the function's. */
  ended: 12,
  /** Instructions that may still run, when another function or the machine goes on. */
  fuel: 16,
  /** Number of the running frame. */
  depth: 20,
  /** Address of the table of regions, and the number of its entries, a power of two, less 1, times their size. */
  regions: 24,
  regionMask: 28,
  /** bpf_get_smp_processor_id(). */
  cpu: 32,
  /** Pointer to the first byte of the packet or its metadata, and the same without its high half. */
  packetStart: 40,
  packetStartLow: 48,
  /** Places in the packet where 1, 2, 4 and 8 bytes may be accessed, counted from there: 64 bits each. */
  packetLimits: 56,
  /** Fields of struct xdp_md as programs read them, 64 bits each. */
  context: 96,
} as const;

/** Values of r10 by depth of the call stack. */
export const stackTops = 0x1000;
/** As many calls inside each other as there is room for. */
export const maxDepth = 1024;

/**
 * One entry of the table of regions: the pointer to the first byte, then how many places there are in it where 1, 2, 4 and 8
 * bytes may be read, then the same for writing, 32 bits each. So one comparison checks a pointer's region, place and rights.
 */
export const regionEntry = { bytes: 64, shift: 6, start: 0, readLimits: 8, writeLimits: 24 } as const;

/** Accesses have 1, 2, 4 or 8 bytes: their place among limits. */
export function limitIndex(size: number): number {
  return Math.log2(size);
}

/** Counters of a block: how often it began, and how often the conditional jump at its end was taken. */
export const counterBytes = 8;

/** Functions of the machine, in the order in which a module imports them. */
export const imported = { helper: 0, kfunc: 1, callx: 2, load: 3, address: 4, fault: 5 } as const;

/** Functions of every module, behind what it imports: common.ts. */
export const common = { load: 6, address: 7, helper: 8 } as const;
/** Number of the program's first function. */
export const firstFunction = 9;

export const faultKind = { fuel: 0, depth: 1, jump: 2 } as const;

/**
 * Locals of a compiled function: r1 to r5 and r10 are its parameters. `stack` is the first address of its stack, `flag` and
 * `block` are for jumps, `loops` is what may_goto counts.
 */
export const local = {
  r10: 5,
  r0: 6,
  wide: 11,
  wide2: 12,
  block: 13,
  address: 14,
  flag: 15,
  loops: 16,
  fuel: 17,
  stack: 18,
} as const;
export const wideLocals = 7;
export const narrowLocals = 6;

export function localOf(register: number): number {
  if (register === 0) return local.r0;
  if (register <= 5) return register - 1;
  return register <= 9 ? register + 1 : local.r10;
}

/** Pushes a register's low and high half. */
export function pushHalves(out: WasmWriter, register: number): void {
  const at = localOf(register);
  out.get(at).op(wasm.i32WrapI64).get(at).i64(32).op(wasm.i64ShrU, wasm.i32WrapI64);
}

/** Makes 64 bits of a low half on the stack and the high half in its cell. */
export function joinResult(out: WasmWriter): void {
  out.op(wasm.i64ExtendI32U).i32(0).memory(wasm.i64Load32U, cell.high).i64(32).op(wasm.i64Shl, wasm.i64Or);
}

/** The machine, and functions that are called, find what is left in a cell. */
export function saveFuel(out: WasmWriter): void {
  out.i32(0).get(local.fuel).memory(wasm.i32Store, cell.fuel);
}

export function restoreFuel(out: WasmWriter): void {
  out.i32(0).memory(wasm.i32Load, cell.fuel).set(local.fuel);
}
