import type { Cursor } from './cursor.ts';

/** The value of an attribute, as it stands in the file. */
export type FormValue =
  | { kind: 'address'; value: number }
  | { kind: 'addressIndex'; value: number }
  | { kind: 'constant'; value: bigint }
  | { kind: 'text'; value: string }
  | { kind: 'textAt'; section: 'str' | 'lineStr'; value: number }
  | { kind: 'textIndex'; value: number }
  | { kind: 'flag'; value: boolean }
  /** Offset in .debug_info. */
  | { kind: 'reference'; value: number }
  /** A block or an expression. */
  | { kind: 'block'; value: Uint8Array }
  /** Into the section that the attribute implies. */
  | { kind: 'offset'; value: number }
  /** Number of a range or location list of the unit. */
  | { kind: 'list'; value: number };

/** Reads one value. `implicit` is the abbreviation's own for DW_FORM_implicit_const. DWARF 5, section 7.5.6. */
export function readForm(cursor: Cursor, form: number, unit: { offset: number }, implicit: bigint): FormValue {
  switch (form) {
    case 0x01: // addr
      return { kind: 'address', value: cursor.address() };
    case 0x03: // block2
      return { kind: 'block', value: cursor.bytes(cursor.u16()) };
    case 0x04: // block4
      return { kind: 'block', value: cursor.bytes(cursor.u32()) };
    case 0x05: // data2
      return constant(BigInt(cursor.u16()));
    case 0x06: // data4
      return constant(BigInt(cursor.u32()));
    case 0x07: // data8
      return constant(cursor.u64());
    case 0x08: // string
      return { kind: 'text', value: cursor.text() };
    case 0x09: // block
    case 0x18: // exprloc
      return { kind: 'block', value: cursor.bytes(cursor.count()) };
    case 0x0a: // block1
      return { kind: 'block', value: cursor.bytes(cursor.u8()) };
    case 0x0b: // data1
      return constant(BigInt(cursor.u8()));
    case 0x0c: // flag
      return { kind: 'flag', value: cursor.u8() !== 0 };
    case 0x0d: // sdata
      return constant(cursor.sleb());
    case 0x0e: // strp
      return { kind: 'textAt', section: 'str', value: cursor.u32() };
    case 0x0f: // udata
      return constant(cursor.uleb());
    case 0x10: // ref_addr
      return { kind: 'reference', value: cursor.u32() };
    case 0x11: // ref1
      return { kind: 'reference', value: unit.offset + cursor.u8() };
    case 0x12: // ref2
      return { kind: 'reference', value: unit.offset + cursor.u16() };
    case 0x13: // ref4
      return { kind: 'reference', value: unit.offset + cursor.u32() };
    case 0x15: // ref_udata
      return { kind: 'reference', value: unit.offset + cursor.count() };
    case 0x17: // sec_offset
      return { kind: 'offset', value: cursor.u32() };
    case 0x19: // flag_present
      return { kind: 'flag', value: true };
    case 0x1a: // strx
      return { kind: 'textIndex', value: cursor.count() };
    case 0x1b: // addrx
      return { kind: 'addressIndex', value: cursor.count() };
    case 0x1e: // data16
      return { kind: 'block', value: cursor.bytes(16) };
    case 0x1f: // line_strp
      return { kind: 'textAt', section: 'lineStr', value: cursor.u32() };
    case 0x21: // implicit_const
      return constant(implicit);
    case 0x22: // loclistx
    case 0x23: // rnglistx
      return { kind: 'list', value: cursor.count() };
    case 0x25: // strx1
      return { kind: 'textIndex', value: cursor.u8() };
    case 0x26: // strx2
      return { kind: 'textIndex', value: cursor.u16() };
    case 0x27: // strx3
      return { kind: 'textIndex', value: cursor.u24() };
    case 0x28: // strx4
      return { kind: 'textIndex', value: cursor.u32() };
    case 0x29: // addrx1
      return { kind: 'addressIndex', value: cursor.u8() };
    case 0x2a: // addrx2
      return { kind: 'addressIndex', value: cursor.u16() };
    case 0x2b: // addrx3
      return { kind: 'addressIndex', value: cursor.u24() };
    case 0x2c: // addrx4
      return { kind: 'addressIndex', value: cursor.u32() };
    default:
      throw cursor.damaged(`has an attribute of the unknown form 0x${form.toString(16)}`);
  }
}

function constant(value: bigint): FormValue {
  return { kind: 'constant', value };
}
