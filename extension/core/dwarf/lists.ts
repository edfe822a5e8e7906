import { Cursor } from './cursor.ts';
import { at } from './numbers.ts';
import { addressAt, addressOf, type Die, type Unit } from './units.ts';

/** Addresses from `start` up to, not including, `end`. */
export interface AddressRange {
  start: number;
  end: number;
}

/** Where a variable is while the program is inside `range`. */
export interface LocationEntry {
  /** Undefined: always. */
  range: AddressRange | undefined;
  expression: Uint8Array;
}

/** The code that an entry covers: low_pc and high_pc, or a list of ranges. */
export function rangesOf(die: Die): AddressRange[] {
  const list = listStart(die, at.ranges);
  if (list !== undefined) return readRanges(die.unit, list);
  const start = addressOf(die, at.lowPc);
  const high = die.attributes.get(at.highPc);
  if (start === undefined || high === undefined) return [];
  // A constant counts from low_pc.
  const end = high.kind === 'constant' ? start + Number(high.value) : addressOf(die, at.highPc);
  return end === undefined || end <= start ? [] : [{ start, end }];
}

export function locationsOf(die: Die): LocationEntry[] {
  const value = die.attributes.get(at.location);
  if (value?.kind === 'block') {
    return value.value.length === 0 ? [] : [{ range: undefined, expression: value.value }];
  }
  const list = listStart(die, at.location);
  return list === undefined ? [] : readLocations(die.unit, list);
}

/** Where the list of an attribute starts, in its section. */
function listStart({ attributes, unit }: Die, name: number): number | undefined {
  const value = attributes.get(name);
  if (value?.kind === 'offset') return value.value;
  if (value?.kind !== 'list') return undefined;
  const isLocation = name === at.location;
  const base = isLocation ? unit.bases.locations : unit.bases.ranges;
  const section = isLocation ? unit.sections.loclists : unit.sections.rnglists;
  return base + section.u32(base + value.value * 4);
}

function unitBase({ root }: Unit): number {
  return root === undefined ? 0 : (addressOf(root, at.lowPc) ?? 0);
}

function readRanges(unit: Unit, start: number): AddressRange[] {
  const ranges: AddressRange[] = [];
  const read = unit.version >= 5 ? listEntries : oldListEntries;
  const cursor = new Cursor(unit.version >= 5 ? unit.sections.rnglists : unit.sections.ranges, start);
  for (const range of read(cursor, unit, rangeKinds)) if (range !== undefined) ranges.push(range);
  return ranges.filter((range) => range.end > range.start);
}

function readLocations(unit: Unit, start: number): LocationEntry[] {
  const entries: LocationEntry[] = [];
  const read = unit.version >= 5 ? listEntries : oldListEntries;
  const cursor = new Cursor(unit.version >= 5 ? unit.sections.loclists : unit.sections.loc, start);
  for (const range of read(cursor, unit, locationKinds)) {
    const expression = cursor.bytes(unit.version >= 5 ? cursor.count() : cursor.u16());
    if (range === undefined || range.end > range.start) entries.push({ range, expression });
  }
  return entries;
}

/** DW_RLE_* and DW_LLE_* differ from number 5 on. */
type EntryKind =
  | 'end'
  | 'base'
  | 'basex'
  | 'startx_endx'
  | 'startx_length'
  | 'offsets'
  | 'default'
  | 'startEnd'
  | 'startLength';
const firstKinds: readonly EntryKind[] = ['end', 'basex', 'startx_endx', 'startx_length', 'offsets'];
const rangeKinds: readonly EntryKind[] = [...firstKinds, 'base', 'startEnd', 'startLength'];
const locationKinds: readonly EntryKind[] = [...firstKinds, 'default', 'base', 'startEnd', 'startLength'];

/** DWARF 5, sections 2.6.2 and 2.17.3. An entry without a range is the default one. */
function* listEntries(cursor: Cursor, unit: Unit, kinds: readonly EntryKind[]): Generator<AddressRange | undefined> {
  let base = unitBase(unit);
  for (;;) {
    const kind = kinds[cursor.u8()];
    switch (kind) {
      case 'end':
        return;
      case 'basex':
        base = addressAt(unit, cursor.count());
        break;
      case 'base':
        base = cursor.address();
        break;
      case 'startx_endx':
        yield { start: addressAt(unit, cursor.count()), end: addressAt(unit, cursor.count()) };
        break;
      case 'startx_length': {
        const start = addressAt(unit, cursor.count());
        yield { start, end: start + cursor.count() };
        break;
      }
      case 'offsets':
        yield { start: base + cursor.count(), end: base + cursor.count() };
        break;
      case 'default':
        yield undefined;
        break;
      case 'startEnd':
        yield { start: cursor.address(), end: cursor.address() };
        break;
      case 'startLength': {
        const start = cursor.address();
        yield { start, end: start + cursor.count() };
        break;
      }
      case undefined:
        throw cursor.damaged('has a list entry of an unknown kind');
    }
  }
}

/** DWARF 4: pairs of offsets from the base; the base changes where the first is all ones. */
function* oldListEntries(cursor: Cursor, unit: Unit): Generator<AddressRange> {
  let base = unitBase(unit);
  for (;;) {
    const start = cursor.u64();
    const end = cursor.u64();
    if (start === 0n && end === 0n) return;
    if (start === 0xffff_ffff_ffff_ffffn) base = Number(end);
    else yield { start: base + Number(start), end: base + Number(end) };
  }
}
