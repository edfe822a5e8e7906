import { describe, expect, test } from 'vitest';
import { decodeEvent } from '../../extension/core/maps/events.ts';
import { mapFlagNames } from '../../extension/core/maps/flags.ts';
import {
  compareSnapshots,
  expectationOf,
  type MapSnapshot,
  readSnapshot,
  takeSnapshot,
} from '../../extension/core/maps/snapshot.ts';
import { decodeEntries } from '../../extension/core/maps/entries.ts';
import { matchMaps } from '../../extension/core/packetTest/matchMaps.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { type Entries, layouts, mapOf, pageOf, struct } from '../support/mapSchemas.ts';

const { u32, u64, text, ipv4 } = layouts;
const perCpu = mapOf('percpu_hash', struct('k', { src: ipv4 }), struct('v', { packets: u64, name: text }), {
  cpus: 2,
  name: 'flows',
});
const shared = mapOf('array', u32, u32, { name: 'limits', maxEntries: 4 });

const shot = (schema: typeof perCpu, entries: Entries): MapSnapshot =>
  takeSnapshot(schema, decodeEntries(schema, pageOf(schema, entries)), '2026-01-01T00:00:00Z');
const counts = (one: string, other: string) => [
  { packets: one, name: 'x' },
  { packets: other, name: 'y' },
];
const before = shot(perCpu, [
  [{ src: '10.0.0.1' }, counts('1', '2')],
  [{ src: '10.0.0.2' }, counts('0', '0')],
  [{ src: '10.0.0.3' }, counts('7', '0')],
]);
const after = shot(perCpu, [
  [{ src: '10.0.0.4' }, counts('1', '0')],
  [{ src: '10.0.0.3' }, counts('7', '0')],
  [{ src: '10.0.0.1' }, counts('5', '18446744073709551615')],
]);

test('added, removed, changed: by key, with what each field gained', () => {
  const difference = compareSnapshots(before, after);
  expect(difference).toMatchObject({
    added: [{ key: { src: '10.0.0.4' } }],
    removed: [{ key: { src: '10.0.0.2' } }],
    same: 1,
    notes: [],
  });
  expect(difference.changed).toMatchObject([
    {
      key: { src: '10.0.0.1' },
      fields: [{ path: 'packets', before: '3', after: '18446744073709551620', delta: '18446744073709551617' }],
    },
  ]);
});

test('a snapshot survives its file, and what is no snapshot is refused', () => {
  expect(readSnapshot(JSON.parse(JSON.stringify(after)), 'f.json')).toEqual(after);
  for (const json of [
    null,
    [],
    { name: 'x' },
    { name: 'x', type: 'hash', entries: {} },
    { name: 'x', type: 'hash', entries: [{ value: 1 }] },
    { name: 'x', type: 'hash', entries: [{ key: 1 }] },
    JSON.parse(`{"name":"x","type":"hash","entries":[{"key":1,"value":${'['.repeat(5000)}${']'.repeat(5000)}}]}`),
  ]) {
    expect(() => readSnapshot(json, 'f.json')).toThrow('f.json is no snapshot');
  }
});

test('other types and other machines are noted', () => {
  const other: MapSnapshot = { ...after, type: 'hash', possibleCpus: 8, keyType: 'struct b' };
  expect(compareSnapshots({ ...before, keyType: 'struct a' }, other).notes).toEqual([
    'The type was percpu_hash and is hash.',
    'There were 2 possible CPUs, and there are 8.',
    'The key was of type struct a and is of struct b.',
  ]);
});

describe('the expectation that a snapshot makes is met by the map that it was taken from', () => {
  const check = (maps: ReturnType<typeof expectationOf>, schema: typeof perCpu, entries: Entries) => {
    const file = JSON.stringify({ source: 'x.c', tests: [{ name: 't', packet: '00', expect: { maps } }] });
    const parsed = parseTestFile(file);
    expect(parsed.problems).toEqual([]);
    const expectations = parsed.file?.tests[0]?.steps[0]?.expectations[0]?.maps ?? [];
    expect(expectations).toHaveLength(1);
    return matchMaps(expectations, new Map([[schema.name, { schema, page: pageOf(schema, entries) }]]), 'expect');
  };
  const entries: Entries = [
    [{ src: '10.0.0.4' }, counts('1', '0')],
    [{ src: '10.0.0.1' }, counts('5', '6')],
  ];
  test('whole', () => {
    const maps = expectationOf(shot(perCpu, entries));
    expect(check(maps, perCpu, entries)).toEqual([]);
    expect(check(maps, perCpu, entries.slice(0, 1))).not.toEqual([]);
  });
  test('what changed', () => {
    const maps = expectationOf(shot(perCpu, entries), before);
    expect(maps['flows']).toHaveLength(4);
    expect(check(maps, perCpu, entries)).toEqual([]);
    expect(check(maps, perCpu, [...entries, [{ src: '10.0.0.2' }, counts('0', '0')]])).not.toEqual([]);
  });
  test('an array without its zeros', () => {
    const limits: Entries = [0, 1, 2, 3].map((key) => [key, key === 2 ? 9 : 0]);
    const maps = expectationOf(shot(shared, limits));
    expect(maps).toEqual({ limits: [{ key: 2, value: 9 }] });
    expect(check(maps, shared, limits)).toEqual([]);
  });
});

test('an event is decoded when it is as long as its type, padded or not', () => {
  const layout = struct('event', { a: u32, b: u32 });
  expect(decodeEvent(layout, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0))).toEqual({ a: 1, b: 2 });
  expect(decodeEvent(layout, Uint8Array.of(1, 0, 0, 0))).toBeUndefined();
  expect(decodeEvent(undefined, Uint8Array.of(1))).toBeUndefined();
});

test('flags by name, unknown ones by their bit', () => {
  expect(mapFlagNames(0)).toEqual([]);
  expect(mapFlagNames(0x80000001)).toEqual(['BPF_F_NO_PREALLOC', '1 << 31']);
});
