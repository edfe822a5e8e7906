import { Cursor } from './cursor.ts';
import { type FormValue, readForm } from './forms.ts';
import { at } from './numbers.ts';
import type { DwarfSections } from './sections.ts';

/** An entry of the debug information. */
export interface Die {
  /** In .debug_info. */
  offset: number;
  tag: number;
  attributes: ReadonlyMap<number, FormValue>;
  children: Die[];
  unit: Unit;
}

export interface Unit {
  offset: number;
  version: number;
  sections: DwarfSections;
  root: Die | undefined;
  /** Base types by the offset of their entry, for DW_OP_convert. */
  baseTypes?: ReadonlyMap<number, { size: number; signed: boolean }>;
  /** What indexes count from, in their sections. */
  bases: { strings: number; addresses: number; ranges: number; locations: number };
}

interface Abbreviation {
  tag: number;
  hasChildren: boolean;
  attributes: { name: number; form: number; implicit: bigint }[];
}

/** No C program nests its blocks as deep as this. */
const maxDepth = 200;
/** DW_UT_compile, DW_UT_partial: the units that a C compiler makes. */
const unitTypes = [1, 3];

/** Every compile unit, DWARF 4 or 5, with all its entries, and the entries by offset. */
export function readUnits(sections: DwarfSections): { units: Unit[]; dies: Map<number, Die> } {
  const units: Unit[] = [];
  const dies = new Map<number, Die>();
  const abbreviations = new Map<number, Map<number, Abbreviation>>();
  for (let offset = 0; offset < sections.info.length; ) {
    const header = new Cursor(sections.info, offset);
    const length = header.u32();
    if (length >= 0xffff_fff0) throw header.damaged('is in 64-bit DWARF, which no compiler writes for BPF');
    const end = header.at + length;
    const cursor = new Cursor(sections.info, header.at, end);
    const version = cursor.u16();
    if (version < 4 || version > 5) throw cursor.damaged(`has DWARF version ${version}, and 4 and 5 are known`);
    const unitType = version >= 5 ? cursor.u8() : 1;
    if (version >= 5) cursor.u8();
    const table = cursor.u32();
    if (version < 5) cursor.u8();
    // What indexes count from when the unit does not say: behind the header of the first contribution.
    const bases = { strings: 8, addresses: 8, ranges: 12, locations: 12 };
    const unit: Unit = { offset, version, sections, root: undefined, bases };
    if (unitTypes.includes(unitType)) {
      const known = abbreviations.get(table) ?? readAbbreviations(new Cursor(sections.abbrev, table));
      abbreviations.set(table, known);
      readEntries(cursor, unit, known, dies);
      units.push(unit);
    }
    offset = end;
  }
  return { units, dies };
}

function readAbbreviations(cursor: Cursor): Map<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  for (let code = cursor.count(); code !== 0; code = cursor.count()) {
    const abbreviation: Abbreviation = { tag: cursor.count(), hasChildren: cursor.u8() !== 0, attributes: [] };
    for (;;) {
      const name = cursor.count();
      const form = cursor.count();
      const implicit = form === 0x21 ? cursor.sleb() : 0n;
      if (name === 0 && form === 0) break;
      abbreviation.attributes.push({ name, form, implicit });
    }
    table.set(code, abbreviation);
  }
  return table;
}

function readEntries(cursor: Cursor, unit: Unit, table: Map<number, Abbreviation>, dies: Map<number, Die>): void {
  const open: Die[] = [];
  while (!cursor.done) {
    const offset = cursor.at;
    const code = cursor.count();
    if (code === 0) {
      open.pop();
      if (open.length === 0) return;
      continue;
    }
    const abbreviation = table.get(code);
    if (abbreviation === undefined) throw cursor.damaged(`has an entry of the unknown abbreviation ${code}`);
    const attributes = new Map<number, FormValue>();
    for (const { name, form, implicit } of abbreviation.attributes) {
      const value = readForm(cursor, form, unit, implicit);
      attributes.set(name, value);
    }
    const die: Die = { offset, tag: abbreviation.tag, attributes, children: [], unit };
    const parent = open.at(-1);
    if (parent === undefined) {
      unit.root = die;
      readBases(die);
    } else parent.children.push(die);
    dies.set(offset, die);
    if (abbreviation.hasChildren) {
      if (open.length >= maxDepth) throw cursor.damaged(`nests its entries deeper than ${maxDepth}`);
      open.push(die);
    } else if (parent === undefined) return;
  }
}

function readBases({ attributes, unit }: Die): void {
  const base = (name: number, otherwise: number): number => {
    const value = attributes.get(name);
    return value?.kind === 'offset' ? value.value : otherwise;
  };
  const { bases } = unit;
  bases.strings = base(at.strOffsetsBase, bases.strings);
  bases.addresses = base(at.addrBase, bases.addresses);
  bases.ranges = base(at.rnglistsBase, bases.ranges);
  bases.locations = base(at.loclistsBase, bases.locations);
}

/** Address number `index` of the unit. */
export function addressAt({ sections, bases }: Unit, index: number): number {
  return sections.addr.size64(bases.addresses + index * 8);
}

export function textOf(die: Die, name: number): string | undefined {
  const value = die.attributes.get(name);
  const { sections, bases } = die.unit;
  switch (value?.kind) {
    case 'text':
      return value.value;
    case 'textAt':
      return new Cursor(sections[value.section], value.value).text();
    case 'textIndex':
      return new Cursor(sections.str, sections.strOffsets.u32(bases.strings + value.value * 4)).text();
    default:
      return undefined;
  }
}

export function addressOf(die: Die, name: number): number | undefined {
  const value = die.attributes.get(name);
  if (value?.kind === 'address') return value.value;
  return value?.kind === 'addressIndex' ? addressAt(die.unit, value.value) : undefined;
}

/** A constant of at most 53 bits; undefined for what is absent or larger. */
export function numberOf(die: Die, name: number): number | undefined {
  const value = die.attributes.get(name);
  if (value?.kind !== 'constant') return undefined;
  const number = Number(value.value);
  return Number.isSafeInteger(number) ? number : undefined;
}

export function referenceOf(die: Die, name: number): number | undefined {
  const value = die.attributes.get(name);
  return value?.kind === 'reference' ? value.value : undefined;
}

export function flagOf(die: Die, name: number): boolean {
  const value = die.attributes.get(name);
  return value?.kind === 'flag' && value.value;
}
