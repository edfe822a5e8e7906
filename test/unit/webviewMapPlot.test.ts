import { describe, expect, test } from 'vitest';
import { keyText } from '../../extension/core/maps/entries.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { MapModel } from '../../webview/maps/data/mapModel.ts';
import { RowCache } from '../../webview/maps/data/rowCache.ts';
import { PlotData } from '../../webview/maps/plot/plotData.ts';
import { movedRange, type Range, type RangeKey } from '../../webview/maps/plot/plotRange.ts';
import { latestIn, spreadIn } from '../../webview/maps/plot/plotSummary.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';

const source = `${bpfPrelude}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 1); } counts SEC(".maps");
`;

describe('what a key shows of the time', () => {
  const held: Range = { from: 100, to: 200 };
  test.for<[string, [from: number, to: number], RangeKey, [from: number, to: number]]>([
    ['half of it, to the newest', [140, 200], 'in', [170, 200]],
    ['half of it, around the middle', [120, 160], 'in', [130, 150]],
    ['no less than two readings', [199.9, 200], 'in', [199.8, 200]],
    ['twice as much', [130, 150], 'out', [120, 160]],
    ['twice as much, but nothing before the first', [100, 120], 'out', [100, 140]],
    ['no more than there is', [110, 200], 'out', [100, 200]],
    ['a quarter back', [140, 180], 'back', [130, 170]],
    ['not before the first', [105, 145], 'back', [100, 140]],
    ['a quarter on', [140, 180], 'forth', [150, 190]],
    ['not past the newest', [155, 195], 'forth', [160, 200]],
    ['the first', [140, 180], 'first', [100, 140]],
    ['the newest', [110, 150], 'last', [160, 200]],
  ])('%s', ([, [from, to], key, [wantedFrom, wantedTo]]) => {
    const { from: gotFrom, to: gotTo } = movedRange({ from, to }, key, { held, whole: 60 });
    expect(gotFrom).toBeCloseTo(wantedFrom, 6);
    expect(gotTo).toBeCloseTo(wantedTo, 6);
  });

  test('what has just begun stays at the right, and is zoomed out to what is shown without a choice', () => {
    const begun = { held: { from: 197, to: 200 }, whole: 60 };
    expect(movedRange({ from: 140, to: 200 }, 'in', begun)).toEqual({ from: 170, to: 200 });
    expect(movedRange({ from: 170, to: 200 }, 'out', begun)).toEqual({ from: 140, to: 200 });
    expect(movedRange({ from: 140, to: 200 }, 'out', begun)).toEqual({ from: 140, to: 200 });
    expect(movedRange({ from: 170, to: 200 }, 'first', begun)).toEqual({ from: 170, to: 200 });
  });
});

test('a plot in words: the last number in sight, or that of a place, and between which they are', () => {
  const series = { times: [1, 2, 3, 4, 5], values: [50, 4, null, 6, 70], range: { from: 2, to: 4.5 } };
  expect(latestIn({ ...series, at: undefined })).toBe(6);
  expect(latestIn({ ...series, at: 0 })).toBe(50);
  expect(latestIn({ ...series, at: 2 })).toBeUndefined();
  expect(spreadIn(series)).toEqual({ low: 4, high: 6 });
  expect(spreadIn({ ...series, range: { from: 3, to: 3.5 } })).toBeUndefined();
  expect(latestIn({ ...series, range: { from: 3, to: 3.5 }, at: undefined })).toBeUndefined();
});

describe('what is kept for a plot', () => {
  /** Readings of one counter, at these milliseconds of both clocks. */
  function plotted() {
    const { maps, btfBytes } = parseObject(compileBpf(source));
    const { type, name, keySize, valueSize, maxEntries, keyTypeId, valueTypeId } = maps[0]!;
    const about = { type, name, keySize, valueSize, maxEntries, keyTypeId, valueTypeId };
    const model = new MapModel({ kind: 'schema', mapId: 1, ...about, btf: btfBytes, possibleCpus: [0] });
    const rows = new RowCache(model);
    const key = new Uint8Array(4);
    const data = new PlotData();
    data.toggle(keyText(key), '0');
    const read = (value: number, atMs: number, clockMs = atMs): boolean => {
      const values = new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
      rows.accept({ from: 0, count: 1, keys: key, values, gone: [], atMs });
      return data.record(rows, clockMs);
    };
    return { data, read };
  }

  test('the same reading is kept once, and times rise though the clock is set back', () => {
    const { data, read } = plotted();
    expect([read(0, 1000), read(0, 1000), read(100, 2000), read(300, 3000, 500)]).toEqual([true, false, true, true]);
    expect(data.columns('value')).toEqual([
      [1, 2, 2.001],
      [0, 100, 300],
    ]);
    expect(data.columns('rate')[1]).toEqual([null, 100, 200]);
  });

  test('a line ends where nothing was read for a while', () => {
    const { data, read } = plotted();
    for (const [value, atMs] of [
      [0, 1000],
      [100, 1500],
      [200, 2000],
      [5200, 12_000],
      [5300, 12_500],
    ] as const)
      read(value, atMs);
    expect(data.columns('rate')).toEqual([
      [1, 1.5, 2, 2.5, 12, 12.5],
      [null, 200, 200, null, 500, 200],
    ]);
  });

  test('what is paused stays as it is, whatever is read meanwhile', () => {
    const { data, read } = plotted();
    read(0, 1000);
    read(100, 2000);
    const paused = data.columns('value', data.lastTime);
    read(900, 3000);
    expect(paused).toEqual([
      [1, 2],
      [0, 100],
    ]);
    expect(data.columns('value', 2)).toEqual(paused);
    expect(data.columns('value')[0]).toEqual([1, 2, 3]);
  });
});
