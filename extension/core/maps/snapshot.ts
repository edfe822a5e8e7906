import { XdpError } from '../errors.ts';
import type { MapEntry } from './entries.ts';
import { flatten } from './flatten.ts';
import type { MapSchema } from './schema.ts';
import type { Value } from './value.ts';

/** A map as it was, as the CLI shows it: what `xdp map NAME --json` prints can be read as one, too. */
export interface MapSnapshot {
  name: string;
  type: string;
  possibleCpus: number;
  entries: MapEntry[];
  /** ISO 8601; absent for what was not taken as a snapshot. */
  takenAt?: string;
  /** C spelling of key and value; a snapshot of other types is not compared field by field. */
  keyType?: string;
  valueType?: string;
}

export function takeSnapshot(schema: MapSchema, entries: readonly MapEntry[], takenAt: string): MapSnapshot {
  return {
    name: schema.name,
    type: schema.type,
    possibleCpus: schema.possibleCpus.length,
    takenAt,
    ...(schema.keyName === undefined ? {} : { keyType: schema.keyName }),
    ...(schema.valueName === undefined ? {} : { valueType: schema.valueName }),
    entries: [...entries],
  };
}

/** From a file of anybody's. Errors: `value-invalid`. */
export function readSnapshot(json: unknown, what: string): MapSnapshot {
  const fail = (why: string): never => {
    throw new XdpError('value-invalid', `${what} is no snapshot of a map: ${why}.`, {
      fix: '`xdp map snapshot NAME -o FILE` makes one; what `xdp map NAME --json` prints is one too.',
    });
  };
  if (!isRecord(json)) return fail('it is no JSON object');
  const { name, type, possibleCpus, entries, takenAt, keyType, valueType } = json;
  if (typeof name !== 'string' || typeof type !== 'string') return fail('it has no name and type');
  if (!Array.isArray(entries)) return fail('it has no list of entries');
  const list: MapEntry[] = entries.map((entry: unknown, index) => {
    if (!isRecord(entry) || !isValue(entry['key'])) return fail(`entry ${index} has no key`);
    const { key, value, values, sum } = entry;
    const isPerCpu = Array.isArray(values) && values.every((each) => isValue(each));
    if (!isPerCpu && !isValue(value)) return fail(`entry ${index} has no value`);
    return {
      key,
      ...(isPerCpu ? { values } : { value: value as Value }),
      ...(isValue(sum) ? { sum } : {}),
    };
  });
  return {
    name,
    type,
    possibleCpus: typeof possibleCpus === 'number' ? possibleCpus : 1,
    entries: list,
    ...(typeof takenAt === 'string' ? { takenAt } : {}),
    ...(typeof keyType === 'string' ? { keyType } : {}),
    ...(typeof valueType === 'string' ? { valueType } : {}),
  };
}

/** Deeper than a type can be (core/btf/resolve.ts). */
const maxDepth = 100;

function isValue(value: unknown, depth = 0): value is Value {
  if (value === null || ['number', 'string', 'boolean'].includes(typeof value)) return true;
  if (typeof value !== 'object' || depth > maxDepth) return false;
  return Object.values(value).every((each) => isValue(each, depth + 1));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface SnapshotChange {
  key: Value;
  before: Value;
  after: Value;
  /** Fields that differ, by path (`rx.packets`, '' for a scalar); `delta` of integers, as a decimal string. Per-CPU: of the sum. */
  fields: { path: string; before: Value; after: Value; delta?: string }[];
}

export interface SnapshotDifference {
  added: MapEntry[];
  removed: MapEntry[];
  changed: SnapshotChange[];
  same: number;
  /** Why the two can hardly be compared: other types, another number of CPUs. */
  notes: string[];
}

/** From the older to the newer one. Keys are compared as they are shown. */
export function compareSnapshots(before: MapSnapshot, after: MapSnapshot): SnapshotDifference {
  const old = new Map(before.entries.map((entry) => [JSON.stringify(entry.key), entry]));
  const difference: SnapshotDifference = {
    added: [],
    removed: [],
    changed: [],
    same: 0,
    notes: notesOn(before, after),
  };
  for (const entry of after.entries) {
    const id = JSON.stringify(entry.key);
    const was = old.get(id);
    old.delete(id);
    if (was === undefined) difference.added.push(entry);
    else if (JSON.stringify(contentOf(was)) === JSON.stringify(contentOf(entry))) difference.same++;
    else difference.changed.push(changeOf(was, entry));
  }
  difference.removed.push(...old.values());
  return difference;
}

function notesOn(before: MapSnapshot, after: MapSnapshot): string[] {
  const notes: string[] = [];
  if (before.type !== after.type) notes.push(`The type was ${before.type} and is ${after.type}.`);
  if (before.possibleCpus !== after.possibleCpus) {
    notes.push(`There were ${before.possibleCpus} possible CPUs, and there are ${after.possibleCpus}.`);
  }
  for (const [what, was, is] of [
    ['key', before.keyType, after.keyType],
    ['value', before.valueType, after.valueType],
  ]) {
    if (was !== undefined && is !== undefined && was !== is)
      notes.push(`The ${what} was of type ${was} and is of ${is}.`);
  }
  return notes;
}

function contentOf({ value, values }: MapEntry): Value {
  return values ?? value ?? null;
}

function changeOf(was: MapEntry, is: MapEntry): SnapshotChange {
  const before = contentOf(was);
  const after = contentOf(is);
  // What all CPUs counted together is what people ask about; values without integers are compared CPU by CPU.
  const old = flatten('', was.sum ?? before);
  const now = flatten('', is.sum ?? after);
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  const fields = paths.flatMap((path) => {
    const [one, other] = [old.get(path) ?? null, now.get(path) ?? null];
    if (one === other) return [];
    const delta = isInteger(one) && isInteger(other) ? { delta: String(BigInt(other) - BigInt(one)) } : {};
    return [{ path: path.replace(/^\./, ''), before: one, after: other, ...delta }];
  });
  return { key: is.key, before, after, fields };
}

function isInteger(text: string | null): text is string {
  return text !== null && /^-?\d+$/.test(text);
}

/**
 * What a packet test expects of a map so that it ends as in the snapshot: the `maps` member of `expect`. Per-CPU values become
 * sums, which do not depend on the machine. With `before`, only what a run changed is expected.
 */
export function expectationOf(after: MapSnapshot, before?: MapSnapshot): { [map: string]: Value } {
  const expected = (entry: MapEntry): Value => ({
    key: entry.key,
    ...(entry.values === undefined
      ? { value: entry.value ?? null }
      : entry.sum === undefined
        ? { values: entry.values }
        : { sum: entry.sum }),
  });
  if (before === undefined) {
    const array = after.type.endsWith('array');
    const entries = array ? after.entries.filter((entry) => !isZero(entry.sum ?? contentOf(entry))) : after.entries;
    return { [after.name]: array ? entries.map(expected) : { entries: entries.map(expected), count: entries.length } };
  }
  const { added, changed, removed } = compareSnapshots(before, after);
  const keys = new Set(changed.map(({ key }) => JSON.stringify(key)));
  const differing = after.entries.filter(({ key }) => keys.has(JSON.stringify(key)));
  return {
    [after.name]: [
      ...[...added, ...differing].map(expected),
      ...removed.map(({ key }): Value => ({ key, absent: true })),
    ],
  };
}

/** Arrays are full of zeros that nobody expects in particular. */
function isZero(value: Value): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every((each) => isZero(each as Value));
  return (
    value === null || value === 0 || value === false || value === '0' || value === '' || /^[0.:]*$/.test(String(value))
  );
}
