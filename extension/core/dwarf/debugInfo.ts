import { type ElfFile, sectionNamed } from '../elf/readElf.ts';
import { type LineProgram, type LineRow, readLineProgram } from './lineTable.ts';
import { at, encoding, tag } from './numbers.ts';
import { type Scope, ScopeReader, type Variable } from './scopes.ts';
import { dwarfSections, relocated } from './sections.ts';
import { Cursor } from './cursor.ts';
import { type CType, TypeTable } from './types.ts';
import { numberOf, readUnits, textOf, type Unit } from './units.ts';

/** A stretch of code with one row of the line table. */
export interface LineSpan extends LineRow {
  /** Address after the last instruction. */
  end: number;
}

/**
 * What DWARF says about an object. Addresses are those of objectAddress(). The input is untrusted: reading it is bounded
 * by its size, and damage is an XdpError('object-damaged').
 */
export class DebugInfo {
  /** By rising address. Stretches of no code are left out. */
  readonly lines: readonly LineSpan[];
  readonly functions: readonly Scope[];
  readonly globals: readonly Variable[];
  /** Named types, for casts in expressions: `struct iphdr`, `__u32`. */
  readonly namedTypes: ReadonlyMap<string, CType>;
  /** Bytes of a function's stack frame by the address of its code, where the compiler was asked for them. */
  readonly frameSizes: ReadonlyMap<number, number>;

  constructor(elf: ElfFile) {
    const { units, dies } = readUnits(dwarfSections(elf));
    const types = new TypeTable(dies);
    const programs = new Map<Unit, LineProgram>();
    for (const unit of units) {
      if (unit.root !== undefined) programs.set(unit, readLineProgram(unit.root));
      unit.baseTypes = baseTypesOf(unit);
    }
    const scopes = new ScopeReader(dies, types, programs);
    this.lines = spansOf([...programs.values()].flatMap(({ rows }) => rows));
    this.functions = units.flatMap((unit) => scopes.functions(unit));
    this.globals = units.flatMap((unit) => scopes.globals(unit));
    this.namedTypes = namedTypesOf(units, types);
    this.frameSizes = readFrameSizes(elf);
  }

  lineAt(address: number): LineSpan | undefined {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const span = this.lines[low - 1];
    return span !== undefined && address < span.end ? span : undefined;
  }

  /** The scopes around an instruction, the function first. */
  scopesAt(address: number): Scope[] {
    const chain: Scope[] = [];
    let level: readonly Scope[] = this.functions;
    for (;;) {
      const inside = level.find((scope) => scopeHolds(scope, address));
      if (inside === undefined) return chain;
      chain.push(inside);
      level = inside.children;
    }
  }
}

/** Has this object debug information that can be read? */
export function readDebugInfo(elf: ElfFile): DebugInfo | undefined {
  return sectionNamed(elf, '.debug_info') === undefined ? undefined : new DebugInfo(elf);
}

function scopeHolds({ ranges }: Scope, address: number): boolean {
  return ranges.some(({ start, end }) => address >= start && address < end);
}

function spansOf(rows: readonly LineRow[]): LineSpan[] {
  const spans: LineSpan[] = [];
  rows.forEach((row, index) => {
    const next = rows[index + 1];
    if (!row.endSequence && next !== undefined && next.address > row.address) spans.push({ ...row, end: next.address });
  });
  return spans.sort((a, b) => a.address - b.address);
}

function baseTypesOf({ root }: Unit): Map<number, { size: number; signed: boolean }> {
  const types = new Map<number, { size: number; signed: boolean }>();
  for (const die of root?.children ?? []) {
    const size = numberOf(die, at.byteSize);
    if (die.tag !== tag.baseType || size === undefined || size < 1 || size > 8) continue;
    const how = numberOf(die, at.encoding);
    types.set(die.offset, { size, signed: how === encoding.signed || how === encoding.signedChar });
  }
  return types;
}

const namedKinds: Readonly<Record<number, string>> = {
  [tag.structureType]: 'struct ',
  [tag.unionType]: 'union ',
  [tag.enumerationType]: 'enum ',
  [tag.typedef]: '',
  [tag.baseType]: '',
};

function namedTypesOf(units: readonly Unit[], types: TypeTable): Map<string, CType> {
  const named = new Map<string, CType>();
  for (const die of units.flatMap(({ root }) => root?.children ?? [])) {
    const prefix = namedKinds[die.tag];
    const name = prefix === undefined ? undefined : textOf(die, at.name);
    if (name === undefined) continue;
    const key = `${prefix}${name}`;
    const known = named.get(key);
    // A declaration alone says nothing where the definition stands elsewhere.
    if (known === undefined || ('incomplete' in known && known.incomplete)) named.set(key, types.at(die.offset));
  }
  return named;
}

/** The section .stack_sizes of -fstack-size-section: an address and a size for each function. */
function readFrameSizes(elf: ElfFile): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const section of elf.sections.filter(({ name }) => name === '.stack_sizes')) {
    const cursor = new Cursor(relocated(elf, section));
    while (!cursor.done) sizes.set(cursor.address(), cursor.count());
  }
  return sizes;
}
