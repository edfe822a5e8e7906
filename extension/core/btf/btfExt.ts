import { ByteReader } from '../elf/byteReader.ts';
import { english } from '../text/language.ts';
import { btfMagic, openBtf } from './rawBtf.ts';

/** `.BTF.ext`: which function and which source line an instruction belongs to. Source: Documentation/bpf/btf.rst, section 3. */
export interface BtfExt {
  funcs: readonly FuncInfo[];
  lines: readonly LineInfo[];
}

export interface FuncInfo {
  /** ELF section of the instructions. */
  section: string;
  /** Bytes from the start of the section (8 per instruction slot). */
  offset: number;
  /** BTF id of the function. */
  typeId: number;
}

export interface LineInfo {
  section: string;
  /** Bytes from the start of the section (8 per instruction slot). Applies up to the next record. */
  offset: number;
  /** As the compiler was given it, often relative. */
  file: string;
  /** The source line itself. */
  text: string;
  /** 1-based; 0 when the compiler made code that belongs to no line. */
  line: number;
  /** 1-based; 0 when unknown. */
  column: number;
}

/** `btfBytes`: the `.BTF` section of the same object, which holds the strings. */
export function readBtfExt(bytes: Uint8Array, btfBytes: Uint8Array): BtfExt {
  const strings = openBtf(btfBytes);
  const reader = new ByteReader(bytes, strings.littleEndian, english('the .BTF.ext section'));
  if (reader.u16(0) !== btfMagic) throw reader.damaged(0, 'lacks its magic number');
  if (reader.u8(2) !== 1) throw reader.damaged(2, `has version ${reader.u8(2)}, and only version 1 is known`);
  const headerLength = reader.u32(4);
  const funcs: FuncInfo[] = [];
  const lines: LineInfo[] = [];
  for (const { name, at } of records(reader, headerLength + reader.u32(8), reader.u32(12), 8, strings.text)) {
    funcs.push({ section: name, offset: reader.u32(at), typeId: reader.u32(at + 4) });
  }
  for (const { name, at } of records(reader, headerLength + reader.u32(16), reader.u32(20), 16, strings.text)) {
    const place = reader.u32(at + 12);
    lines.push({
      section: name,
      offset: reader.u32(at),
      file: strings.text(reader.u32(at + 4)),
      text: strings.text(reader.u32(at + 8)),
      line: place >>> 10,
      column: place & 0x3ff,
    });
  }
  return { funcs, lines };
}

/** Where the records of one table are. Records may be longer than what is known of them, never shorter. */
function* records(
  reader: ByteReader,
  start: number,
  length: number,
  knownBytes: number,
  text: (offset: number) => string,
): Generator<{ name: string; at: number }> {
  if (length === 0) return;
  const end = start + length;
  if (end > reader.length) throw reader.damaged(start, 'ends inside a table');
  const recordBytes = reader.u32(start);
  if (recordBytes < knownBytes) throw reader.damaged(start, `has records of ${recordBytes} bytes, not ${knownBytes}`);
  let at = start + 4;
  while (at < end) {
    const name = text(reader.u32(at));
    const count = reader.u32(at + 4);
    at += 8;
    if (at + count * recordBytes > end) throw reader.damaged(at, `ends inside the ${count} records of ${name}`);
    for (let i = 0; i < count; i++, at += recordBytes) yield { name, at };
  }
}
