import type { LineInfo } from '../btf/btfExt.ts';
import { damaged } from '../elf/byteReader.ts';
import {
  elfBinding,
  elfSectionFlag,
  elfSectionType,
  elfSymbolType,
  type ElfFile,
  type ElfSection,
} from '../elf/readElf.ts';
import { modernSection, sectionKind } from './sections.ts';
import type { ProgramSpec, SourcePlace } from './spec.ts';

/** Bytes of one instruction slot; a 64-bit immediate load takes two. */
const insnBytes = 8;

/** Where a function stands in the object. */
export interface ProgramPlace {
  name: string;
  section: ElfSection;
  /** Bytes from the start of the section. */
  offset: number;
  size: number;
  global: boolean;
}

/** Every function of every executable section, in the order of libbpf: by section, then by place. */
export function functionsOf(elf: ElfFile): ProgramPlace[] {
  const places: ProgramPlace[] = [];
  for (const symbol of elf.symbols) {
    if (symbol.type !== elfSymbolType.func) continue;
    const section = elf.sections[symbol.section];
    if (section === undefined || !isCode(section)) continue;
    if (
      symbol.value + symbol.size > section.data.length ||
      symbol.value % insnBytes !== 0 ||
      symbol.size % insnBytes !== 0
    ) {
      throw damaged(`the function ${symbol.name} does not lie inside its section ${section.name}`, section.offset);
    }
    const global = symbol.binding !== elfBinding.local;
    places.push({ name: symbol.name, section, offset: symbol.value, size: symbol.size, global });
  }
  return places.sort((a, b) => a.section.index - b.section.index || a.offset - b.offset);
}

/**
 * Entry points: functions outside `.text`, or the one function of the object when it is in `.text`; everything else there
 * is a subprogram (libbpf.c, prog_is_subprog).
 */
export function entryPoints(elf: ElfFile, warnings: string[]): ProgramPlace[] {
  const functions = functionsOf(elf);
  if (functions.length === 1) return functions;
  return functions.filter((place) => {
    if (place.section.name === '.text') return false;
    if (place.global) return true;
    warnings.push(`The function ${place.name} in section ${place.section.name} is static: libbpf refuses the object.`);
    return false;
  });
}

export function programSpecs(elf: ElfFile, lines: readonly LineInfo[], warnings: string[]): ProgramSpec[] {
  const table = lineTable(lines);
  return entryPoints(elf, warnings).map((place) => {
    const section = place.section.name;
    const kind = sectionKind(section);
    const better = kind.type === 'unspec' ? modernSection(section) : undefined;
    if (better !== undefined) {
      warnings.push(
        `Section "${section}" of ${place.name} says nothing about the program's type to libbpf 1.0 and newer. ` +
          `Write SEC("${better}") instead.`,
      );
    }
    return {
      name: place.name,
      section: section.replace(/^\?/, ''),
      type: kind.type,
      frags: kind.frags,
      insns: place.size / insnBytes,
      source: sourceOf(table, place, 0),
    };
  });
}

/** Line records of each section that name a line, by rising offset. */
export type LineTable = ReadonlyMap<string, readonly LineInfo[]>;

export function lineTable(lines: readonly LineInfo[]): LineTable {
  const table = new Map<string, LineInfo[]>();
  for (const line of lines) {
    if (line.line === 0) continue;
    const list = table.get(line.section);
    if (list === undefined) table.set(line.section, [line]);
    else list.push(line);
  }
  for (const list of table.values()) list.sort((a, b) => a.offset - b.offset);
  return table;
}

/**
 * Source of instruction `insn` (counted from the start of the function): the last record of the function at or before it.
 */
export function sourceOf(table: LineTable, place: ProgramPlace, insn: number): SourcePlace | undefined {
  const at = place.offset + insn * insnBytes;
  if (insn < 0 || at >= place.offset + place.size) return undefined;
  const lines = table.get(place.section.name) ?? [];
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle]?.offset ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  const line = lines[low - 1];
  if (line === undefined || line.offset < place.offset) return undefined;
  return { file: line.file, line: line.line, column: Math.max(1, line.column) };
}

function isCode(section: ElfSection): boolean {
  return section.type === elfSectionType.progbits && (section.flags & elfSectionFlag.execInstr) !== 0;
}
