import { cell, imported, joinResult } from './layout.ts';
import { wasm, WasmWriter } from './writer.ts';

/**
 * Functions that every module has, in front of the program's own: ways to the machine, so that what is rarely or never taken is a few
 * bytes where it stands. In the order of `common` in layout.ts.
 */
export function emitCommon(): WasmWriter[] {
  const load = begin(2).get(0);
  halves(load, 1).call(imported.load);
  joinResult(load);
  const address = begin(4).get(0);
  halves(address, 1).get(2).get(3).call(imported.address);
  const helper = begin(7).get(0).get(1);
  for (let register = 0; register < 5; register++) halves(helper, 2 + register);
  helper.call(imported.helper);
  joinResult(helper);
  return [load, address, helper].map((out) => out.op(wasm.end));
}

/** The machine finds what is left of the fuel in its cell. `fuel`: number of the parameter. */
function begin(fuel: number): WasmWriter {
  return new WasmWriter().unsigned(0).i32(0).get(fuel).memory(wasm.i32Store, cell.fuel);
}

function halves(out: WasmWriter, parameter: number): WasmWriter {
  return out.get(parameter).op(wasm.i32WrapI64).get(parameter).i64(32).op(wasm.i64ShrU, wasm.i32WrapI64);
}
