/** The part of the WebAssembly API that the engine uses: core is compiled without the types of Node and browsers, which have it. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WebAssemblyApi {
  Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

const known = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;

export function webAssembly(): WebAssemblyApi {
  if (known === undefined) throw new Error('This JavaScript engine has no WebAssembly');
  return known;
}

export const wasmPage = 65_536;
