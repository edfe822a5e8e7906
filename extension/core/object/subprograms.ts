import { ByteReader } from '../elf/byteReader.ts';
import { type ElfFile, elfSymbolType } from '../elf/readElf.ts';
import { functionsOf, type ProgramPlace } from './programs.ts';

const callOpcode = 0x85;
const loadImmediate64 = 0x18;
/** Source register of a call and of a 64-bit load that name a function: BPF_PSEUDO_CALL and BPF_PSEUDO_FUNC. */
const pseudoCall = 1;
const pseudoFunc = 4;

/**
 * Subprograms in libbpf's order: each is appended where it is first met, and then searched itself at once
 * (libbpf.c, bpf_object__reloc_code).
 */
export function subprogramsOf(elf: ElfFile, program: ProgramPlace): ProgramPlace[] {
  const targets = new Map<string, ProgramPlace>();
  for (const place of functionsOf(elf))
    if (place.section.name === '.text') targets.set(placeKey(place.section.index, place.offset), place);
  const text = elf.sections.findIndex((section) => section.name === '.text');
  const found = new Set<ProgramPlace>([program]);
  const relocations = new Map<number, Map<number, { symbol: number }>>();
  // An own stack: a hostile object may chain very many functions.
  const open: { place: ProgramPlace; at: number }[] = [{ place: program, at: 0 }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.at >= top.place.size) {
      open.pop();
      continue;
    }
    const at = top.place.offset + top.at;
    top.at += 8;
    const offset = calledOffset(elf, top.place, at, relocationsOf(elf, relocations, top.place.section.index));
    const target = offset === undefined ? undefined : targets.get(placeKey(text, offset));
    if (target === undefined || found.has(target)) continue;
    found.add(target);
    open.push({ place: target, at: 0 });
  }
  found.delete(program);
  return [...found];
}

function placeKey(section: number, offset: number): string {
  return `${section}:${offset}`;
}

function relocationsOf(
  elf: ElfFile,
  known: Map<number, Map<number, { symbol: number }>>,
  section: number,
): Map<number, { symbol: number }> {
  let map = known.get(section);
  if (map === undefined) {
    map = new Map((elf.relocations.get(section) ?? []).map((relocation) => [relocation.offset, relocation]));
    known.set(section, map);
  }
  return map;
}

/** Byte offset in `.text` of the function that the instruction at `at` calls or takes the address of. */
function calledOffset(
  elf: ElfFile,
  place: ProgramPlace,
  at: number,
  relocations: ReadonlyMap<number, { symbol: number }>,
): number | undefined {
  const code = new ByteReader(
    place.section.data,
    elf.littleEndian,
    `the section ${place.section.name}`,
    place.section.offset,
  );
  const opcode = code.u8(at);
  if (opcode !== callOpcode && opcode !== loadImmediate64) return undefined;
  // The register byte is two bit-fields, which swap places with the byte order: include/uapi/linux/bpf.h, struct bpf_insn.
  const registers = code.u8(at + 1);
  const source = elf.littleEndian ? registers >> 4 : registers & 15;
  const immediate = code.i32(at + 4);
  const relocation = relocations.get(at);
  if (relocation === undefined)
    return opcode === callOpcode && source === pseudoCall ? at + 8 * (immediate + 1) : undefined;
  const symbol = elf.symbols[relocation.symbol];
  if (symbol === undefined || elf.sections[symbol.section]?.name !== '.text') return undefined;
  if (opcode === callOpcode) return source === pseudoCall ? symbol.value + 8 * (immediate + 1) : undefined;
  const isFunction =
    source === pseudoFunc || symbol.type === elfSymbolType.func || symbol.type === elfSymbolType.section;
  return isFunction ? symbol.value + immediate : undefined;
}
