import { XdpError } from '../errors.ts';
import { xdpActions } from '../xdp.ts';
import { countsActions } from './actions.ts';
import type { Layout } from './layout.ts';
import { encodePrefix, prefixKeyOf } from './prefix.ts';
import type { MapSchema } from './schema.ts';
import { sumOf } from './sum.ts';
import { toHex } from './text.ts';
import { isArray, isPerCpu, roundUp8, valueBytes } from './types.ts';
import { decodeValue, encodeValue, type Value } from './value.ts';

/** Entries as the kernel copies them out: `keys` holds count × keySize bytes, `values` count × valueBytes(). */
export interface RawPage {
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
}

/** `values`: one per possible CPU in CPU order, with `sum` over their integer fields where there are any. Else `value`. */
export interface MapEntry {
  key: Value;
  value?: Value;
  values?: Value[];
  sum?: Value;
}

/** No `before`: the entry is new. No `after`: it is gone. */
export interface EntryChange {
  key: Uint8Array;
  before?: Uint8Array;
  after?: Uint8Array;
}

/** Bytes of one entry's value in a page. */
export function entryValueBytes(schema: MapSchema): number {
  return valueBytes(schema.type, schema.valueSize, schema.possibleCpus.length);
}

export function decodeEntries(schema: MapSchema, page: RawPage): MapEntry[] {
  checkPage(schema, page);
  const entries: MapEntry[] = [];
  for (let index = 0; index < page.count; index++) {
    entries.push(decodeEntry(schema, keyAt(schema, page, index), valueAt(schema, page, index)));
  }
  return entries;
}

export function decodeEntry(schema: MapSchema, keyBytes: Uint8Array, valueBytes: Uint8Array): MapEntry {
  const key = decodeValue(schema.key, keyBytes);
  if (!isPerCpu(schema.type)) return { key, value: decodeValue(schema.value, valueBytes) };
  const slots = cpuSlots(schema, valueBytes);
  const entry: MapEntry = { key, values: slots.map((slot) => decodeValue(schema.value, slot)) };
  const sum = schema.value === undefined ? undefined : sumOf(schema.value, slots);
  if (sum !== undefined) entry.sum = sum;
  return entry;
}

/** Each CPU's value without its padding, as views. The kernel rounds slots up to 8: kernel/bpf/syscall.c, bpf_map_value_size(). */
export function cpuSlots(schema: MapSchema, bytes: Uint8Array): Uint8Array[] {
  const slot = roundUp8(schema.valueSize);
  if (bytes.length !== slot * schema.possibleCpus.length) {
    throw new XdpError(
      'map-unreadable',
      `A value of the map ${schema.name} has ${bytes.length} bytes, but ${schema.possibleCpus.length} possible CPUs at ${slot} bytes each were expected.`,
    );
  }
  return schema.possibleCpus.map((_, index) => bytes.subarray(index * slot, index * slot + schema.valueSize));
}

/** Beside what decodeValue gives: `10.0.0.0/8` for a prefix, `XDP_DROP` for a counter by verdict, an array's index. */
export function encodeKey(schema: MapSchema, key: Value | Uint8Array): Uint8Array {
  if (key instanceof Uint8Array) return sized(key, [schema.keySize], 'the key');
  if (typeof key === 'string') {
    const named = encodeNamedKey(schema, key);
    if (named !== undefined) return named;
  }
  // Arrays are indexed by a u32 whether a type says so or not (kernel/bpf/arraymap.c, array_map_alloc_check()).
  const index = schema.key === undefined && schema.keySize === 4 && schema.type.endsWith('array');
  if (index && typeof key === 'number') return encodeValue(arrayIndex, 4, key, { name: 'the key' });
  return encodeValue(schema.key, schema.keySize, key, { complete: true, name: 'the key' });
}

const arrayIndex: Layout = { kind: 'int', size: 4, signed: false, bigEndian: false };

function encodeNamedKey(schema: MapSchema, key: string): Uint8Array | undefined {
  const prefix = prefixKeyOf(schema);
  if (prefix !== undefined) return encodePrefix(prefix, schema.keySize, key);
  const action = countsActions(schema) ? xdpActions.findIndex((name) => name === key) : -1;
  return action < 0 ? undefined : Uint8Array.of(action, 0, 0, 0);
}

/**
 * Bytes as the kernel takes them for an update. Per-CPU maps: an array sets each CPU, one value sets all; for values that are
 * arrays themselves, an array of such arrays sets each CPU. `previous`: the entry's bytes before, of which everything that is
 * not given is kept.
 */
export function encodeEntryValue(schema: MapSchema, value: Value | Uint8Array, previous?: Uint8Array): Uint8Array {
  if (!isPerCpu(schema.type)) {
    if (value instanceof Uint8Array) return sized(value, [schema.valueSize], 'the value');
    return encodeValue(schema.value, schema.valueSize, value, { previous });
  }
  const cpus = schema.possibleCpus.length;
  const slot = roundUp8(schema.valueSize);
  if (value instanceof Uint8Array) {
    const raw = sized(value, [schema.valueSize, slot * cpus], 'the value');
    if (raw.length === slot * cpus && raw.length !== schema.valueSize) return raw;
    return joinSlots(
      Array.from({ length: cpus }, () => raw),
      slot,
    );
  }
  const before = previous?.length === slot * cpus ? cpuSlots(schema, previous) : [];
  const each = perCpuValues(schema, value);
  return joinSlots(
    schema.possibleCpus.map((cpu, index) => {
      const name = each === undefined ? 'the value' : `the value of CPU ${cpu}`;
      const one = each === undefined ? value : (each[index] ?? null);
      return encodeValue(schema.value, schema.valueSize, one, { name, previous: before[index] });
    }),
    slot,
  );
}

/** undefined when `value` is one value for all CPUs. */
function perCpuValues(schema: MapSchema, value: Value): Value[] | undefined {
  if (!Array.isArray(value) || nestingOf(value) <= nestingOfLayout(schema.value)) return undefined;
  const cpus = schema.possibleCpus.length;
  if (value.length !== cpus) {
    throw new XdpError(
      'value-invalid',
      `There are ${value.length} values, but ${cpus} possible CPUs: one for each is expected.`,
      {
        fix: `Give ${cpus} values in CPU order, or one value for all CPUs.`,
      },
    );
  }
  return value;
}

/** How many arrays stand in each other at the front of a value, and in the type. */
function nestingOf(value: Value): number {
  let nesting = 0;
  for (let at: Value | undefined = value; Array.isArray(at); at = at[0]) nesting++;
  return nesting;
}

function nestingOfLayout(layout: Layout | undefined): number {
  let nesting = 0;
  for (let at = layout; at?.kind === 'array'; at = at.element) nesting++;
  return nesting;
}

function joinSlots(slots: readonly Uint8Array[], slotBytes: number): Uint8Array {
  const bytes = new Uint8Array(slots.length * slotBytes);
  slots.forEach((slot, index) => bytes.set(slot, index * slotBytes));
  return bytes;
}

function sized(bytes: Uint8Array, sizes: readonly number[], name: string): Uint8Array {
  if (sizes.includes(bytes.length)) return bytes;
  throw new XdpError(
    'value-invalid',
    `${name} has ${bytes.length} bytes (${toHex(bytes.subarray(0, 16))}…): expected ${sizes.join(' or ')}.`,
  );
}

/** What changed from one page to the next: gone entries first, then new and changed ones in the order of `after`. */
export function diffPages(schema: MapSchema, before: RawPage, after: RawPage): EntryChange[] {
  checkPage(schema, before);
  checkPage(schema, after);
  if (isArray(schema.type) && sameBytes(before.keys, after.keys)) return diffArrays(schema, before, after);
  const old = indexByKey(schema, before);
  const changes: EntryChange[] = [];
  for (let index = 0; index < after.count; index++) {
    const key = keyAt(schema, after, index);
    const text = keyText(key);
    const oldIndex = old.get(text);
    old.delete(text);
    const now = valueAt(schema, after, index);
    const was = oldIndex === undefined ? undefined : valueAt(schema, before, oldIndex);
    if (was === undefined) changes.push({ key, after: now });
    else if (!sameBytes(was, now)) changes.push({ key, before: was, after: now });
  }
  const gone = [...old.values()].map((index) => ({
    key: keyAt(schema, before, index),
    before: valueAt(schema, before, index),
  }));
  return [...gone, ...changes];
}

/** An array has the same keys in the same order at all times: nothing is looked up, and a table of millions costs a walk. */
function diffArrays(schema: MapSchema, before: RawPage, after: RawPage): EntryChange[] {
  const changes: EntryChange[] = [];
  for (let index = 0; index < after.count; index++) {
    const [was, now] = [valueAt(schema, before, index), valueAt(schema, after, index)];
    if (!sameBytes(was, now)) changes.push({ key: keyAt(schema, after, index), before: was, after: now });
  }
  return changes;
}

/** Where each key stands; a key that a page holds twice (a resized hash, read in batches) counts where it came last. */
export function indexByKey(schema: MapSchema, page: RawPage): Map<string, number> {
  const index = new Map<string, number>();
  for (let i = 0; i < page.count; i++) index.set(keyText(keyAt(schema, page, i)), i);
  return index;
}

/** A key as a map key: one character a byte. */
export function keyText(key: Uint8Array): string {
  let text = '';
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

export function keyAt(schema: MapSchema, page: RawPage, index: number): Uint8Array {
  return page.keys.subarray(index * schema.keySize, (index + 1) * schema.keySize);
}

export function valueAt(schema: MapSchema, page: RawPage, index: number): Uint8Array {
  const size = entryValueBytes(schema);
  return page.values.subarray(index * size, (index + 1) * size);
}

export function checkPage(schema: MapSchema, page: RawPage): void {
  const keys = page.count * schema.keySize;
  const values = page.count * entryValueBytes(schema);
  if (page.keys.length >= keys && page.values.length >= values) return;
  throw new XdpError(
    'map-unreadable',
    `${page.count} entries of the map ${schema.name} need ${keys} bytes of keys and ${values} of values, but ${page.keys.length} and ${page.values.length} came.`,
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
