/** Is a 64-bit conditional jump taken? RFC 9669, section 4.3. */
export function taken64(operation: number, al: number, ah: number, bl: number, bh: number): boolean {
  switch (operation >> 4) {
    case 0x1: // eq
      return al === bl && ah === bh;
    case 0x5: // ne
      return al !== bl || ah !== bh;
    case 0x2: // gt
      return ah === bh ? al >>> 0 > bl >>> 0 : ah >>> 0 > bh >>> 0;
    case 0x3: // ge
      return ah === bh ? al >>> 0 >= bl >>> 0 : ah >>> 0 > bh >>> 0;
    case 0xa: // lt
      return ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
    case 0xb: // le
      return ah === bh ? al >>> 0 <= bl >>> 0 : ah >>> 0 < bh >>> 0;
    case 0x4: // set
      return ((al & bl) | (ah & bh)) !== 0;
    case 0x6: // sgt
      return ah === bh ? al >>> 0 > bl >>> 0 : ah > bh;
    case 0x7: // sge
      return ah === bh ? al >>> 0 >= bl >>> 0 : ah > bh;
    case 0xc: // slt
      return ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
    default:
      return ah === bh ? al >>> 0 <= bl >>> 0 : ah < bh;
  }
}

/** Is a 32-bit conditional jump taken? */
export function taken32(operation: number, a: number, b: number): boolean {
  switch (operation >> 4) {
    case 0x1: // eq
      return a === b;
    case 0x5: // ne
      return a !== b;
    case 0x2: // gt
      return a >>> 0 > b >>> 0;
    case 0x3: // ge
      return a >>> 0 >= b >>> 0;
    case 0xa: // lt
      return a >>> 0 < b >>> 0;
    case 0xb: // le
      return a >>> 0 <= b >>> 0;
    case 0x4: // set
      return (a & b) !== 0;
    case 0x6: // sgt
      return a > b;
    case 0x7: // sge
      return a >= b;
    case 0xc: // slt
      return a < b;
    default:
      return a <= b;
  }
}
