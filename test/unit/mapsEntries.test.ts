import { expect, test } from 'vitest';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { parseCpuList } from '../../extension/core/maps/cpuList.ts';
import {
  decodeEntries,
  decodeEntry,
  diffPages,
  encodeEntryValue,
  encodeKey,
  entryValueBytes,
  type RawPage,
} from '../../extension/core/maps/entries.ts';
import { numericLeaves, ratesBetween, readLeaf } from '../../extension/core/maps/rates.ts';
import { type MapSchema, mapSchema } from '../../extension/core/maps/schema.ts';
import { buildBtf } from '../support/bpfFixtureBtf.ts';

const ids = { u32: 1, u8: 2, u64: 3, s32: 4, triple: 5, record: 6, u64x4: 7, text: 9, address: 10, grid: 11 };
const btf = readBtf(
  buildBtf([
    { kind: 1, name: 'unsigned int', word: 4, rest: [32] },
    { kind: 1, name: 'unsigned char', word: 1, rest: [8] },
    { kind: 1, name: 'unsigned long long', word: 8, rest: [64] },
    { kind: 1, name: 'int', word: 4, rest: [0x01000020] },
    { kind: 4, name: 'triple', count: 3, word: 12, rest: ['a', 1, 0, 'b', 1, 32, 'c', 1, 64] },
    {
      kind: 4,
      name: 'record',
      count: 4,
      word: 20,
      rest: ['drops', 4, 0, 'saddr', 1, 32, 'name', 9, 64, 'depth', 11, 96],
    },
    { kind: 3, rest: [3, 1, 4] },
    { kind: 1, name: 'char', word: 1, rest: [0x01000008] },
    { kind: 3, rest: [8, 1, 4] },
    { kind: 4, name: 'address', count: 1, word: 4, rest: ['addr', 1, 0] },
    { kind: 3, rest: [12, 1, 2] },
    { kind: 3, rest: [1, 1, 1] },
  ]),
);

function schema(
  type: string,
  valueTypeId: number,
  valueSize: number,
  cpus: string,
  keyTypeId = ids.u32,
  keySize = 4,
): MapSchema {
  return mapSchema(
    { name: 'm', type, keySize, valueSize, maxEntries: 8 },
    btf,
    keyTypeId,
    valueTypeId,
    parseCpuList(cpus),
  );
}

/** A per-CPU page of one entry: each possible CPU's slot is filled with noise first, as the kernel's padding may be. */
function slots(map: MapSchema, fill: (view: DataView, index: number, cpu: number) => void): Uint8Array {
  const slot = Math.ceil(map.valueSize / 8) * 8;
  const bytes = new Uint8Array(slot * map.possibleCpus.length).fill(0xee);
  map.possibleCpus.forEach((cpu, index) => {
    bytes.fill(0, index * slot, index * slot + map.valueSize);
    fill(new DataView(bytes.buffer, index * slot, map.valueSize), index, cpu);
  });
  return bytes;
}

const key = Uint8Array.of(3, 0, 0, 0);

test.each<[string, number[]]>([
  ['0', [0]],
  ['0-3,8', [0, 1, 2, 3, 8]],
  ['0-127\n', Array.from({ length: 128 }, (_, cpu) => cpu)],
  ['0,2-3', [0, 2, 3]],
  ['8,0-1,1', [0, 1, 8]],
  ['', []],
  ['\n', []],
])('CPU list %j', (text, cpus) => expect(parseCpuList(text)).toEqual(cpus));

test.each(['3-1', 'a', '0-', '-1', '0,,1', '0-99999', '1000000', '0-3:1/2', '0x1'])(
  'CPU list %j is refused',
  (text) => {
    expect(() => parseCpuList(text)).toThrow(XdpError);
  },
);

test('values of 1, 4, 12 and 20 bytes are found on every possible CPU, online or not', () => {
  for (const cpus of ['0', '0-1', '0,2-3', '0-127']) {
    const count = parseCpuList(cpus).length;
    const each = <T>(make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
    const total = (count * (count + 1)) / 2;

    const one = schema('percpu_array', ids.u8, 1, cpus);
    expect(entryValueBytes(one)).toBe(8 * count);
    expect(
      decodeEntry(
        one,
        key,
        slots(one, (view, index) => view.setUint8(0, index + 1)),
      ),
    ).toEqual({ key: 3, values: each((i) => i + 1), sum: total });

    const four = schema('percpu_hash', ids.u32, 4, cpus);
    expect(
      decodeEntry(
        four,
        key,
        slots(four, (view, index) => view.setUint32(0, index + 1, true)),
      ),
    ).toEqual({ key: 3, values: each((i) => i + 1), sum: total });

    const twelve = schema('lru_percpu_hash', ids.triple, 12, cpus);
    expect(entryValueBytes(twelve)).toBe(16 * count);
    expect(
      decodeEntry(
        twelve,
        key,
        slots(twelve, (view, index) => view.setUint32(8, index + 1, true)),
      ),
    ).toEqual({
      key: 3,
      values: each((i) => ({ a: 0, b: 0, c: i + 1 })),
      sum: { a: 0, b: 0, c: total },
    });

    const twenty = schema('percpu_array', ids.record, 20, cpus);
    expect(entryValueBytes(twenty)).toBe(24 * count);
    const bytes = slots(twenty, (view, index) => {
      view.setInt32(0, -index, true);
      view.setUint8(4, 10);
      view.setUint8(8, 0x41);
      view.setUint32(12, 1, true);
      view.setUint32(16, 2, true);
    });
    expect(decodeEntry(twenty, key, bytes)).toEqual({
      key: 3,
      values: each((i) => ({ drops: i === 0 ? 0 : -i, saddr: '10.0.0.0', name: 'A', depth: [[1], [2]] })),
      // Integer fields only.
      sum: { drops: count === 1 ? 0 : count - total, depth: [[count], [2 * count]] },
    });
  }
});

test('sums never wrap and stay exact', () => {
  const wide = schema('percpu_array', ids.u64, 8, '0-3');
  const full = slots(wide, (view) => view.setBigUint64(0, 0xffff_ffff_ffff_ffffn, true));
  expect(decodeEntry(wide, key, full).sum).toBe('73786976294838206460');
  const narrow = schema('percpu_array', ids.u32, 4, '0-3');
  expect(
    decodeEntry(
      narrow,
      key,
      slots(narrow, (view) => view.setUint32(0, 0xffffffff, true)),
    ).sum,
  ).toBe(17179869180);
});

test('values without a type: hex without the padding, and no sum', () => {
  const untyped = schema('percpu_array', 0, 12, '0,2');
  const bytes = slots(untyped, (view, index) => view.setUint8(0, index + 1));
  expect(decodeEntry(untyped, key, bytes)).toEqual({
    key: 3,
    values: ['010000000000000000000000', '020000000000000000000000'],
  });
  // A type of another size describes something else.
  expect(schema('hash', ids.triple, 16, '0').value).toBeUndefined();
  expect(decodeEntry(schema('hash', ids.u32, 4, '0', 0), key, key)).toEqual({ key: '03000000', value: 3 });
});

test('a value of the wrong number of bytes is an error, not a shifted table', () => {
  expect(() => decodeEntry(schema('percpu_array', ids.u32, 4, '0-3'), key, new Uint8Array(16))).toThrow(
    /16 bytes, but 4 possible CPUs at 8 bytes/,
  );
  expect(() =>
    decodeEntries(schema('array', ids.u32, 4, '0'), { count: 2, keys: new Uint8Array(8), values: new Uint8Array(4) }),
  ).toThrow(XdpError);
});

test('an update: one value for all CPUs, or one for each', () => {
  const map = schema('percpu_array', ids.u32, 4, '0,2-3');
  const words = (bytes: Uint8Array): number[] =>
    Array.from({ length: 3 }, (_, i) => new DataView(bytes.buffer).getUint32(8 * i, true));
  expect(words(encodeEntryValue(map, 7))).toEqual([7, 7, 7]);
  expect(words(encodeEntryValue(map, [1, 2, 3]))).toEqual([1, 2, 3]);
  expect(words(encodeEntryValue(map, Uint8Array.of(9, 0, 0, 0)))).toEqual([9, 9, 9]);
  expect(encodeEntryValue(map, new Uint8Array(24).fill(5))).toEqual(new Uint8Array(24).fill(5));
  expect(() => encodeEntryValue(map, [1, 2])).toThrow(/2 values, but 3 possible CPUs/);
  expect(() => encodeEntryValue(map, [1, 2, -3])).toThrow(/the value of CPU 3 does not fit/);
  expect(() => encodeEntryValue(map, new Uint8Array(5))).toThrow(/expected 4 or 24/);

  const arrays = schema('percpu_array', ids.u64x4, 32, '0-3');
  expect(encodeEntryValue(arrays, ['1', 2, 3, 4])).toEqual(
    encodeEntryValue(
      arrays,
      Array.from({ length: 4 }, () => ['1', 2, 3, 4]),
    ),
  );
  const grid = schema('percpu_array', ids.grid, 8, '0-1');
  const oneGrid = [[1], [2]];
  expect(encodeEntryValue(grid, oneGrid)).toEqual(encodeEntryValue(grid, [oneGrid, oneGrid]));

  const untyped = schema('percpu_array', 0, 2, '0-1');
  expect(encodeEntryValue(untyped, ['0001', '0203'])).toEqual(
    Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0),
  );
});

test('an update of one field keeps the others, on each CPU its own', () => {
  const map = schema('percpu_hash', ids.triple, 12, '0-1');
  const before = slots(map, (view, index) => view.setUint32(4, 100 + index, true));
  const after = decodeEntry(map, key, encodeEntryValue(map, { a: 5 }, before));
  expect(after.values).toEqual([
    { a: 5, b: 100, c: 0 },
    { a: 5, b: 101, c: 0 },
  ]);
  const plain = schema('hash', ids.triple, 12, '0');
  expect(decodeEntry(plain, key, encodeEntryValue(plain, { c: 1 }, new Uint8Array(12).fill(1))).value).toEqual({
    a: 0x01010101,
    b: 0x01010101,
    c: 1,
  });
});

test('keys: every field is wanted, raw bytes must have the right size', () => {
  const map = schema('hash', ids.u32, 4, '0', ids.address, 4);
  expect(encodeKey(map, { addr: '10.0.0.1' })).toEqual(Uint8Array.of(10, 0, 0, 1));
  expect(encodeKey(map, Uint8Array.of(1, 2, 3, 4))).toEqual(Uint8Array.of(1, 2, 3, 4));
  expect(() => encodeKey(map, {})).toThrow(/addr is missing/);
  expect(() => encodeKey(map, Uint8Array.of(1))).toThrow(/the key has 1 bytes .* expected 4/);
});

function page(entries: Record<number, number>): RawPage {
  const list = Object.entries(entries);
  const keys = Uint32Array.from(list, ([k]) => Number(k));
  const values = Uint32Array.from(list, ([, v]) => v);
  return { count: list.length, keys: new Uint8Array(keys.buffer), values: new Uint8Array(values.buffer) };
}

test('differences between two pages of an array, with millions of entries too', () => {
  const map = schema('array', ids.u32, 4, '0');
  expect(diffPages(map, page({ 0: 5, 1: 6, 2: 7 }), page({ 0: 5, 1: 8, 2: 7 }))).toEqual([
    { key: Uint8Array.of(1, 0, 0, 0), before: Uint8Array.of(6, 0, 0, 0), after: Uint8Array.of(8, 0, 0, 0) },
  ]);
  // More than a JavaScript Map has room for.
  const count = 2 ** 24 + 1;
  const keys = new Uint8Array(Uint32Array.from({ length: count }, (_, index) => index).buffer);
  const before: RawPage = { count, keys, values: new Uint8Array(4 * count) };
  const after: RawPage = { count, keys, values: new Uint8Array(4 * count) };
  after.values[4 * (count - 1)] = 9;
  expect(diffPages(map, before, after)).toEqual([
    { key: Uint8Array.of(0, 0, 0, 1), before: Uint8Array.of(0, 0, 0, 0), after: Uint8Array.of(9, 0, 0, 0) },
  ]);
});

test('differences between two pages, whatever the order of their entries', () => {
  const map = schema('hash', ids.u32, 4, '0');
  const reversed: RawPage = {
    count: 3,
    keys: Uint8Array.of(4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0),
    values: Uint8Array.of(9, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0),
  };
  expect(diffPages(map, page({ 1: 5, 2: 6, 3: 7 }), reversed)).toEqual([
    { key: Uint8Array.of(3, 0, 0, 0), before: Uint8Array.of(7, 0, 0, 0) },
    { key: Uint8Array.of(4, 0, 0, 0), after: Uint8Array.of(9, 0, 0, 0) },
    { key: Uint8Array.of(2, 0, 0, 0), before: Uint8Array.of(6, 0, 0, 0), after: Uint8Array.of(7, 0, 0, 0) },
  ]);
  expect(diffPages(map, page({ 1: 5 }), page({ 1: 5 }))).toEqual([]);
  expect(diffPages(map, page({}), page({}))).toEqual([]);
  expect(decodeEntries(map, page({ 1: 5, 2: 6 }))).toEqual([
    { key: 1, value: 5 },
    { key: 2, value: 6 },
  ]);
});

test('leaves are the integer fields, read without decoding the rest', () => {
  const record = schema('array', ids.record, 20, '0');
  const leaves = numericLeaves(record.value);
  expect(leaves.map(({ label, path }) => [label, path])).toEqual([
    ['drops', ['drops']],
    ['depth[0][0]', ['depth', 0, 0]],
    ['depth[1][0]', ['depth', 1, 0]],
  ]);
  const view = new DataView(new ArrayBuffer(40));
  view.setInt32(20, -5, true);
  view.setUint32(36, 77, true);
  expect(leaves.map((leaf) => readLeaf(leaf, view, 20))).toEqual([-5, 0, 77]);
  expect(numericLeaves(schema('array', ids.u64, 8, '0').value).map(({ label }) => label)).toEqual(['']);
  expect(numericLeaves(schema('array', ids.text, 4, '0').value)).toEqual([]);
  expect(numericLeaves(undefined)).toEqual([]);
  const histogram = readBtf(
    buildBtf([
      { kind: 1, name: 'u64', word: 8, rest: [64] },
      { kind: 3, rest: [1, 1, 5000] },
    ]),
  );
  expect(
    numericLeaves(
      mapSchema({ name: 'h', type: 'array', keySize: 4, valueSize: 40000, maxEntries: 1 }, histogram, 0, 2, [0]).value,
      16,
    ),
  ).toHaveLength(16);
});

test('rates per CPU and in total, with the measured period', () => {
  const map = schema('percpu_array', ids.u64, 8, '0,2-3');
  const sample = (...counts: number[]): RawPage => ({
    count: 1,
    keys: new Uint8Array(4),
    values: slots(map, (view, index) => view.setBigUint64(0, 0xffff_ffff_0000n + BigInt(counts[index] ?? 0), true)),
  });
  const leaves = numericLeaves(map.value);
  const rates = (before: RawPage, after: RawPage, periodMs: number): unknown =>
    ratesBetween(map, leaves, before, after, periodMs);
  expect(rates(sample(10, 20, 30), sample(110, 20, 80), 500)).toEqual([
    { index: 0, perCpu: [[200], [0], [100]], total: [300] },
  ]);
  // One CPU's counter went back: its rate and the total are not known, the others are.
  expect(rates(sample(10, 20, 30), sample(60, 5, 30), 250)).toEqual([
    { index: 0, perCpu: [[200], [undefined], [0]], total: [undefined] },
  ]);
  const unknown = [{ index: 0, perCpu: [[undefined], [undefined], [undefined]], total: [undefined] }];
  expect(rates({ count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) }, sample(1, 2, 3), 500)).toEqual(
    unknown,
  );
  expect(rates(sample(1, 2, 3), sample(1, 2, 3), 0)).toEqual(unknown);
});

test('rates find their entry by key', () => {
  const map = schema('hash', ids.u32, 4, '0');
  const rates = ratesBetween(map, numericLeaves(map.value), page({ 1: 100, 2: 7 }), page({ 2: 9, 3: 50 }), 1000);
  expect(rates.map(({ index, total }) => [index, total])).toEqual([
    [0, [2]],
    [1, [undefined]],
  ]);
});
