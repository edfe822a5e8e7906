import { damaged } from '../elf/byteReader.ts';
import { stringTable } from '../elf/stringTable.ts';

/** The `.BTF` container: where types and strings are. Source: include/uapi/linux/btf.h, struct btf_header. */
export interface RawBtf {
  view: DataView;
  littleEndian: boolean;
  /** Byte range of the type section. */
  typesStart: number;
  typesEnd: number;
  /** Name at an offset in the string section. */
  text: (offset: number) => string;
}

export const btfMagic = 0xeb9f;

export function openBtf(bytes: Uint8Array): RawBtf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) throw damaged(`the BTF section of ${bytes.length} bytes is shorter than its header`, 0);
  const littleEndian = view.getUint16(0, true) === btfMagic;
  if (!littleEndian && view.getUint16(0, false) !== btfMagic)
    throw damaged('the BTF section lacks its magic number', 0);
  const version = view.getUint8(2);
  if (version !== 1) throw damaged(`the BTF section has version ${version}, and only version 1 is known`, 2);
  const headerLength = view.getUint32(4, littleEndian);
  if (headerLength < 24 || headerLength > bytes.length) throw damaged(`the BTF header claims ${headerLength} bytes`, 4);
  const typesStart = headerLength + view.getUint32(8, littleEndian);
  const typesEnd = typesStart + view.getUint32(12, littleEndian);
  const stringsStart = headerLength + view.getUint32(16, littleEndian);
  const stringsEnd = stringsStart + view.getUint32(20, littleEndian);
  if (typesEnd > bytes.length) throw damaged('the BTF types reach beyond their section', 12);
  if (stringsEnd > bytes.length) throw damaged('the BTF strings reach beyond their section', 20);
  if (stringsEnd > stringsStart && bytes[stringsEnd - 1] !== 0)
    throw damaged('the BTF strings do not end with NUL', stringsEnd);
  return {
    view,
    littleEndian,
    typesStart,
    typesEnd,
    text: stringTable(bytes.subarray(stringsStart, stringsEnd), 'the BTF strings', stringsStart),
  };
}
