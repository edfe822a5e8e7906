import { openBtf } from '../../btf/rawBtf.ts';
import { ByteReader } from '../../elf/byteReader.ts';
import { english } from '../../text/language.ts';

/** enum bpf_core_relo_kind of include/uapi/linux/bpf.h. */
export const coreKind = {
  fieldByteOffset: 0,
  fieldByteSize: 1,
  fieldExists: 2,
  fieldSigned: 3,
  fieldLeftShift: 4,
  fieldRightShift: 5,
  typeIdLocal: 6,
  typeIdTarget: 7,
  typeExists: 8,
  typeSize: 9,
  enumValueExists: 10,
  enumValue: 11,
  typeMatches: 12,
} as const;

/** One CO-RE relocation: struct bpf_core_relo. */
export interface CoreRecord {
  section: string;
  /** Bytes from the start of the section. */
  offset: number;
  /** Type in the object's BTF. */
  typeId: number;
  /** `0:1:2`: index of the root, then of members and elements; for enums the index of the value. */
  access: readonly number[];
  kind: number;
}

const headerWithCore = 32;

/** The third table of `.BTF.ext`; empty in objects without CO-RE. */
export function readCoreRecords(extBytes: Uint8Array, btfBytes: Uint8Array): CoreRecord[] {
  const strings = openBtf(btfBytes);
  const reader = new ByteReader(extBytes, strings.littleEndian, english('the .BTF.ext section'));
  const headerLength = reader.u32(4);
  if (headerLength < headerWithCore) return [];
  const length = reader.u32(28);
  if (length === 0) return [];
  const start = headerLength + reader.u32(24);
  const end = start + length;
  const recordBytes = reader.u32(start);
  if (recordBytes < 16) throw reader.damaged(start, `has CO-RE records of ${recordBytes} bytes, not 16`);
  const records: CoreRecord[] = [];
  let at = start + 4;
  while (at < end) {
    const section = strings.text(reader.u32(at));
    const count = reader.u32(at + 4);
    at += 8;
    for (let i = 0; i < count; i++, at += recordBytes) {
      const access = strings
        .text(reader.u32(at + 8))
        .split(':')
        .map(Number);
      if (access.some((index) => !Number.isInteger(index) || index < 0)) {
        throw reader.damaged(at, 'has a CO-RE record whose access path is not made of numbers');
      }
      records.push({ section, offset: reader.u32(at), typeId: reader.u32(at + 4), access, kind: reader.u32(at + 12) });
    }
  }
  return records;
}
