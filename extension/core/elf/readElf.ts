import { XdpError } from '../errors.ts';
import { ByteReader } from './byteReader.ts';
import { stringTable } from './stringTable.ts';

/**
 * 64-bit ELF relocatable objects for BPF, of either byte order. Source: elf(5) and the System V ABI, chapter 4. The input
 * is untrusted: every read is checked against the file and nothing is allocated that is larger than the file.
 */
export interface ElfFile {
  littleEndian: boolean;
  /** Index = section number; 0 is the null section. */
  sections: readonly ElfSection[];
  /** Index = symbol number, as relocations use it. */
  symbols: readonly ElfSymbol[];
  /** Number of the section that is patched → its relocations in file order. */
  relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
}

export interface ElfSection {
  index: number;
  name: string;
  /** SHT_*. */
  type: number;
  /** SHF_*, the low 32 bits. */
  flags: number;
  /** Bytes; for SHT_NOBITS (`.bss`) what the section takes in memory. */
  size: number;
  /** From the start of the file. */
  offset: number;
  link: number;
  info: number;
  align: number;
  entrySize: number;
  /** A view into the file; empty for SHT_NOBITS. */
  data: Uint8Array;
}

export interface ElfSymbol {
  name: string;
  /** In a relocatable file: offset inside `section`. */
  value: number;
  size: number;
  /** STT_*. */
  type: number;
  /** STB_*. */
  binding: number;
  /** STV_*. */
  visibility: number;
  /** Section number, or one of SHN_* (0 = undefined). */
  section: number;
}

export interface ElfRelocation {
  /** Byte offset inside the patched section. */
  offset: number;
  /** R_BPF_*. */
  type: number;
  symbol: number;
  /** 0 for SHT_REL, where the addend is in the patched bytes. */
  addend: bigint;
}

export const elfSectionType = { null: 0, progbits: 1, symtab: 2, strtab: 3, rela: 4, nobits: 8, rel: 9 } as const;
export const elfSectionFlag = { write: 1, alloc: 2, execInstr: 4 } as const;
export const elfSymbolType = { none: 0, object: 1, func: 2, section: 3, file: 4 } as const;
export const elfBinding = { local: 0, global: 1, weak: 2 } as const;

const headerBytes = 64;
const sectionHeaderBytes = 64;
const symbolBytes = 24;
const relocatable = 1;
const machineBpf = 247;
const extendedIndex = 0xffff;

const objectTypes = ['no type', 'a relocatable object', 'an executable', 'a shared library', 'a core dump'];
const machines: Readonly<Record<number, string>> = {
  3: '32-bit x86',
  8: 'MIPS',
  20: '32-bit PowerPC',
  21: '64-bit PowerPC',
  22: 'IBM Z',
  40: '32-bit ARM',
  62: 'x86-64',
  183: '64-bit ARM',
  243: 'RISC-V',
  258: 'LoongArch',
};

export function readElf(bytes: Uint8Array): ElfFile {
  const littleEndian = checkIdent(bytes);
  const file = new ByteReader(bytes, littleEndian, 'the ELF file');
  if (bytes.length < headerBytes) throw file.damaged(bytes.length, 'ends inside its header');
  checkHeader(file);
  const sections = readSections(file);
  return {
    littleEndian,
    sections,
    symbols: readSymbols(sections, littleEndian),
    relocations: readRelocations(sections, littleEndian),
  };
}

/** The first section of that name. */
export function sectionNamed(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

function notBpf(what: string): XdpError {
  return new XdpError('not-bpf-object', `This is no BPF object: ${what}.`, {
    fix: 'Choose a file that was compiled with `clang -target bpf -g -O2 -c`.',
  });
}

function checkIdent(bytes: Uint8Array): boolean {
  if (bytes.length === 0) throw notBpf('the file is empty');
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  const common = Math.min(4, bytes.length);
  for (let i = 0; i < common; i++) if (bytes[i] !== magic[i]) throw notBpf(whatElse(bytes));
  if (bytes.length < 16)
    throw new ByteReader(bytes, true, 'the ELF file').damaged(bytes.length, 'ends inside its header');
  if (bytes[4] === 1) throw notBpf('it is a 32-bit ELF file, and BPF objects are 64-bit');
  if (bytes[4] !== 2) throw notBpf(`it is an ELF file of the unknown class ${bytes[4]}`);
  if (bytes[5] !== 1 && bytes[5] !== 2) throw notBpf(`it is an ELF file of the unknown byte order ${bytes[5]}`);
  return bytes[5] === 1;
}

function whatElse(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  if (start.startsWith('BC\xc0\xde')) return 'it is LLVM bitcode (an object made with -flto or -emit-llvm)';
  if (start.startsWith('!<arch>')) return 'it is an archive of objects';
  if (bytes.subarray(0, 512).every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13)))
    return 'it is text, not an ELF file';
  return 'it is not an ELF file';
}

function checkHeader(file: ByteReader): void {
  const machine = file.u16(18);
  // Old compilers left the machine empty, and libbpf accepts that too: libbpf.c, bpf_object__elf_init().
  if (machine !== machineBpf && machine !== 0) {
    const name = machines[machine] ?? `machine ${machine}`;
    throw notBpf(`it is an ELF file for ${name}, not for BPF`);
  }
  const type = file.u16(16);
  if (type !== relocatable)
    throw notBpf(`it is ${objectTypes[type] ?? `an ELF file of type ${type}`}, not a relocatable object`);
}

function readSections(file: ByteReader): ElfSection[] {
  const start = file.size64(40);
  const headerSize = file.u16(58);
  let count = file.u16(60);
  let namesIndex = file.u16(62);
  if (start === 0) throw file.damaged(40, 'has no section table');
  if (headerSize !== sectionHeaderBytes) throw file.damaged(58, `has section headers of ${headerSize} bytes, not 64`);
  // With 65280 sections or more the true numbers are in the null section: elf(5), e_shnum and e_shstrndx.
  if (count === 0) count = file.size64(start + 32);
  if (namesIndex === extendedIndex) namesIndex = file.u32(start + 40);
  if (start + count * sectionHeaderBytes > file.length) {
    throw file.damaged(start, `ends inside its section table of ${count} entries`);
  }
  let bytesLeft = file.length;
  const sections: ElfSection[] = [];
  const nameOffsets: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * sectionHeaderBytes;
    nameOffsets.push(file.u32(at));
    const section = readSection(file, at, index);
    sections.push(section);
    // Sections that share bytes would let a small file cost the work of a huge one.
    bytesLeft -= section.data.length;
    if (bytesLeft < 0) throw file.damaged(at, 'has sections that overlap each other');
  }
  const names = sections[namesIndex];
  if (names === undefined || names.type !== elfSectionType.strtab)
    throw file.damaged(62, 'has no table of section names');
  const nameAt = stringTable(names.data, 'the table of section names', names.offset);
  for (const section of sections) {
    if (section.type !== elfSectionType.null) section.name = nameAt(nameOffsets[section.index] ?? 0);
  }
  return sections;
}

function readSection(file: ByteReader, at: number, index: number): ElfSection {
  const type = file.u32(at + 4);
  const offset = file.size64(at + 24);
  const size = file.size64(at + 32);
  const inFile = type !== elfSectionType.nobits && type !== elfSectionType.null;
  if (inFile && offset + size > file.length) {
    throw file.damaged(at, `ends before its section ${index}, which takes ${size} bytes from ${offset}`);
  }
  return {
    index,
    name: '',
    type,
    flags: Number(file.u64(at + 8) & 0xffffffffn),
    size,
    offset,
    link: file.u32(at + 40),
    info: file.u32(at + 44),
    align: file.size64(at + 48),
    entrySize: file.size64(at + 56),
    data: inFile ? file.slice(offset, size) : new Uint8Array(0),
  };
}

function readSymbols(sections: readonly ElfSection[], littleEndian: boolean): ElfSymbol[] {
  const table = sections.find((section) => section.type === elfSectionType.symtab);
  if (table === undefined) return [];
  const reader = new ByteReader(table.data, littleEndian, 'the symbol table', table.offset);
  if (table.data.length % symbolBytes !== 0) throw reader.damaged(0, 'is not made of whole symbols');
  const namesSection = sections[table.link];
  if (namesSection === undefined || namesSection.type !== elfSectionType.strtab)
    throw reader.damaged(0, 'has no names');
  const nameAt = stringTable(namesSection.data, 'the table of symbol names', namesSection.offset);
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at < table.data.length; at += symbolBytes) {
    const info = reader.u8(at + 4);
    const symbol: ElfSymbol = {
      name: nameAt(reader.u32(at)),
      value: reader.size64(at + 8),
      size: reader.size64(at + 16),
      type: info & 15,
      binding: info >> 4,
      visibility: reader.u8(at + 5) & 3,
      section: reader.u16(at + 6),
    };
    if (symbol.type === elfSymbolType.section && symbol.name === '') symbol.name = sections[symbol.section]?.name ?? '';
    symbols.push(symbol);
  }
  return symbols;
}

function readRelocations(
  sections: readonly ElfSection[],
  littleEndian: boolean,
): Map<number, readonly ElfRelocation[]> {
  const result = new Map<number, ElfRelocation[]>();
  for (const section of sections) {
    const withAddend = section.type === elfSectionType.rela;
    if (!withAddend && section.type !== elfSectionType.rel) continue;
    const reader = new ByteReader(section.data, littleEndian, `the relocation section ${section.name}`, section.offset);
    if (sections[section.info] === undefined)
      throw reader.damaged(0, `belongs to section ${section.info}, which does not exist`);
    const entryBytes = withAddend ? 24 : 16;
    if (section.data.length % entryBytes !== 0) throw reader.damaged(0, 'is not made of whole relocations');
    const list = result.get(section.info) ?? [];
    for (let at = 0; at < section.data.length; at += entryBytes) {
      list.push({
        offset: reader.size64(at),
        type: Number(reader.u64(at + 8) & 0xffffffffn),
        symbol: Number(reader.u64(at + 8) >> 32n),
        addend: withAddend ? reader.i64(at + 16) : 0n,
      });
    }
    result.set(section.info, list);
  }
  return result;
}
