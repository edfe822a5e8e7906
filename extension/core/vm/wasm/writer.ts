/** Types of WebAssembly: the core specification, section 5.3. */
export const valueType = { i32: 0x7f, i64: 0x7e } as const;

/** Instructions: the core specification, section 5.4. Only those that are used. */
export const wasm = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Load: 0x28,
  i64Load: 0x29,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtS: 0x55,
  i64GtU: 0x56,
  i64LeS: 0x57,
  i64LeU: 0x58,
  i64GeS: 0x59,
  i64GeU: 0x5a,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i64Rotl: 0x89,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
  prefixed: 0xfc,
} as const;

/** `memory.fill`, behind wasm.prefixed. */
export const memoryFill = 11;
export const emptyBlock = 0x40;

/** Bytes of a WebAssembly module, or of a part of one. */
export class WasmWriter {
  private buffer = new Uint8Array(1024);
  length = 0;

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  byte(value: number): this {
    if (this.length === this.buffer.length) this.grow(1);
    this.buffer[this.length++] = value;
    return this;
  }

  /** Up to four bytes; no rest parameter, since nothing is called as often. */
  op(first: number, second?: number, third?: number, fourth?: number): this {
    this.byte(first);
    if (second !== undefined) this.byte(second);
    if (third !== undefined) this.byte(third);
    return fourth === undefined ? this : this.byte(fourth);
  }

  list(codes: readonly number[]): this {
    for (const code of codes) this.byte(code);
    return this;
  }

  unsigned(value: number): this {
    if (value < 0x80) return this.byte(value);
    let left = value;
    do {
      const low = left % 128;
      left = Math.floor(left / 128);
      this.byte(left > 0 ? low | 0x80 : low);
    } while (left > 0);
    return this;
  }

  /** A whole number of at most 32 bits, signed. */
  private small(value: number): this {
    let left = value;
    for (;;) {
      const low = left & 0x7f;
      left >>= 7;
      if ((left === 0 && low < 0x40) || (left === -1 && low >= 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  private signed(value: bigint): this {
    let left = value;
    for (;;) {
      const low = Number(left & 0x7fn);
      left >>= 7n;
      if ((left === 0n && low < 0x40) || (left === -1n && low >= 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  text(value: string): this {
    this.unsigned(value.length);
    for (let at = 0; at < value.length; at++) this.byte(value.charCodeAt(at));
    return this;
  }

  append(part: WasmWriter): this {
    this.grow(part.length);
    this.buffer.set(part.bytes, this.length);
    this.length += part.length;
    return this;
  }

  /** A part with its length in front. */
  sized(part: WasmWriter): this {
    return this.unsigned(part.length).append(part);
  }

  i32(value: number): this {
    return this.byte(wasm.i32Const).small(value | 0);
  }

  /** A number must have at most 32 bits, signed. */
  i64(value: bigint | number): this {
    this.byte(wasm.i64Const);
    return typeof value === 'number' ? this.small(value) : this.signed(BigInt.asIntN(64, value));
  }

  get(local: number): this {
    return this.byte(wasm.localGet).unsigned(local);
  }

  set(local: number): this {
    return this.byte(wasm.localSet).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(wasm.localTee).unsigned(local);
  }

  call(index: number): this {
    return this.byte(wasm.call).unsigned(index);
  }

  /** A load or store at the address on the stack plus `offset`. No alignment is promised. */
  memory(instruction: number, offset = 0): this {
    return this.byte(instruction).byte(0).unsigned(offset);
  }

  private grow(by: number): void {
    if (this.length + by <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + by));
    larger.set(this.bytes);
    this.buffer = larger;
  }
}
