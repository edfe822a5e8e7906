import { WasmWriter, wasm } from './writer.ts';

/** Where compiled programs and the machine leave things for each other, below the addresses that programs may have. */
export const cell = {
  /** High half of what a call of the machine gave. */
  high: 8,
  /** Set when a helper ended the function: a tail call has run, and its result is the function's. */
  ended: 12,
} as const;

/** Values of r10 by depth of the call stack. */
export const stackTops = 0x1000;
/** As many calls inside each other as there is room for. */
export const maxDepth = 1024;

/** Bytes of one entry of the table of regions: first address, end for reads, end for writes (0 where that is not allowed). */
export const regionEntry = 16;

/** Counters of a block: how often it began, and how often the conditional jump at its end was taken. */
export const counterBytes = 8;

/** Functions of the machine, in the order in which a module imports them. */
export const imported = { helper: 0, kfunc: 1, callx: 2, slow: 3, context: 4, fault: 5 } as const;
export const importedFunctions = 6;

/** Variables that all modules of a machine share, in the order in which they are imported. */
export const shared = { depth: 0, fuel: 1, regions: 2, regionCount: 3 } as const;

export const faultKind = { fuel: 0, depth: 1 } as const;

/** Locals of a compiled function: r1 to r5 and r10 are its parameters. */
export const local = { r10: 5, r0: 6, wide: 11, wide2: 12, block: 13, address: 14, high: 15, loops: 16 } as const;

export function localOf(register: number): number {
  if (register === 0) return local.r0;
  if (register <= 5) return register - 1;
  return register <= 9 ? register + 1 : local.r10;
}

/** Pushes a register's low and high half. */
export function pushHalves(out: WasmWriter, register: number): void {
  const at = localOf(register);
  out.get(at).op(wasm.i32WrapI64).get(at).i64(32n).op(wasm.i64ShrU, wasm.i32WrapI64);
}

/** Makes 64 bits of a low half on the stack and the high half in its cell. */
export function joinResult(out: WasmWriter): void {
  out.op(wasm.i64ExtendI32U).i32(0).memory(wasm.i64Load32U, cell.high).i64(32n).op(wasm.i64Shl, wasm.i64Or);
}
