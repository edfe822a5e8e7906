/** Big-endian bit fields in network byte order (RFC 1700, "Data Notations"). Callers have checked the bounds. */

/** Reads up to 48 bits. */
export function readBits(bytes: Uint8Array, bitOffset: number, bits: number): number {
  const at = bitOffset >>> 3;
  const shift = bitOffset & 7;
  if (shift === 0) {
    if (bits === 16) return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (bits === 8) return bytes[at] ?? 0;
    if (bits === 32) return readUint32(bytes, at);
  }
  const span = shift + bits;
  if (span <= 8) return ((bytes[at] ?? 0) >>> (8 - span)) & ((1 << bits) - 1);
  if (span <= 16) {
    return ((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) >>> (16 - span)) & ((1 << bits) - 1);
  }
  // Doubles hold 53 bits: the bytes around 48 bits at an odd place hold more.
  if (span > 48) return readBits(bytes, bitOffset, bits - 24) * 0x1000000 + readBits(bytes, bitOffset + bits - 24, 24);
  const count = (span + 7) >>> 3;
  let value = (bytes[at] ?? 0) & (0xff >>> shift);
  for (let i = 1; i < count; i++) value = value * 256 + (bytes[at + i] ?? 0);
  const unused = 1 << (count * 8 - span);
  return unused === 1 ? value : Math.floor(value / unused);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x1000000 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

/** Reads any width. */
export function readBigBits(bytes: Uint8Array, bitOffset: number, bits: number): bigint {
  let value = 0n;
  for (let done = 0; done < bits; ) {
    const step = Math.min(32, bits - done);
    value = (value << BigInt(step)) | BigInt(readBits(bytes, bitOffset + done, step));
    done += step;
  }
  return value;
}

/** Writes up to 48 bits; the value must fit. Leaves the neighbouring bits alone. */
export function writeBits(bytes: Uint8Array, bitOffset: number, bits: number, value: number): void {
  const at = bitOffset >>> 3;
  const shift = bitOffset & 7;
  if (shift === 0) {
    if (bits === 8) {
      bytes[at] = value;
      return;
    }
    if (bits === 16) {
      bytes[at] = value >>> 8;
      bytes[at + 1] = value;
      return;
    }
    if (bits === 32) {
      bytes[at] = value >>> 24;
      bytes[at + 1] = value >>> 16;
      bytes[at + 2] = value >>> 8;
      bytes[at + 3] = value;
      return;
    }
  }
  if (shift + bits <= 8) {
    const low = 8 - shift - bits;
    const mask = ((1 << bits) - 1) << low;
    bytes[at] = ((bytes[at] ?? 0) & ~mask) | (value << low);
    return;
  }
  // From the last byte to the first: the low bits of `rest`, as many as the byte takes.
  let rest = value;
  for (let end = bitOffset + bits; end > bitOffset; ) {
    const index = (end - 1) >>> 3;
    const first = Math.max(bitOffset, index * 8);
    const width = end - first;
    const low = (index + 1) * 8 - end;
    const size = 1 << width;
    const mask = (size - 1) << low;
    const digit = rest % size;
    bytes[index] = ((bytes[index] ?? 0) & ~mask) | (digit << low);
    rest = (rest - digit) / size;
    end = first;
  }
}

export function writeBigBits(bytes: Uint8Array, bitOffset: number, bits: number, value: bigint): void {
  let rest = value;
  for (let end = bits; end > 0; ) {
    const step = Math.min(32, end);
    writeBits(bytes, bitOffset + end - step, step, Number(rest & ((1n << BigInt(step)) - 1n)));
    rest >>= BigInt(step);
    end -= step;
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
