import { expect, test } from 'vitest';
import { compileOperand } from '../../extension/core/maps/query/compile.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { formatInteger, numberStyleOf } from '../../webview/common/format.ts';
import { bytesAt, MapModel, type MapSchemaMessage } from '../../webview/maps/data/mapModel.ts';
import { RowCache, type RowsRead } from '../../webview/maps/data/rowCache.ts';
import { Snapshots } from '../../webview/maps/data/snapshots.ts';
import { Conversation } from '../../webview/maps/data/conversation.ts';
import { cellsOf } from '../../webview/maps/table/cells.ts';
import {
  buildColumns,
  type ColumnChoice,
  type ColumnRequest,
  visibleWindow,
} from '../../webview/maps/table/columns.ts';
import { moveBy } from '../../webview/maps/table/gridKeys.ts';
import { visibleLines } from '../../webview/maps/table/gridLayout.ts';
import { Lines } from '../../webview/maps/table/lines.ts';
import { trendPath } from '../../webview/maps/table/trend.ts';
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
function page(rows: readonly [number, readonly (readonly number[])[]][], atMs: number): RowsRead {
  const cpus = rows[0]?.[1].length ?? 0;
  const words = rows[0]?.[1][0]?.length ?? 0;
  const keys = new DataView(new ArrayBuffer(4 * rows.length));
  const values = new DataView(new ArrayBuffer(8 * words * cpus * rows.length));
  rows.forEach(([key, slots], row) => {
    keys.setUint32(4 * row, key, true);
    slots.flat().forEach((value, at) => values.setBigUint64(8 * (row * words * cpus + at), BigInt(value), true));
  });
  return {
    from: 0,
    count: rows.length,
    keys: new Uint8Array(keys.buffer),
    values: new Uint8Array(values.buffer),
    gone: [],
    atMs,
  };
}

const labels = {
  sum: 'Sum',
  rate: '/s',
  delta: 'Δ',
  trend: 'Trend',
  min: 'Min',
  max: 'Max',
  imbalance: 'Imbalance',
  value: 'Value',
  cpu: (cpu: number) => `CPU ${cpu}`,
  idle: (count: number) => `+${count}`,
};

const plain: ColumnChoice = { delta: false, trend: false, spread: false, cpus: true, idle: false };

/** What a view shows that read these one after the other. */
function rowsOf(model: MapModel, ...reads: RowsRead[]): RowCache {
  const rows = new RowCache(model);
  for (const read of reads) rows.accept(read);
  return rows;
}

function tableOf(rows: RowCache, show: ColumnChoice = plain): string[][] {
  const { model } = rows;
  const { columns } = buildColumns({
    fields: model.valueFields,
    cpus: model.perCpu ? model.schema.possibleCpus : undefined,
    active: rows.active,
    show,
    totalsFirst: false,
    labels,
  });
  const head = ['Key', ...columns.map(({ label }) => label)];
  const lines = Array.from({ length: rows.last }, (_, index) => {
    const row = rows.at(index);
    if (row === undefined) return [];
    const cells = row.reading === undefined ? [] : cellsOf(model, row.reading, columns);
    return [model.keyText(row.key), ...cells.map(({ text }) => text)];
  });
  return [head, ...lines];
}

/** Rates of the first number, by row. */
function ratesOf(rows: RowCache): (number | undefined)[] {
  const [field] = rows.model.numericFields;
  return Array.from({ length: rows.last }, (_, index) => {
    const reading = rows.at(index)?.reading;
    return reading === undefined || field === undefined ? undefined : rows.model.rate(reading, field);
  });
}

test('numbers are written as the language writes them, with and without the browser', () => {
  const numbers = [0, 0.049, 0.05, 0.25, 2.5, 3.5, 9.94, 42, 999.5, 1000, 1234.56, 98_765_432.1, -0.5, -1234.5, 1e20];
  const wholes = [0n, 999n, 1000n, -1000n, 123_456n, (1n << 64n) - 1n, -(1n << 63n)];
  for (const language of ['en', 'zh-cn', 'zh-tw', 'ja', 'ko', 'de', 'es', 'fr', 'ru', 'pt-br', 'pl', 'tr']) {
    const { whole, tenths } = numberStyleOf(language);
    const integers = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
    const decimals = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    expect([language, ...wholes.map(whole)]).toEqual([language, ...wholes.map((value) => integers.format(value))]);
    expect([language, ...numbers.map(whole)]).toEqual([language, ...numbers.map((value) => integers.format(value))]);
    expect([language, ...numbers.map(tenths)]).toEqual([language, ...numbers.map((value) => decimals.format(value))]);
  }
});

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
  expect(tableOf(rowsOf(model, before, after))).toEqual([
    ['Key', 'Sum', '/s', 'CPU 0', 'CPU 2', 'Sum', '/s', 'CPU 0', 'CPU 2', '+1'],
    ['1 XDP_DROP', '0', '0', '0', '0', '0', '0', '0', '0', ''],
    ['2 XDP_PASS', '3,005', '8,000', '3,000', '5', '192,500', '512,000', '192,000', '500', ''],
  ]);
  expect(tableOf(rowsOf(model, after), { ...plain, idle: true })[2]?.slice(0, 6)).toEqual([
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
  expect(tableOf(rowsOf(model, message))).toEqual([
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
  const rows = rowsOf(model, before, after);
  expect(ratesOf(rows)).toEqual([10, undefined, undefined]);
  const [field] = model.numericFields;
  const changed = [0, 1, 2].map((index) => {
    const reading = rows.at(index)?.reading;
    return reading !== undefined && field !== undefined && model.changed(reading, field, 0);
  });
  expect(changed).toEqual([true, true, false]);
});

test('numbers beyond 2^53 are added and compared exactly', () => {
  const model = new MapModel(schemaOf('stats', 2));
  const values = (packets: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(packets, 0n, 1n, 0n).buffer);
  const read = (packets: bigint, atMs: number): RowsRead => ({
    from: 0,
    count: 1,
    keys: new Uint8Array(4),
    values: values(packets),
    gone: [],
    atMs,
  });
  const most = 2n ** 64n - 1n;
  const rows = rowsOf(model, read(most - 1n, 0), read(most, 1000));
  expect(tableOf(rows, { ...plain, delta: true })[1]?.slice(0, 4)).toEqual([
    '0 XDP_ABORTED',
    '18,446,744,073,709,551,616',
    '+1',
    '1.0',
  ]);
  rows.accept(read(most - 1n, 2000));
  expect(tableOf(rows)[1]?.[2]).toBe('–');
});

test('two readings too near to each other make no rate of their own', () => {
  const model = new MapModel(schemaOf('narrow', 1));
  const rows = new RowCache(model);
  rows.minPeriodMs = 200;
  rows.accept(page([[1, [[0]]]], 0));
  rows.accept(page([[1, [[500]]]], 500));
  rows.accept(page([[1, [[600]]]], 510));
  expect(ratesOf(rows)[0]).toBeCloseTo((600 * 1000) / 510);
  // A helper that was started anew has another clock.
  rows.accept(page([[1, [[700]]]], 20));
  expect(ratesOf(rows)).toEqual([undefined]);
});

test('spread over the CPUs, and a row unfolded into them', () => {
  const model = new MapModel(schemaOf('narrow', 3));
  const rows = rowsOf(model, page([[7, [[30], [10], [0]]]], 0), page([[7, [[60], [10], [0]]]], 1000));
  const show = { ...plain, delta: true, spread: true, cpus: false };
  expect(tableOf(rows, show)).toEqual([
    ['Key', 'Sum', 'Δ', '/s', 'Min', 'Max', 'Imbalance'],
    ['7', '70', '+30', '30', '0', '60', '1.71×'],
  ]);
  const { columns } = buildColumns({
    fields: model.valueFields,
    cpus: [0, 1, 2],
    active: rows.active,
    show,
    totalsFirst: false,
    labels,
  });
  const reading = rows.at(0)?.reading;
  if (reading === undefined) throw new Error('no row');
  expect(cellsOf(model, reading, columns, 0).map(({ text }) => text)).toEqual(['60', '+30', '30', '', '', '']);
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
  const rows = rowsOf(model, { from: 0, count: 1, keys, values, gone: [], atMs: 0 });
  expect(model.keyText(bytesAt(keys))).toBe('saddr 10.0.0.1 dport 443 proto 6');
  const [, row] = tableOf(rows);
  expect(row?.slice(1, 5)).toEqual(['9', '–', 'https', `[${'0, '.repeat(19)}0]`]);
});

test('without BTF everything is hex', () => {
  const model = new MapModel(schemaOf('stats', 1, { btf: false }));
  expect(tableOf(rowsOf(model, page([[2, [[1, 2]]]], 0)))).toEqual([
    ['Key', 'CPU 0'],
    ['02000000', '01000000 00000000 02000000 00000000'],
  ]);
});

test('a page that holds less than it says shows what is there', () => {
  const model = new MapModel(schemaOf('narrow', 2));
  const short = { ...page([[7, [[3], [4]]]], 0), count: 5 };
  expect(rowsOf(model, short).last).toBe(1);
});

test('a row whose entry is gone stays in its place, and has no value', () => {
  const model = new MapModel(schemaOf('narrow', 1));
  const before = page(
    [
      [1, [[10]]],
      [2, [[20]]],
    ],
    0,
  );
  const rows = rowsOf(model, before, { ...before, gone: [0], atMs: 1000 });
  expect(tableOf(rows).slice(1)).toEqual([['1'], ['2', '20', '0', '20']]);
  expect(rows.indexOf(rows.at(1)?.id ?? '')).toBe(1);
});

test('columns: fields side by side, or totals first where it is narrow', () => {
  const request: ColumnRequest = {
    fields: [
      { path: 'rx_packets', numeric: true },
      { path: 'rx_bytes', numeric: true },
    ],
    cpus: [0, 1, 4],
    active: [true, false, false],
    show: plain,
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
  expect(shape({ show: { ...plain, idle: true } })).toBe(
    'rx_packets[Sum /s CPU 0 CPU 1 CPU 4] rx_bytes[Sum /s CPU 0 CPU 1 CPU 4]',
  );
  expect(shape({ show: { ...plain, trend: true, cpus: false } })).toBe('rx_packets[Sum /s Trend] rx_bytes[Sum /s]');
  expect(shape({ cpus: undefined })).toBe('rx_packets[Value /s] rx_bytes[Value /s]');
  expect(shape({ fields: [{ path: '', numeric: true }] })).toBe('');
});

test('only columns in sight are drawn', () => {
  const sizes = Array.from({ length: 100 }, () => 50);
  expect(visibleWindow(sizes, 0, 200, 0)).toEqual({ first: 0, last: 5 });
  expect(visibleWindow(sizes, 1000, 200, 100)).toEqual({ first: 17, last: 27 });
  expect(visibleWindow([], 0, 200, 0)).toEqual({ first: 0, last: 0 });
});

test('what columns can be sorted by are operands of the filter language', () => {
  const operands = (cpus: number[] | undefined, path: string): (string | undefined)[] =>
    buildColumns({
      fields: [{ path, numeric: true }],
      cpus,
      active: [true, true],
      show: { ...plain, spread: true, delta: true },
      totalsFirst: false,
      labels,
    }).columns.map(({ sortBy }) => sortBy);
  expect(operands([0, 4], 'rx.packets')).toEqual([
    'sum(value.rx.packets)',
    'rate(value.rx.packets)',
    'rate(value.rx.packets)',
    'min(value.rx.packets)',
    'max(value.rx.packets)',
    'imbalance(value.rx.packets)',
    'cpu0.rx.packets',
    'cpu4.rx.packets',
  ]);
  expect(operands(undefined, '')).toEqual(['value', 'rate(value)', 'rate(value)']);
  expect(operands(undefined, '[1]')).toEqual(['value[1]', 'rate(value[1])', 'rate(value[1])']);
  const model = new MapModel(schemaOf('stats', 2));
  for (const by of operands([0, 1], 'rx_packets')) {
    if (by !== undefined) expect(() => compileOperand(model.schema, by, []), by).not.toThrow();
  }
});

test('keys move the active cell as the ARIA grid pattern has it', () => {
  const size = { lines: 100, columns: 5, page: 20 };
  const check = (key: string, from: [number, number], to: [number, number] | undefined, ctrlKey = false): void => {
    const event = { key, ctrlKey, metaKey: false, altKey: false, shiftKey: false };
    const moved = moveBy(event, { line: from[0], column: from[1] }, size);
    expect(moved, key).toEqual(to === undefined ? undefined : { line: to[0], column: to[1] });
  };
  check('ArrowDown', [0, 2], [1, 2]);
  check('ArrowUp', [0, 2], [-1, 2]);
  check('ArrowUp', [-1, 2], [-1, 2]);
  check('ArrowRight', [3, 4], [3, 4]);
  check('ArrowLeft', [3, 4], [3, 0], true);
  check('Home', [3, 4], [3, 0]);
  check('End', [3, 0], [99, 4], true);
  check('PageDown', [90, 0], [99, 0]);
  check('PageUp', [10, 0], [0, 0]);
  check('a', [0, 0], undefined);
});

test('lines under rows, and which of very many are drawn', () => {
  const cpu = (slot: number) => ({ kind: 'cpu', slot }) as const;
  const lines = new Lines(10, [
    { index: 1, lines: [cpu(0), cpu(1)] },
    { index: 4, lines: [{ kind: 'note', text: 'full' }] },
  ]);
  expect(lines.total).toBe(13);
  expect([0, 1, 2, 3, 4, 6, 7, 8].map((line) => lines.at(line))).toEqual([
    { index: 0, sub: undefined },
    { index: 1, sub: undefined },
    { index: 1, sub: cpu(0) },
    { index: 1, sub: cpu(1) },
    { index: 2, sub: undefined },
    { index: 4, sub: undefined },
    { index: 4, sub: { kind: 'note', text: 'full' } },
    { index: 5, sub: undefined },
  ]);
  expect(visibleLines({ top: 2200, height: 440 }, 22, 1000, 45)).toEqual({ first: 99, last: 119, shift: 0 });
  // Ten million rows are higher than a browser's page can be: the end of the scroller is the end of the rows.
  const end = visibleLines({ top: 30_000_000 + 45 - 440, height: 440 }, 22, 10_000_000, 45);
  expect(end.last).toBe(10_000_000);
  expect(end.first).toBeGreaterThan(9_999_970);
});

test('a trend ends at the right edge, and starts from zero', () => {
  expect(trendPath([5], 60)).toBe('');
  expect(trendPath([0, 10], 3)).toBe('M32.0 15.0L64.0 1.0');
  expect(trendPath([0, 0], 2)).toBe('');
});

test('integers are grouped as the language groups them', () => {
  const native = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  for (const value of [0, 7, -7, 999, 1000, -1000, 1_234_567, -123_456, 2n ** 64n - 1n, 1.5, 1e21]) {
    expect(formatInteger(value)).toBe(native.format(value));
  }
});

test('what differs between snapshots is named as in the table', () => {
  const namer = (map: string): Snapshots =>
    new Snapshots(new MapModel(schemaOf(map, 2)), new Conversation(1, () => undefined), () => undefined);
  expect(namer('stats').keyName(1)).toBe('1 XDP_DROP');
  expect(namer('narrow').keyName(7)).toBe('7');
  const flow = { saddr: '10.0.0.1', dport: 53, proto: 17, pad: 0 };
  expect(namer('flows').keyName(flow)).toBe('saddr 10.0.0.1 dport 53 proto 17');
  expect(namer('flows').keyName('nothing of the kind')).toBe('nothing of the kind');
});
