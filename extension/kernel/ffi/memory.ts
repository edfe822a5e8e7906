import koffi from 'koffi';
import { lazyFunction, openLibrary, type Pointer } from './library.ts';

/**
 * What crosses between JavaScript and native memory is copied by memcpy(3). `koffi.encode` and `koffi.decode` with a length make a
 * type of that length each time, whose name koffi keeps for good (its MakeArrayType()): some bytes lost for every packet.
 */
const copy = lazyFunction<(to: Pointer | Uint8Array, from: Pointer | Uint8Array, bytes: number) => void>(
  () => openLibrary(null),
  'void memcpy(void *to, const void *from, size_t bytes)',
);

/** Native memory with a copy of `bytes`: it never moves, and lives until `koffi.free`. */
export function nativeCopy(bytes: Uint8Array): Pointer {
  const pointer = koffi.alloc('uint8_t', Math.max(1, bytes.length)) as Pointer;
  if (bytes.length > 0) copy(pointer, bytes, bytes.length);
  return pointer;
}

/** A copy of native memory. */
export function copyOut(pointer: Pointer, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (length > 0) copy(bytes, pointer, length);
  return bytes;
}
