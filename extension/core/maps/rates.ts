import { viewOf } from './decode.ts';
import { checkPage, entryValueBytes, indexByKey, keyAt, keyText, type RawPage } from './entries.ts';
import { readBits, readInt } from './integers.ts';
import type { Layout } from './layout.ts';
import type { MapSchema } from './schema.ts';
import { isPerCpu, roundUp8 } from './types.ts';

/** One integer inside a value: a column of a table. */
export interface NumericLeaf {
  /** Field names and array indexes; empty for a scalar value. */
  path: readonly (string | number)[];
  /** `rx.packets`, `buckets[3]`; empty for a scalar value. */
  label: string;
  /** Bytes from the start of one CPU's value. */
  offset: number;
  place: Extract<Layout, { kind: 'int' | 'bits' }>;
}

/** The integer fields in order, at most `limit` (a histogram of 4096 buckets makes no readable table). */
export function numericLeaves(layout: Layout | undefined, limit = 64): NumericLeaf[] {
  const leaves: NumericLeaf[] = [];
  if (layout !== undefined) collect(layout, { path: [], label: '' }, 0, leaves, limit);
  return leaves;
}

interface Name {
  path: readonly (string | number)[];
  label: string;
}

function collect(layout: Layout, name: Name, offset: number, leaves: NumericLeaf[], limit: number): void {
  if (leaves.length >= limit) return;
  switch (layout.kind) {
    case 'int':
      leaves.push({ ...name, offset, place: layout });
      return;
    case 'bits':
      if (layout.base === 'int') leaves.push({ ...name, offset, place: layout });
      return;
    case 'array': {
      const before = leaves.length;
      for (let i = 0; i < layout.count && leaves.length < limit; i++) {
        collect(
          layout.element,
          { path: [...name.path, i], label: `${name.label}[${i}]` },
          offset + i * layout.element.size,
          leaves,
          limit,
        );
        // Elements are alike: when the first has no integer, none has.
        if (leaves.length === before) return;
      }
      return;
    }
    case 'struct':
    case 'union':
      for (const field of layout.fields) {
        if (leaves.length >= limit) return;
        const label = name.label === '' ? field.name : `${name.label}.${field.name}`;
        collect(field.layout, { path: [...name.path, field.name], label }, offset + field.offset, leaves, limit);
      }
      return;
    case 'bool':
    case 'enum':
    case 'float':
    case 'pointer':
    case 'text':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return;
  }
}

/** The leaf of the value that starts at `base`, without decoding the rest: a number up to 32 bits, else a bigint. */
export function readLeaf(leaf: NumericLeaf, view: DataView, base = 0): number | bigint {
  const at = base + leaf.offset;
  return leaf.place.kind === 'int' ? readInt(view, at, leaf.place) : readBits(view, at, leaf.place);
}

/** What one entry's counters did between two samples, per second. */
export interface EntryRates {
  /** Place of the entry in the later page. */
  index: number;
  /** [CPU][leaf]; one row for maps that are not per-CPU. undefined: not known (see ratesBetween). */
  perCpu: (number | undefined)[][];
  /** [leaf], over all CPUs; undefined when one of them is not known. */
  total: (number | undefined)[];
}

/**
 * Rates of every entry of `after`. `periodMs` is the measured time between the two reads. A rate is not known (undefined, never
 * negative) for an entry that was not there before, for a counter that went back (a map that was made anew or reset) and
 * without a period.
 */
export function ratesBetween(
  schema: MapSchema,
  leaves: readonly NumericLeaf[],
  before: RawPage,
  after: RawPage,
  periodMs: number,
): EntryRates[] {
  checkPage(schema, before);
  checkPage(schema, after);
  const old = indexByKey(schema, before);
  const was = viewOf(before.values);
  const now = viewOf(after.values);
  const size = entryValueBytes(schema);
  const slot = isPerCpu(schema.type) ? roundUp8(schema.valueSize) : size;
  const slots = isPerCpu(schema.type) ? schema.possibleCpus.length : 1;
  const rates: EntryRates[] = [];
  for (let index = 0; index < after.count; index++) {
    const oldIndex = old.get(keyText(keyAt(schema, after, index)));
    const perCpu: (number | undefined)[][] = [];
    for (let cpu = 0; cpu < slots; cpu++) {
      const at = index * size + cpu * slot;
      const oldAt = oldIndex === undefined ? undefined : oldIndex * size + cpu * slot;
      perCpu.push(leaves.map((leaf) => rateOf(leaf, was, oldAt, now, at, periodMs)));
    }
    rates.push({ index, perCpu, total: leaves.map((_, leaf) => totalOf(perCpu, leaf)) });
  }
  return rates;
}

function rateOf(
  leaf: NumericLeaf,
  was: DataView,
  oldAt: number | undefined,
  now: DataView,
  at: number,
  periodMs: number,
): number | undefined {
  if (oldAt === undefined || !(periodMs > 0)) return undefined;
  const before = readLeaf(leaf, was, oldAt);
  const after = readLeaf(leaf, now, at);
  // Both come from the same leaf, so both are numbers or both are bigints; the difference of bigints is exact.
  const grown =
    typeof before === 'bigint' || typeof after === 'bigint' ? Number(BigInt(after) - BigInt(before)) : after - before;
  return grown < 0 ? undefined : (grown * 1000) / periodMs;
}

function totalOf(perCpu: readonly (number | undefined)[][], leaf: number): number | undefined {
  let total = 0;
  for (const row of perCpu) {
    const rate = row[leaf];
    if (rate === undefined) return undefined;
    total += rate;
  }
  return total;
}
