/**
 * 32-bit arithmetic on two operands; `variant` is the offset field. Returns the low half (signed or not: an Int32Array
 * takes both); the high half becomes zero. Semantics: RFC 9669, section 4.1.
 */
export function alu32(a: number, operation: number, b: number, variant: number): number {
  switch (operation >> 4) {
    case 0x0: // add
      return a + b;
    case 0x1: // sub
      return a - b;
    case 0x2: // mul
      return Math.imul(a, b);
    case 0x3: // div
      if (b === 0) return 0;
      // The smallest number divided by -1 is 2^31, which wraps to itself.
      return variant === 0 ? (a >>> 0) / (b >>> 0) : a / b;
    case 0x9: // mod
      if (b === 0) return a;
      return variant === 0 ? (a >>> 0) % (b >>> 0) : a % b;
    case 0x4: // or
      return a | b;
    case 0x5: // and
      return a & b;
    case 0xa: // xor
      return a ^ b;
    case 0x6: // lsh
      return a << b;
    case 0x7: // rsh
      return a >>> b;
    case 0xc: // arsh
      return a >> b;
    case 0x8: // neg
      return -a;
    case 0xb: // mov
      return variant === 0 ? b : (b << (32 - variant)) >> (32 - variant);
    default:
      return a;
  }
}
