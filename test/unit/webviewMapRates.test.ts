import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { MapModel, type MapSchemaMessage } from '../../webview/maps/data/mapModel.ts';
import { RowCache, type RowsRead } from '../../webview/maps/data/rowCache.ts';
import { cellsOf } from '../../webview/maps/table/cells.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';

const source = `${bpfPrelude}
struct levels { __s64 wide; __s32 narrow; __u32 counter; __s32 bits : 5; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __type(key, __u32); __type(value, struct levels); __uint(max_entries, 2); } gauges SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __type(key, __u32); __type(value, __u32); __uint(max_entries, 5); } narrow SEC(".maps");
`;

function schemaOf(name: string, cpus: number): MapSchemaMessage {
  const { maps, btfBytes } = parseObject(compileBpf(source));
  const map = maps.find((candidate) => candidate.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  const { type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId } = map;
  const possibleCpus = Array.from({ length: cpus }, (_, cpu) => cpu);
  const types = { btf: btfBytes, keyTypeId, valueTypeId };
  return { kind: 'schema', mapId: 1, name, type, keySize, valueSize, maxEntries, possibleCpus, ...types };
}

function rowsOf(model: MapModel, ...reads: RowsRead[]): RowCache {
  const rows = new RowCache(model);
  for (const read of reads) rows.accept(read);
  return rows;
}

/** Of the first number. */
function ratesOf(rows: RowCache): (number | undefined)[] {
  const [field] = rows.model.numericFields;
  return Array.from({ length: rows.last }, (_, index) => {
    const reading = rows.at(index)?.reading;
    return reading === undefined || field === undefined ? undefined : rows.model.rate(reading, field);
  });
}

test('what has a sign may fall: a level in use, and no counter that was reset', () => {
  const model = new MapModel(schemaOf('gauges', 2));
  const read = (
    cpus: readonly { wide: bigint; narrow: number; counter: number; bits: number }[],
    atMs: number,
  ): RowsRead => {
    const values = new DataView(new ArrayBuffer(cpus.length * 24));
    cpus.forEach(({ wide, narrow, counter, bits }, cpu) => {
      values.setBigInt64(24 * cpu, wide, true);
      values.setInt32(24 * cpu + 8, narrow, true);
      values.setUint32(24 * cpu + 12, counter, true);
      values.setInt32(24 * cpu + 16, bits & 31, true);
    });
    return { from: 0, count: 1, keys: new Uint8Array(4), values: new Uint8Array(values.buffer), gone: [], atMs };
  };
  const rows = rowsOf(
    model,
    read(
      [
        { wide: 5n, narrow: -1, counter: 90, bits: 3 },
        { wide: -(2n ** 40n), narrow: 7, counter: 9, bits: -2 },
      ],
      0,
    ),
    read(
      [
        { wide: -5n, narrow: -4, counter: 91, bits: -5 },
        { wide: -(2n ** 40n), narrow: 7, counter: 8, bits: -2 },
      ],
      2000,
    ),
  );
  const reading = rows.at(0)!.reading!;
  const fields = model.numericFields;
  expect(fields.map(({ path }) => path)).toEqual(['wide', 'narrow', 'counter', 'bits']);
  expect(fields.map((field) => model.delta(reading, field))).toEqual([-10n, -3n, undefined, -8n]);
  expect(fields.map((field) => model.rate(reading, field))).toEqual([-5, -1.5, undefined, -4]);
  expect(fields.map((field) => model.delta(reading, field, 0))).toEqual([-10n, -3n, 1n, -8n]);
  expect(fields.map((field) => model.delta(reading, field, 1))).toEqual([0n, 0n, undefined, 0n]);
});

test('what is written from here makes no rate, neither while it is written nor in the reading after it', () => {
  const model = new MapModel(schemaOf('narrow', 1));
  const read = (first: number, second: number, atMs: number): RowsRead => {
    const keys = new Uint8Array(Uint32Array.of(1, 2).buffer);
    const values = new Uint8Array(Uint32Array.of(first, 0, second, 0).buffer);
    return { from: 0, count: 2, keys, values, gone: [], atMs };
  };
  const rows = rowsOf(model, read(10, 10, 0), read(20, 20, 1000));
  const rates = (first: number, second: number, atMs: number): unknown[] => {
    rows.accept(read(first, second, atMs));
    return ratesOf(rows);
  };
  expect(ratesOf(rows)).toEqual([10, 10]);
  const done = rows.startWriting(rows.at(0)!.id);
  expect(rates(1_000_000, 30, 2000)).toEqual([undefined, 10]);
  done();
  expect(rates(1_000_010, 40, 3000)).toEqual([undefined, 10]);
  expect(rates(1_000_020, 50, 4000)).toEqual([10, 10]);
  rows.startWriting()();
  expect(rates(70, 7000, 5000)).toEqual([undefined, undefined]);
  expect(rates(80, 7010, 6000)).toEqual([10, 10]);
});

test('one CPU that has it all, where others count elsewhere, is the least even of all', () => {
  const model = new MapModel(schemaOf('narrow', 3));
  const counts = [
    [60, 10, 0],
    [50, 0, 0],
    [4, 4, 0],
    [0, 0, 0],
  ];
  const rows = rowsOf(model, {
    from: 0,
    count: 4,
    keys: new Uint8Array(Uint32Array.of(7, 8, 9, 10).buffer),
    values: new Uint8Array(Uint32Array.from(counts.flat().flatMap((count) => [count, 0])).buffer),
    gone: [],
    atMs: 0,
  });
  const column = { kind: 'imbalance', field: 0, slot: -1, label: '', sortBy: 'imbalance(value)' } as const;
  const shown = counts.map((_, row) => cellsOf(model, rows.at(row)!.reading!, [column])[0]!.text);
  expect(shown).toEqual(['1.71×', '2.00×', '1.00×', '–']);
});
