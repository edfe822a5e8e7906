/** Integers of every size and byte order in memory. Offsets and sizes in bytes. */

export interface IntPlace {
  size: number;
  signed: boolean;
  bigEndian: boolean;
}

export interface BitPlace extends IntPlace {
  bitOffset: number;
  bitSize: number;
}

/** A number for 1, 2 and 4 bytes, else a bigint. */
export function readInt(view: DataView, offset: number, place: IntPlace): number | bigint {
  const little = !place.bigEndian;
  switch (place.size) {
    case 1:
      return place.signed ? view.getInt8(offset) : view.getUint8(offset);
    case 2:
      return place.signed ? view.getInt16(offset, little) : view.getUint16(offset, little);
    case 4:
      return place.signed ? view.getInt32(offset, little) : view.getUint32(offset, little);
    case 8:
      return place.signed ? view.getBigInt64(offset, little) : view.getBigUint64(offset, little);
    default: {
      const raw = readUnsigned(view, offset, place.size, place.bigEndian);
      return place.signed ? BigInt.asIntN(8 * place.size, raw) : raw;
    }
  }
}

export function readUnsigned(view: DataView, offset: number, size: number, bigEndian: boolean): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++)
    value = (value << 8n) | BigInt(view.getUint8(bigEndian ? offset + i : offset + size - 1 - i));
  return value;
}

/** Keeps the low `size` bytes of `value`. */
export function writeInt(view: DataView, offset: number, size: number, bigEndian: boolean, value: bigint): void {
  let rest = BigInt.asUintN(8 * size, value);
  for (let i = 0; i < size; i++) {
    view.setUint8(bigEndian ? offset + size - 1 - i : offset + i, Number(rest & 0xffn));
    rest >>= 8n;
  }
}

export function readBits(view: DataView, offset: number, place: BitPlace): bigint {
  const all = readUnsigned(view, offset, place.size, place.bigEndian);
  const value = BigInt.asUintN(place.bitSize, all >> shiftOf(place));
  return place.signed ? BigInt.asIntN(place.bitSize, value) : value;
}

export function writeBits(view: DataView, offset: number, place: BitPlace, value: bigint): void {
  const shift = shiftOf(place);
  const mask = BigInt.asUintN(place.bitSize, -1n) << shift;
  const all = readUnsigned(view, offset, place.size, place.bigEndian);
  const bits = BigInt.asUintN(place.bitSize, value) << shift;
  writeInt(view, offset, place.size, place.bigEndian, (all & ~mask) | bits);
}

function shiftOf(place: BitPlace): bigint {
  return BigInt(place.bigEndian ? 8 * place.size - place.bitOffset - place.bitSize : place.bitOffset);
}

/** Smallest and largest value of an integer of that many bits. */
export function rangeOf(bits: number, signed: boolean): { min: bigint; max: bigint } {
  const width = BigInt(bits);
  return signed ? { min: -(1n << (width - 1n)), max: (1n << (width - 1n)) - 1n } : { min: 0n, max: (1n << width) - 1n };
}
