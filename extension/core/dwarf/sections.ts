import { ByteReader } from '../elf/byteReader.ts';
import { type ElfFile, type ElfSection, elfSectionFlag, sectionNamed } from '../elf/readElf.ts';

/**
 * Addresses of an object that is not linked: number of the section times this, plus the offset. So one number says where
 * code or data is, in the whole object.
 */
const sectionStride = 0x1_0000_0000;

/** Sections with a number from here on are none: SHN_LORESERVE. */
const reservedSections = 0xff00;

export function objectAddress(section: number, offset: number): number {
  return section * sectionStride + offset;
}

export function objectPlace(address: number): { section: number; offset: number } {
  return { section: Math.floor(address / sectionStride), offset: address % sectionStride };
}

/** The debug sections, relocated. What is absent is empty. */
export interface DwarfSections {
  info: ByteReader;
  abbrev: ByteReader;
  str: ByteReader;
  lineStr: ByteReader;
  strOffsets: ByteReader;
  addr: ByteReader;
  loclists: ByteReader;
  loc: ByteReader;
  rnglists: ByteReader;
  ranges: ByteReader;
  line: ByteReader;
}

export function dwarfSections(elf: ElfFile): DwarfSections {
  const section = (name: string): ByteReader => {
    const found = sectionNamed(elf, name);
    return found === undefined
      ? new ByteReader(new Uint8Array(0), elf.littleEndian, `the section ${name}`)
      : relocated(elf, found);
  };
  return {
    info: section('.debug_info'),
    abbrev: section('.debug_abbrev'),
    str: section('.debug_str'),
    lineStr: section('.debug_line_str'),
    strOffsets: section('.debug_str_offsets'),
    addr: section('.debug_addr'),
    loclists: section('.debug_loclists'),
    loc: section('.debug_loc'),
    rnglists: section('.debug_rnglists'),
    ranges: section('.debug_ranges'),
    line: section('.debug_line'),
  };
}

/** R_BPF_64_ABS64, _ABS32 and _NODYLD32: Documentation/bpf/llvm_reloc.rst. */
const relocationType = { abs64: 2, abs32: 3, nodyld32: 4 } as const;

/** A section's bytes as an object that is linked at objectAddress() would have them. */
export function relocated(elf: ElfFile, section: ElfSection): ByteReader {
  const what = `the section ${section.name}`;
  const relocations = elf.relocations.get(section.index) ?? [];
  const bytes = relocations.length === 0 ? section.data : section.data.slice();
  const reader = new ByteReader(bytes, elf.littleEndian, what, section.offset);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { offset, type, symbol: index, addend } of relocations) {
    const symbol = elf.symbols[index];
    if (symbol === undefined) throw reader.damaged(offset, `refers to symbol ${index}, which does not exist`);
    if (type === relocationType.abs64) {
      const target = symbol.section < reservedSections ? elf.sections[symbol.section] : undefined;
      const loaded = target !== undefined && (target.flags & elfSectionFlag.alloc) !== 0;
      const base = loaded ? objectAddress(target.index, symbol.value) : symbol.value;
      view.setBigUint64(offset, reader.u64(offset) + addend + BigInt(base), elf.littleEndian);
    } else if (type === relocationType.abs32 || type === relocationType.nodyld32) {
      view.setUint32(offset, reader.u32(offset) + Number(addend) + symbol.value, elf.littleEndian);
    }
  }
  return reader;
}
