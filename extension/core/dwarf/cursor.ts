import { ByteReader } from '../elf/byteReader.ts';
import type { XdpError } from '../errors.ts';
import { decodeUtf8Lossy } from '../elf/utf8.ts';

/** Reads one value after the other from untrusted bytes. Every failure is an XdpError('object-damaged'). */
export class Cursor {
  at: number;
  readonly end: number;
  private readonly reader: ByteReader;

  constructor(reader: ByteReader, at = 0, end = reader.length) {
    if (at > reader.length || end > reader.length || at > end)
      throw reader.damaged(at, 'is pointed into beyond its end');
    this.reader = reader;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    return this.reader.u8(this.step(1));
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.reader.u16(this.step(2));
  }

  u24(): number {
    const at = this.step(3);
    const [first, middle, last] = [this.reader.u8(at), this.reader.u8(at + 1), this.reader.u8(at + 2)];
    return this.reader.littleEndian ? first | (middle << 8) | (last << 16) : (first << 16) | (middle << 8) | last;
  }

  u32(): number {
    return this.reader.u32(this.step(4));
  }

  u64(): bigint {
    return this.reader.u64(this.step(8));
  }

  /** An address, as relocate() has placed it. */
  address(): number {
    return this.reader.size64(this.step(8));
  }

  /** At most 64 bits. */
  uleb(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return BigInt.asUintN(64, value);
    }
    throw this.damaged('holds a number of more than 64 bits');
  }

  sleb(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return BigInt.asIntN(64, (byte & 0x40) === 0 ? value : value - (1n << (shift + 7n)));
    }
    throw this.damaged('holds a number of more than 64 bits');
  }

  /** A uleb that counts or indexes something. */
  count(): number {
    const value = this.uleb();
    if (value > 0xffff_ffffn) throw this.damaged(`holds the impossible number ${value}`);
    return Number(value);
  }

  text(): string {
    const { bytes } = this.reader;
    const end = bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) throw this.damaged('holds text that does not end');
    const text = decodeUtf8Lossy(bytes, this.at, end);
    this.at = end + 1;
    return text;
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    return this.reader.slice(this.step(length), length);
  }

  damaged(problem: string): XdpError {
    return this.reader.damaged(this.at, problem);
  }

  private step(length: number): number {
    const { at } = this;
    if (at + length > this.end) throw this.damaged('ends too early');
    this.at = at + length;
    return at;
  }
}
