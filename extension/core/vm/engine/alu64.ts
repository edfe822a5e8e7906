/**
 * The 64-bit arithmetic that the interpreter's loop does not do itself, on register `d`, which two halves hold. `sl` and
 * `sh` are the second operand, `variant` the offset field. Semantics: RFC 9669, section 4.1: division by zero gives 0, remainder by zero leaves the dividend, shifts are
 * masked.
 */
export function alu64(
  lo: Int32Array,
  hi: Int32Array,
  d: number,
  operation: number,
  sl: number,
  sh: number,
  variant: number,
): void {
  // Literal and dense cases compile to a jump table; the names are those of RFC 9669, section 4.1.
  switch (operation >> 4) {
    case 0x6: {
      // lsh
      const shift = sl & 63;
      const low = lo[d]!;
      if (shift >= 32) {
        hi[d] = low << (shift - 32);
        lo[d] = 0;
      } else if (shift > 0) {
        hi[d] = (hi[d]! << shift) | (low >>> (32 - shift));
        lo[d] = low << shift;
      }
      return;
    }
    case 0x7: {
      // rsh
      const shift = sl & 63;
      const high = hi[d]!;
      if (shift >= 32) {
        lo[d] = high >>> (shift - 32);
        hi[d] = 0;
      } else if (shift > 0) {
        lo[d] = (lo[d]! >>> shift) | (high << (32 - shift));
        hi[d] = high >>> shift;
      }
      return;
    }
    case 0xc: {
      // arsh
      const shift = sl & 63;
      const high = hi[d]!;
      if (shift >= 32) {
        lo[d] = high >> (shift - 32);
        hi[d] = high >> 31;
      } else if (shift > 0) {
        lo[d] = (lo[d]! >>> shift) | (high << (32 - shift));
        hi[d] = high >> shift;
      }
      return;
    }
    case 0x8: {
      // neg
      const carry = lo[d] === 0 ? 1 : 0;
      lo[d] = -lo[d]!;
      hi[d] = ~hi[d]! + carry;
      return;
    }
    case 0x2: // mul
      multiply64(lo, hi, d, sl, sh);
      return;
    case 0x3: // div
      divide64(lo, hi, d, sl, sh, variant !== 0);
      return;
    case 0x9: // mod
      remainder64(lo, hi, d, sl, sh, variant !== 0);
      return;
    case 0xb: // mov, sign-extending
      extend(lo, hi, d, sl, variant);
      return;
    case 0xd: // end
      swap(lo, hi, d, sl);
      return;
  }
}

function extend(lo: Int32Array, hi: Int32Array, d: number, sl: number, bits: number): void {
  const low = (sl << (32 - bits)) >> (32 - bits);
  lo[d] = low;
  hi[d] = low >> 31;
}

/** Schoolbook with 16-bit digits, since the product of two 32-bit halves does not fit a double. */
function multiply64(lo: Int32Array, hi: Int32Array, d: number, bl: number, bh: number): void {
  const al = lo[d]!;
  const ah = hi[d]!;
  const a0 = al & 0xffff;
  const a1 = al >>> 16;
  const b0 = bl & 0xffff;
  const b1 = bl >>> 16;
  const p00 = a0 * b0;
  const p01 = a0 * b1;
  const p10 = a1 * b0;
  const middle = (p00 >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  lo[d] = (middle << 16) | (p00 & 0xffff);
  hi[d] = a1 * b1 + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16) + Math.imul(al, bh) + Math.imul(ah, bl);
}

function divide64(lo: Int32Array, hi: Int32Array, d: number, sl: number, sh: number, signed: boolean): void {
  if ((sl | sh) === 0) {
    lo[d] = 0;
    hi[d] = 0;
    return;
  }
  if (hi[d] === 0 && sh === 0) {
    lo[d] = (lo[d]! >>> 0) / (sl >>> 0);
    return;
  }
  const a = wide(lo[d]!, hi[d]!, signed);
  setWide(lo, hi, d, a / wide(sl, sh, signed));
}

function remainder64(lo: Int32Array, hi: Int32Array, d: number, sl: number, sh: number, signed: boolean): void {
  if ((sl | sh) === 0) return;
  if (hi[d] === 0 && sh === 0) {
    lo[d] = (lo[d]! >>> 0) % (sl >>> 0);
    return;
  }
  const a = wide(lo[d]!, hi[d]!, signed);
  setWide(lo, hi, d, a % wide(sl, sh, signed));
}

/** Byte swap of the low 16, 32 or 64 bits; the rest becomes zero. */
export function swap(lo: Int32Array, hi: Int32Array, d: number, bits: number): void {
  const low = lo[d]!;
  if (bits === 16) lo[d] = ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
  else if (bits === 32) lo[d] = swap32(low);
  else {
    lo[d] = swap32(hi[d]!);
    hi[d] = swap32(low);
    return;
  }
  hi[d] = 0;
}

function swap32(value: number): number {
  return ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

function wide(low: number, high: number, signed: boolean): bigint {
  const bits = (BigInt(high) << 32n) | BigInt(low >>> 0);
  return signed ? bits : BigInt.asUintN(64, bits);
}

function setWide(lo: Int32Array, hi: Int32Array, d: number, value: bigint): void {
  lo[d] = Number(value & 0xffffffffn);
  hi[d] = Number((value >> 32n) & 0xffffffffn);
}
