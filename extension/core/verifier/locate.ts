import { ByteReader } from '../elf/byteReader.ts';
import { type ElfFile, elfSymbolType, readElf } from '../elf/readElf.ts';
import { readLines } from '../object/parseObject.ts';
import {
  entryPoints,
  functionsOf,
  type LineTable,
  lineTable,
  type ProgramPlace,
  sourceOf,
} from '../object/programs.ts';
import type { SourcePlace } from '../object/spec.ts';

/** What is needed to find the source of instructions; keep it to look up many. */
export interface ObjectLines {
  elf: ElfFile;
  lines: LineTable;
  /** Text of the source lines that have code. */
  texts: ReadonlyMap<string, string>;
  /** Parts of the programs looked at so far. */
  parts: Map<string, readonly ProgramPlace[]>;
}

export function objectLines(bytes: Uint8Array): ObjectLines {
  const elf = readElf(bytes);
  const lines = readLines(elf)?.lines ?? [];
  return {
    elf,
    lines: lineTable(lines),
    parts: new Map(),
    texts: new Map(lines.map((line) => [`${line.line}:${line.file}`, line.text])),
  };
}

/** The source line of a place, as the compiler stored it; undefined when it did not. */
export function lineText(object: ObjectLines, place: SourcePlace): string | undefined {
  return object.texts.get(`${place.line}:${place.file}`);
}

/** Names of the programs of an object. */
export function programNames(object: ObjectLines): string[] {
  return entryPoints(object.elf, []).map((place) => place.name);
}

/** First line of a function or program of the object. */
export function locateFunction(object: ObjectLines, name: string): SourcePlace | undefined {
  const place = functionsOf(object.elf).find((each) => each.name === name);
  return place === undefined ? undefined : sourceOf(object.lines, place, 0);
}

/**
 * Source of instruction `insn` of the loaded program `programName`, counted in 8-byte slots as the verifier does. Behind the
 * program's own instructions stand the subprograms it calls, in the order in which libbpf appends them. undefined: no such
 * program or instruction, or no line information.
 */
export function locateInsn(
  object: Uint8Array | ObjectLines,
  programName: string,
  insn: number,
): SourcePlace | undefined {
  const known = object instanceof Uint8Array ? objectLines(object) : object;
  if (insn < 0) return undefined;
  let start = 0;
  for (const part of partsOf(known, programName)) {
    const count = part.size / 8;
    if (insn < start + count) return sourceOf(known.lines, part, insn - start);
    start += count;
  }
  return undefined;
}

/** The program and its subprograms, in the order in which they are loaded; empty when there is no such program. */
export function partsOf(object: ObjectLines, programName: string): readonly ProgramPlace[] {
  const known = object.parts.get(programName);
  if (known !== undefined) return known;
  const program = entryPoints(object.elf, []).find((place) => place.name === programName);
  const parts = program === undefined ? [] : [program, ...subprogramsOf(object.elf, program)];
  object.parts.set(programName, parts);
  return parts;
}

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
