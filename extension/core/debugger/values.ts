import { bareType, type CType, sizeOfType, typeText } from '../dwarf/types.ts';
import { right } from '../vm/memory/regions.ts';
import type { Location } from '../dwarf/expression.ts';
import { type Inspector, joined, littleEndian, littleEndianBytes } from './inspector.ts';
import type { Timeline } from './timeline.ts';

/** Where a value is. */
export type Storage =
  | { kind: 'memory'; pointer: bigint }
  /** Of the innermost function; those of its callers are shown as bytes. */
  | { kind: 'register'; register: number }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'unavailable'; why: string };

export interface TypedValue {
  type: CType;
  storage: Storage;
  /** Of a bit-field, from the start of `storage`. */
  bits?: { offset: number; size: number };
}

/** Why a value cannot be had, in words for the user. */
export class NoValue extends Error {}

export const baseTypes = {
  int: { kind: 'base', name: 'int', size: 4, encoding: 'signed' },
  unsigned: { kind: 'base', name: 'unsigned int', size: 4, encoding: 'unsigned' },
  long: { kind: 'base', name: 'long', size: 8, encoding: 'signed' },
  unsignedLong: { kind: 'base', name: 'unsigned long', size: 8, encoding: 'unsigned' },
  byte: { kind: 'base', name: '__u8', size: 1, encoding: 'unsigned' },
  short: { kind: 'base', name: '__u16', size: 2, encoding: 'unsigned' },
} as const satisfies Readonly<Record<string, CType>>;

export function integerValue(value: bigint, type: CType): TypedValue {
  return { type, storage: { kind: 'bytes', bytes: littleEndianBytes(value, Math.max(1, sizeOfType(type))) } };
}

/** A value whose place a location expression gives. */
export function locatedValue(
  type: CType,
  location: Location,
  inspector: Inspector,
  context: { register(n: number): bigint | undefined; innermost: boolean },
): TypedValue {
  return { type, storage: storageOf(sizeOfType(type), location, inspector, context) };
}

function storageOf(
  size: number,
  location: Location,
  inspector: Inspector,
  context: { register(n: number): bigint | undefined; innermost: boolean },
): Storage {
  switch (location.kind) {
    case 'memory':
      return { kind: 'memory', pointer: location.address };
    case 'register': {
      if (context.innermost) return { kind: 'register', register: location.register };
      const value = context.register(location.register);
      if (value === undefined)
        return { kind: 'unavailable', why: `register r${location.register} was given up by a call` };
      return { kind: 'bytes', bytes: littleEndianBytes(value, 8) };
    }
    case 'value':
      return { kind: 'bytes', bytes: littleEndianBytes(location.value, Math.max(size, 8)) };
    case 'bytes':
      return { kind: 'bytes', bytes: location.bytes };
    case 'unavailable':
      return location;
    case 'pieces': {
      const bytes = new Uint8Array(
        Math.min(
          4096,
          location.pieces.reduce((sum, piece) => sum + piece.size, 0),
        ),
      );
      let at = 0;
      for (const piece of location.pieces) {
        const part = storageOf(piece.size, piece.location, inspector, context);
        if (part.kind === 'unavailable') return part;
        const read = readStorage(part, piece.size, inspector);
        if (read === undefined) return { kind: 'unavailable', why: 'a part of it cannot be read' };
        bytes.set(read.subarray(0, Math.max(0, bytes.length - at)), at);
        at += piece.size;
      }
      return { kind: 'bytes', bytes };
    }
  }
}

/** The bytes of a value of this size; undefined where they are not all there. */
export function readStorage(storage: Storage, size: number, inspector: Inspector): Uint8Array | undefined {
  switch (storage.kind) {
    case 'memory':
      return inspector.read(storage.pointer, size);
    case 'register': {
      const { lo, hi } = inspector.machine.cpu;
      const value = joined(hi[storage.register]!, lo[storage.register]!);
      return littleEndianBytes(value, 8).subarray(0, size);
    }
    case 'bytes':
      return storage.bytes.length >= size ? storage.bytes.subarray(0, size) : undefined;
    case 'unavailable':
      return undefined;
  }
}

/** The bytes of a value. Throws NoValue. */
export function bytesOf(value: TypedValue, inspector: Inspector): Uint8Array {
  const { storage, type } = value;
  if (storage.kind === 'unavailable') throw new NoValue(storage.why);
  const bytes = readStorage(storage, sizeOfType(type), inspector);
  if (bytes !== undefined) return bytes;
  throw new NoValue(`${sizeOfType(type)} bytes cannot be read there`);
}

export function isScalar(type: CType): boolean {
  const { kind } = bareType(type);
  return kind === 'base' || kind === 'enum' || kind === 'pointer';
}

export function isSigned(type: CType): boolean {
  const bare = bareType(type);
  return (bare.kind === 'base' && (bare.encoding === 'signed' || bare.encoding === 'char')) || bare.kind === 'enum';
}

/** A scalar as a number: pointers and unsigned types as unsigned. Throws NoValue. */
export function numberOf(value: TypedValue, inspector: Inspector): bigint {
  const { type, bits } = value;
  if (!isScalar(type)) throw new NoValue(`a ${typeText(type)} is no number`);
  const bare = bareType(type);
  if (bits === undefined) {
    const size = sizeOfType(type);
    const raw = littleEndian(bytesOf(value, inspector));
    // clang has unsigned and signed enums; only one with a negative name must be signed.
    const negative = bare.kind === 'enum' ? bare.values.some((each) => each.value < 0n) : isSigned(type);
    return negative ? BigInt.asIntN(8 * size, raw) : raw;
  }
  const first = Math.floor(bits.offset / 8);
  const last = Math.floor((bits.offset + bits.size - 1) / 8);
  const whole = readStorage(value.storage, last + 1, inspector);
  if (whole === undefined) throw new NoValue('its bytes cannot be read');
  const raw = littleEndian(whole.subarray(first, last + 1)) >> BigInt(bits.offset - 8 * first);
  return isSigned(type) && bare.kind !== 'enum' ? BigInt.asIntN(bits.size, raw) : BigInt.asUintN(bits.size, raw);
}

/** The value at an offset inside another. */
export function partOf(whole: TypedValue, type: CType, byteOffset: number): TypedValue {
  const { storage } = whole;
  switch (storage.kind) {
    case 'memory':
      return { type, storage: { kind: 'memory', pointer: BigInt.asUintN(64, storage.pointer + BigInt(byteOffset)) } };
    case 'register':
      // A struct in a register is one of at most 8 bytes; its parts are looked at, not changed.
      return { type, storage: { kind: 'unavailable', why: 'it is a part of a register' } };
    case 'bytes':
      return { type, storage: { kind: 'bytes', bytes: storage.bytes.subarray(byteOffset) } };
    case 'unavailable':
      return { type, storage };
  }
}

export function dereference(value: TypedValue, inspector: Inspector): TypedValue {
  const bare = bareType(value.type);
  if (bare.kind === 'array') return partOf(value, bare.element, 0);
  if (bare.kind !== 'pointer') throw new NoValue(`a ${typeText(value.type)} is no pointer`);
  const pointer = numberOf(value, inspector);
  return { type: bare.target, storage: { kind: 'memory', pointer } };
}

/** Writes a scalar, now and in every replay. Throws NoValue. */
export function assign(target: TypedValue, number: bigint, inspector: Inspector, timeline: Timeline): void {
  const { storage, type, bits } = target;
  if (!isScalar(type)) throw new NoValue(`a ${typeText(type)} cannot be set as a whole`);
  if (storage.kind === 'register') {
    const { register } = storage;
    timeline.edit(({ cpu }) => {
      cpu.lo[register] = Number(BigInt.asIntN(32, number));
      cpu.hi[register] = Number(BigInt.asIntN(32, number >> 32n));
    });
    return;
  }
  if (storage.kind === 'unavailable') throw new NoValue(storage.why);
  if (storage.kind === 'bytes') throw new NoValue('it has no place that could be changed');
  if (bits === undefined)
    return writeBytes(storage.pointer, littleEndianBytes(number, sizeOfType(type)), inspector, timeline);
  const first = Math.floor(bits.offset / 8);
  const count = Math.floor((bits.offset + bits.size - 1) / 8) - first + 1;
  const pointer = storage.pointer + BigInt(first);
  const old = inspector.read(pointer, count);
  if (old === undefined) throw new NoValue('its bytes cannot be read');
  const shift = BigInt(bits.offset - 8 * first);
  const mask = ((1n << BigInt(bits.size)) - 1n) << shift;
  const changed = (littleEndian(old) & ~mask) | ((number << shift) & mask);
  writeBytes(pointer, littleEndianBytes(changed, count), inspector, timeline);
}

/** Writes memory, now and in every replay. What programs may only read can be changed too. */
export function writeBytes(pointer: bigint, bytes: Uint8Array, inspector: Inspector, timeline: Timeline): void {
  const at = inspector.addressOf(pointer, bytes.length, right.both);
  if (at === undefined) throw new NoValue('these bytes cannot be changed');
  const copy = bytes.slice();
  timeline.edit(({ memory }) => memory.bytes.set(copy, at));
}
