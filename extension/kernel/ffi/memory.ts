import koffi from 'koffi';
import type { Pointer } from './library.ts';

/** Native memory with a copy of `bytes`: it never moves, and lives until `koffi.free`. */
export function nativeCopy(bytes: Uint8Array): Pointer {
  const pointer = koffi.alloc('uint8_t', Math.max(1, bytes.length)) as Pointer;
  if (bytes.length > 0) koffi.encode(pointer, 'uint8_t', bytes, bytes.length);
  return pointer;
}

/** A copy of native memory. */
export function copyOut(pointer: Pointer, length: number): Uint8Array {
  return length === 0 ? new Uint8Array(0) : Uint8Array.from(koffi.decode(pointer, 'uint8_t', length) as Uint8Array);
}
