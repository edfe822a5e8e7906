import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { cellsOf } from '../../webview/common/tableCells.ts';
import { MapModel, Page, type Sort } from '../../webview/common/mapModel.ts';
import type { MapPageMessage, MapSchemaMessage } from '../../webview/common/mapsStore.ts';
import { buildColumns, type ColumnRequest, visibleWindow } from '../../webview/common/tableColumns.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';

const source = `${bpfPrelude}
struct rec { __u64 rx_packets; __u64 rx_bytes; };
struct flow { __be32 saddr; __be16 dport; __u8 proto; __u8 pad; };
struct seen { __u32 hits; char name[8]; __u64 hist[20]; __u16 small[2]; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __type(key, __u32); __type(value, struct rec); __uint(max_entries, 5); } stats SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __type(key, __u32); __type(value, __u32); __uint(max_entries, 5); } narrow SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, struct flow); __type(value, struct seen); __uint(max_entries, 64); } flows SEC(".maps");
`;

function schemaOf(name: string, cpus: number, { btf = true } = {}): MapSchemaMessage {
  const spec = parseObject(compileBpf(source));
  const map = spec.maps.find((candidate) => candidate.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  const { type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId } = map;
  return {
    kind: 'schema',
    mapId: 1,
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    ...(btf ? { btf: spec.btfBytes } : {}),
    keyTypeId: btf ? keyTypeId : 0,
    valueTypeId: btf ? valueTypeId : 0,
    possibleCpus: Array.from({ length: cpus }, (_, cpu) => cpu),
  };
}

/** `rows`: key → per CPU the u64s of its value. */
function page(rows: readonly [number, readonly (readonly number[])[]][], atMs: number): MapPageMessage {
  const cpus = rows[0]?.[1].length ?? 0;
  const words = rows[0]?.[1][0]?.length ?? 0;
  const keys = new DataView(new ArrayBuffer(4 * rows.length));
  const values = new DataView(new ArrayBuffer(8 * words * cpus * rows.length));
  rows.forEach(([key, slots], row) => {
    keys.setUint32(4 * row, key, true);
    slots.flat().forEach((value, at) => values.setBigUint64(8 * (row * words * cpus + at), BigInt(value), true));
  });
  return {
    kind: 'page',
    mapId: 1,
    count: rows.length,
    keys: new Uint8Array(keys.buffer),
    values: new Uint8Array(values.buffer),
    atMs,
    truncated: false,
  };
}

const labels = {
  sum: 'Sum',
  rate: '/s',
  value: 'Value',
  cpu: (cpu: number) => `CPU ${cpu}`,
  idle: (count: number) => `+${count}`,
};

function tableOf(model: MapModel, shown: Page, showIdle = false): string[][] {
  const { columns } = buildColumns({
    fields: model.valueFields,
    cpus: model.perCpu ? model.schema.possibleCpus : undefined,
    active: model.activeSlots(shown),
    showIdle,
    totalsFirst: false,
    labels,
  });
  const head = ['Key', ...columns.map(({ label }) => label)];
  const rows = Array.from({ length: shown.count }, (_, index) => [
    model.keyText(shown, index),
    ...cellsOf(model, shown, index, columns).map(({ text }) => text),
  ]);
  return [head, ...rows];
}

test('per-CPU structs: named actions, sum, rate over the measured time, idle CPUs folded', () => {
  const model = new MapModel(schemaOf('stats', 3));
  const idle = [0, 0];
  const before = page(
    [
      [1, [idle, idle, idle]],
      [2, [[1000, 64_000], idle, [5, 500]]],
    ],
    10_000,
  );
  const after = page(
    [
      [1, [idle, idle, idle]],
      [2, [[3000, 192_000], idle, [5, 500]]],
    ],
    10_250,
  );
  expect(tableOf(model, new Page(model, after, before))).toEqual([
    ['Key', 'Sum', '/s', 'CPU 0', 'CPU 2', 'Sum', '/s', 'CPU 0', 'CPU 2', '+1'],
    ['1 XDP_DROP', '0', '0', '0', '0', '0', '0', '0', '0', ''],
    ['2 XDP_PASS', '3,005', '8,000', '3,000', '5', '192,500', '512,000', '192,000', '500', ''],
  ]);
  expect(tableOf(model, new Page(model, after, undefined), true)[2]?.slice(0, 6)).toEqual([
    '2 XDP_PASS',
    '3,005',
    '–',
    '3,000',
    '0',
    '5',
  ]);
});

test('4-byte values stand 8 bytes apart, one for each CPU', () => {
  const model = new MapModel(schemaOf('narrow', 2));
  const message = page([[7, [[3], [4]]]], 0);
  expect(tableOf(model, new Page(model, message, undefined))).toEqual([
    ['Key', 'Sum', '/s', 'CPU 0', 'CPU 1'],
    ['7', '7', '–', '3', '4'],
  ]);
});

test('a counter that went back and a new key have no rate; what changed is found behind moved keys', () => {
  const model = new MapModel(schemaOf('narrow', 1));
  const before = page(
    [
      [1, [[10]]],
      [2, [[20]]],
    ],
    0,
  );
  const after = page(
    [
      [2, [[30]]],
      [1, [[5]]],
      [3, [[1]]],
    ],
    1000,
  );
  const shown = new Page(model, after, before);
  const field = model.valueFields[0];
  if (field === undefined) throw new Error('no field');
  expect([0, 1, 2].map((index) => model.rate(shown, index, field))).toEqual([10, undefined, undefined]);
  expect([0, 1, 2].map((index) => model.changed(shown, index, field, 0))).toEqual([true, true, true]);
  const same = new Page(model, after, after);
  expect(model.changed(same, 0, field, 0)).toBe(false);
});

test('struct keys, text, long arrays in one cell, padding left out', () => {
  const model = new MapModel(schemaOf('flows', 1));
  expect(model.keyFields.map(({ path }) => path)).toEqual(['saddr', 'dport', 'proto']);
  expect(model.valueFields.map(({ path, numeric }) => `${path}${numeric ? ' #' : ''}`)).toEqual([
    'hits #',
    'name',
    'hist',
    'small[0] #',
    'small[1] #',
  ]);
  const keys = Uint8Array.from([10, 0, 0, 1, 0x01, 0xbb, 6, 0]);
  const values = new Uint8Array(model.stride);
  values[0] = 9;
  values.set(new TextEncoder().encode('https'), 4);
  const shown = new Page(
    model,
    { kind: 'page', mapId: 1, count: 1, keys, values, atMs: 0, truncated: false },
    undefined,
  );
  expect(model.keyText(shown, 0)).toBe('saddr 10.0.0.1 dport 443 proto 6');
  const [, row] = tableOf(model, shown);
  expect(row?.slice(1, 5)).toEqual(['9', '–', 'https', `[${'0, '.repeat(19)}0]`]);
});

test('without BTF everything is hex', () => {
  const model = new MapModel(schemaOf('stats', 1, { btf: false }));
  const shown = new Page(model, page([[2, [[1, 2]]]], 0), undefined);
  expect(tableOf(model, shown)).toEqual([
    ['Key', 'CPU 0'],
    ['02000000', '01000000 00000000 02000000 00000000'],
  ]);
});

test('a page that holds less than it says shows what is there', () => {
  const model = new MapModel(schemaOf('narrow', 2));
  const short = { ...page([[7, [[3], [4]]]], 0), count: 5 };
  expect(new Page(model, short, undefined).count).toBe(1);
});

test('sorting and filtering', () => {
  const model = new MapModel(schemaOf('narrow', 1));
  const before = page(
    [
      [10, [[0]]],
      [9, [[0]]],
      [100, [[6]]],
    ],
    0,
  );
  const after = page(
    [
      [10, [[5]]],
      [9, [[1]]],
      [100, [[7]]],
    ],
    1000,
  );
  const shown = new Page(model, after, before);
  const order = (sort: Sort | undefined, filter = ''): number[] => [...(model.order(shown, sort, filter) ?? [])];
  expect(order({ by: 'key', field: 0, descending: false })).toEqual([1, 0, 2]);
  expect(order({ by: 'sum', field: 0, descending: true })).toEqual([2, 0, 1]);
  expect(order({ by: 'rate', field: 0, descending: true })).toEqual([0, 1, 2]);
  expect(order(undefined, '10')).toEqual([0, 2]);
  expect(model.order(shown, undefined, '')).toBeUndefined();
});

test('columns: fields side by side, or totals first where it is narrow', () => {
  const request: ColumnRequest = {
    fields: [
      { path: 'rx_packets', numeric: true },
      { path: 'rx_bytes', numeric: true },
    ],
    cpus: [0, 1, 4],
    active: [true, false, false],
    showIdle: false,
    totalsFirst: false,
    labels,
  };
  const shape = (change: Partial<ColumnRequest>): string => {
    const { columns, groups } = buildColumns({ ...request, ...change });
    const names = columns.map(({ label }) => label);
    return groups.map(({ label, span }) => `${label}[${names.splice(0, span).join(' ')}]`).join(' ');
  };
  expect(shape({})).toBe('rx_packets[Sum /s CPU 0] rx_bytes[Sum /s CPU 0] [+2]');
  expect(shape({ totalsFirst: true })).toBe('rx_packets[Sum /s] rx_bytes[Sum /s] CPU 0[rx_packets rx_bytes] [+2]');
  expect(shape({ showIdle: true })).toBe('rx_packets[Sum /s CPU 0 CPU 1 CPU 4] rx_bytes[Sum /s CPU 0 CPU 1 CPU 4]');
  expect(shape({ cpus: undefined })).toBe('rx_packets[Value /s] rx_bytes[Value /s]');
  expect(shape({ fields: [{ path: '', numeric: true }] })).toBe('');
});

test('only columns in sight are drawn', () => {
  const sizes = Array.from({ length: 100 }, () => 50);
  expect(visibleWindow(sizes, 0, 200, 0)).toEqual({ first: 0, last: 5 });
  expect(visibleWindow(sizes, 1000, 200, 100)).toEqual({ first: 17, last: 27 });
  expect(visibleWindow([], 0, 200, 0)).toEqual({ first: 0, last: 0 });
});
