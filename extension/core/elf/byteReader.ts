import { XdpError } from '../errors.ts';

/**
 * Bounds-checked reads from untrusted bytes. Every failure is an XdpError('object-damaged') that names the part and the
 * offset in the whole file (`base` + offset).
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  private readonly view: DataView;
  private readonly what: string;
  private readonly base: number;

  constructor(bytes: Uint8Array, littleEndian: boolean, what: string, base = 0) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.base = base;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    this.need(offset, 1);
    return this.view.getUint8(offset);
  }

  u16(offset: number): number {
    this.need(offset, 2);
    return this.view.getUint16(offset, this.littleEndian);
  }

  u32(offset: number): number {
    this.need(offset, 4);
    return this.view.getUint32(offset, this.littleEndian);
  }

  i32(offset: number): number {
    this.need(offset, 4);
    return this.view.getInt32(offset, this.littleEndian);
  }

  u64(offset: number): bigint {
    this.need(offset, 8);
    return this.view.getBigUint64(offset, this.littleEndian);
  }

  i64(offset: number): bigint {
    this.need(offset, 8);
    return this.view.getBigInt64(offset, this.littleEndian);
  }

  /** A 64-bit size or offset. No real object has one beyond 2^53. */
  size64(offset: number): number {
    const value = this.u64(offset);
    if (value > 0x1f_ffff_ffff_ffffn) throw this.damaged(offset, `has the impossible size ${value}`);
    return Number(value);
  }

  /** A view, not a copy. */
  slice(offset: number, length: number): Uint8Array {
    this.need(offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  /** `problem`: what is wrong with it, as `ends too early`. */
  damaged(offset: number, problem: string): XdpError {
    const at = this.base + offset;
    return new XdpError('object-damaged', `The object is damaged, in ${this.what}: it ${problem} (at offset ${at}).`, {
      fix: compileAgain,
      details: { offset: at },
    });
  }

  private need(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.length) {
      throw this.damaged(offset, `ends too early: ${length} bytes are wanted and it has ${this.length} in all`);
    }
  }
}

/** `offset` counts from the start of what the caller handed in (the file, or a section that was read alone). */
export function damaged(problem: string, offset: number): XdpError {
  return new XdpError('object-damaged', `The object is damaged: ${problem} (at offset ${offset}).`, {
    fix: compileAgain,
    details: { offset },
  });
}

const compileAgain = 'Compile it again, or copy it again from where it came.';
