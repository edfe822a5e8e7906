import { XdpError } from '../errors.ts';
import { cpuSlots, decodeEntry, encodeKey, indexByKey, keyText, type RawPage, valueAt } from '../maps/entries.ts';
import type { MapSchema } from '../maps/schema.ts';
import { sumOf } from '../maps/sum.ts';
import { fromHex, toHex } from '../maps/text.ts';
import { isPerCpu } from '../maps/types.ts';
import { decodeValue, type Value } from '../maps/value.ts';
import { suggest } from '../packet/fail.ts';
import { plainDifferences, valueDifferences } from './matchValue.ts';
import type { EntryExpectation, MapExpectation } from './model.ts';
import type { Difference, Failure } from './result.ts';

/** A map of the program under test, after its packets. */
export interface MapSnapshot {
  schema: MapSchema;
  /** Or why its content cannot be read. */
  page: RawPage | { problem: string };
}

export type Snapshots = ReadonlyMap<string, MapSnapshot>;

export function matchMaps(expected: readonly MapExpectation[], maps: Snapshots, path: string): Failure[] {
  return expected.flatMap((map) => matchMap(map, maps, `${path}.maps.${map.name}`));
}

function matchMap(expected: MapExpectation, maps: Snapshots, path: string): Failure[] {
  const snapshot = maps.get(expected.name);
  const failure = (message: string): Failure[] => [{ path, message, differences: [], place: expected.place }];
  if (snapshot === undefined) return failure(noMap(expected.name, [...maps.keys()]));
  const { schema, page } = snapshot;
  if ('problem' in page) return failure(`${expected.name} cannot be read: ${page.problem}`);
  const find = finder(schema, page, expected.entries.length);
  const failures = expected.entries.flatMap((entry, at) => {
    const place = { path: `${path}[${at}]`, place: entry.place };
    try {
      const keyBytes = mapKey(schema, entry.key);
      const found = find(keyBytes);
      const value = found === undefined ? undefined : valueAt(schema, page, found);
      return matchEntry(schema, entry, keyBytes, value).map((mismatch) => ({ ...mismatch, ...place }));
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      const message = `${expected.name}: ${error.message}${error.fix === undefined ? '' : ` ${error.fix}`}`;
      return [{ message, differences: [], ...place }];
    }
  });
  if (expected.count !== undefined && expected.count.value !== page.count) {
    failures.push({
      path: `${path}.count`,
      message: `${expected.name} does not hold as many entries as expected.`,
      expected: expected.count.value,
      actual: page.count,
      differences: [],
      place: expected.count.place,
    });
  }
  return failures;
}

/** Few keys are looked for one by one: an index of a whole map costs more than that. */
function finder(schema: MapSchema, page: RawPage, wanted: number): (key: Uint8Array) => number | undefined {
  if (wanted > 8) {
    const index = indexByKey(schema, page);
    return (key) => index.get(keyText(key));
  }
  return (key) => {
    for (let at = 0; at < page.count; at++) {
      let same = 0;
      while (same < key.length && page.keys[at * key.length + same] === key[same]) same++;
      if (same === key.length) return at;
    }
    return undefined;
  };
}

export function noMap(name: string, names: readonly string[]): string {
  return names.length === 0
    ? `The program has no map named ${name}: it has no maps.`
    : `The program has no map named ${name}. ${suggest(name, names)}`;
}

/** A key as JSON of the map's type, or `hex:…`. */
export function mapKey(schema: MapSchema, key: Value): Uint8Array {
  return encodeKey(schema, rawBytes(key) ?? key);
}

/** The bytes of `hex:…`; undefined for every other value. */
export function rawBytes(value: Value): Uint8Array | undefined {
  return typeof value === 'string' && /^hex:/i.test(value) ? fromHex(value.slice(4)) : undefined;
}

type Mismatch = Pick<Failure, 'message' | 'expected' | 'actual' | 'differences'>;

function matchEntry(
  schema: MapSchema,
  { key, what }: EntryExpectation,
  keyBytes: Uint8Array,
  value: Uint8Array | undefined,
): Mismatch[] {
  const entry = `${schema.name}[${typeof key === 'object' ? JSON.stringify(key) : String(key)}]`;
  if (what.kind === 'absent') {
    if (value === undefined) return [];
    const { value: one, values } = decodeEntry(schema, keyBytes, value);
    return [{ message: `${entry} is there.`, expected: null, actual: values ?? one ?? toHex(value), differences: [] }];
  }
  if (value === undefined) {
    const range = /array/.test(schema.type) ? `: the keys go from 0 to ${schema.maxEntries - 1}` : '';
    return [{ message: `${entry} is not there${range}.`, expected: shown(what), actual: null, differences: [] }];
  }
  const slots = isPerCpu(schema.type) ? cpuSlots(schema, value) : undefined;
  switch (what.kind) {
    case 'value':
      if (slots !== undefined) throw perCpuMap(schema);
      return mismatch(
        entry,
        what.value,
        decodeValue(schema.value, value),
        valueDifferences(schema.value, value, what.value),
      );
    case 'values':
      return matchEach(schema, entry, what.values, slots ?? [value]);
    case 'sum': {
      const sum = schema.value === undefined ? undefined : sumOf(schema.value, slots ?? [value]);
      if (sum === undefined) throw new XdpError('value-invalid', 'its values have no integers to sum up.');
      return mismatch(`The sum of ${entry}`, what.sum, sum, plainDifferences(sum, what.sum));
    }
  }
}

function matchEach(schema: MapSchema, entry: string, expected: Value[], slots: readonly Uint8Array[]): Mismatch[] {
  if (expected.length !== slots.length) {
    throw new XdpError(
      'value-invalid',
      `"values" has ${expected.length} elements, but there are ${slots.length} possible CPUs.`,
      {
        fix: 'Expect the sum instead: it does not depend on the machine.',
      },
    );
  }
  const differences = slots.flatMap((slot, index) => {
    const each = valueDifferences(schema.value, slot, expected[index] ?? null);
    return each.map(({ what, ...values }) => ({
      what: `CPU ${schema.possibleCpus[index]}${what && ` ${what}`}`,
      ...values,
    }));
  });
  return mismatch(
    entry,
    expected,
    slots.map((slot) => decodeValue(schema.value, slot)),
    differences,
  );
}

function mismatch(what: string, expected: Value, actual: Value, differences: Difference[]): Mismatch[] {
  if (differences.length === 0) return [];
  // One difference without a name is the whole value: it would only say the same again.
  const named = differences.filter((difference) => difference.what !== '');
  return [{ message: `${what} is not as expected.`, expected, actual, differences: named }];
}

function perCpuMap(schema: MapSchema): XdpError {
  return new XdpError('value-invalid', `it is a ${schema.type}: every CPU has a value of its own.`, {
    fix: 'Expect "sum", or "values" with one for each CPU.',
  });
}

function shown(what: Exclude<EntryExpectation['what'], { kind: 'absent' }>): Value {
  switch (what.kind) {
    case 'value':
      return what.value;
    case 'values':
      return what.values;
    case 'sum':
      return what.sum;
  }
}
