import type { Code } from '../isa/code.ts';
import { type CodeFunction, functionsOfCode } from './blocks.ts';
import { emitEnter, emitFunction, emitLeave, type FunctionOptions } from './emitFunction.ts';
import { emitCommon } from './common.ts';
import { findHints } from './hints.ts';
import { cell, counterBytes, firstFunction } from './layout.ts';
import { valueType, wasm, WasmWriter } from './writer.ts';

export interface CompileOptions extends Pick<FunctionOptions, 'stackBytes' | 'maxFrames' | 'maxLoops'> {
  /** Address of the counters of all blocks, function by function; undefined without coverage. */
  counters: number | undefined;
}

export interface CompiledCode {
  /** A WebAssembly module. It exports `call0`, `call1`, …: one for each function. */
  module: Uint8Array;
  functions: readonly CodeFunction[];
}

/**
 * Slots of the largest program that is compiled: about 80 ms, with everything cold, of which the JavaScript engine has a third.
 * What is longer is interpreted, so that nobody waits for it: it hardly ever runs long enough to make up for that.
 */
export const maxCompiledSlots = 16_384;

/** BPF to WebAssembly. `code` is as placeCode() gives it: its immediates are this machine's addresses. */
export function compileCode(
  code: Code,
  options: CompileOptions,
  functions: readonly CodeFunction[] = functionsOfCode(code),
): CompiledCode {
  const indexes = new Map(functions.map(({ entry }, index) => [entry, index]));
  const bodies = emitCommon();
  let counters = options.counters;
  const hints = findHints(code, functions);
  for (const [index, fn] of functions.entries()) {
    bodies.push(
      emitFunction(code, fn, hints[index]!, { ...options, counters, indexOf: (entry) => indexes.get(entry) ?? 0 }),
    );
    if (counters !== undefined) counters += counterBytes * fn.blocks.length;
  }
  for (const [index, { entry }] of functions.entries()) bodies.push(emitWrapper(index, entry, options));
  return { module: assemble(bodies, functions.length), functions };
}

/** (halves of r1 … r5) → low half of r0, the high one in its cell: what JavaScript calls, without 64-bit numbers. */
function emitWrapper(index: number, entry: number, options: CompileOptions): WasmWriter {
  const parameters = 10;
  // The locals that emitEnter() uses have the same numbers as in functions, so that the types must stand there.
  const out = new WasmWriter().unsigned(2).unsigned(4).byte(valueType.i64).unsigned(1).byte(valueType.i32);
  emitEnter(out, entry, options);
  for (let register = 0; register < parameters / 2; register++) {
    out.get(2 * register).op(wasm.i64ExtendI32U);
    out
      .get(2 * register + 1)
      .op(wasm.i64ExtendI32U)
      .i64(32n)
      .op(wasm.i64Shl, wasm.i64Or);
  }
  out
    .get(11)
    .call(firstFunction + index)
    .set(11);
  emitLeave(out);
  out.i32(0).get(11).i64(32n).op(wasm.i64ShrU, wasm.i32WrapI64).memory(wasm.i32Store, cell.high);
  out.get(11).op(wasm.i32WrapI64, wasm.end);
  return out;
}

const { i32, i64 } = valueType;
const halves = (count: number): number[] => Array.from({ length: 2 * count }, () => i32);

/** Signatures: parameters and results. The imports come first, in their order. */
const signatures: readonly [parameters: readonly number[], results: readonly number[]][] = [
  [[i32, i32, ...halves(5)], [i32]], // helper(slot, id, r1 …)
  [[i32, ...halves(5)], [i32]], // kfunc(slot, r1 …)
  [[i32, i32, i32, ...halves(5)], [i32]], // callx(slot, target, r1 …)
  [[i32, i32, i32], [i32]], // load(slot, pointer)
  [[i32, i32, i32, i32, i32], [i32]], // address(slot, pointer, offset, size and need)
  [[i32, i32], []], // fault(slot, kind)
  // The common functions, whose last parameter is the fuel.
  [[i32, i64, i32], [i64]], // load(slot, pointer)
  [[i32, i64, i32, i32, i32], [i32]], // address(slot, pointer, offset, size and need)
  [[i32, i32, i64, i64, i64, i64, i64, i32], [i64]], // helper(slot, id, r1 …)
  [[i64, i64, i64, i64, i64, i64], [i64]],
  [halves(5), [i32]],
];
const functionSignature = firstFunction;
const wrapperSignature = firstFunction + 1;
const importNames = ['helper', 'kfunc', 'callx', 'load', 'address', 'fault'];
const sectionId = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const externKind = { func: 0, memory: 2 } as const;

function assemble(bodies: readonly WasmWriter[], functions: number): Uint8Array {
  const out = new WasmWriter().list([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const section = (id: number, count: number, fill: (part: WasmWriter) => void): void => {
    const part = new WasmWriter().unsigned(count);
    fill(part);
    out.byte(id).sized(part);
  };
  section(sectionId.type, signatures.length, (part) => {
    for (const [parameters, results] of signatures) {
      part.byte(0x60).unsigned(parameters.length).list(parameters).unsigned(results.length).list(results);
    }
  });
  section(sectionId.import, importNames.length + 1, (part) => {
    importNames.forEach((name, type) => part.text('m').text(name).byte(externKind.func).unsigned(type));
    part.text('m').text('memory').byte(externKind.memory).byte(0).unsigned(1);
  });
  section(sectionId.function, bodies.length, (part) => {
    for (let index = importNames.length; index < firstFunction; index++) part.unsigned(index);
    for (let index = 0; index < 2 * functions; index++)
      part.unsigned(index < functions ? functionSignature : wrapperSignature);
  });
  section(sectionId.export, functions, (part) => {
    for (let index = 0; index < functions; index++) {
      part
        .text(`call${index}`)
        .byte(externKind.func)
        .unsigned(firstFunction + functions + index);
    }
  });
  section(sectionId.code, bodies.length, (part) => {
    for (const body of bodies) part.sized(body);
  });
  return out.bytes.slice();
}
