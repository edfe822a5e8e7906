import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { Conversation, type Answer, type Question } from '../../webview/maps/data/conversation.ts';
import { EventLog } from '../../webview/maps/data/eventLog.ts';
import { MapModel, type MapSchemaMessage } from '../../webview/maps/data/mapModel.ts';
import { RowCache } from '../../webview/maps/data/rowCache.ts';
import { PlotData } from '../../webview/maps/plot/plotData.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';

const source = `${bpfPrelude}
struct seen { __u32 length; __u32 queue; };
struct longer { __u64 at; __u32 length; char why[8]; };
struct seen *seen;
struct longer *longer;
struct rec { __u64 packets; __u64 bytes; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, __u32); __type(value, struct rec); __uint(max_entries, 5); } counts SEC(".maps");
`;

function schemaOf(name: string): MapSchemaMessage {
  const spec = parseObject(compileBpf(source));
  const map = spec.maps.find((candidate) => candidate.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  const { type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId } = map;
  const sizes = { type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId };
  return { kind: 'schema', mapId: 1, name, ...sizes, btf: spec.btfBytes, possibleCpus: [0] };
}

/** A log, what it asked, and a way to answer the last question. */
function openLog() {
  const asked: Question[] = [];
  const conversation = new Conversation(1, (question) => asked.push(question));
  const log = new EventLog(schemaOf('events'), conversation, () => undefined);
  const answer = async (
    of: { kind: 'edited' } | { kind: 'refused'; code: string; message: string; fix?: string },
  ): Promise<void> => {
    const request = asked.at(-1)?.request ?? 0;
    const whole = of.kind === 'edited' ? { ...of, done: 0, failures: [], left: 0 } : of;
    conversation.accept({ ...whole, mapId: 1, request } as Answer);
    await Promise.resolve();
    await Promise.resolve();
  };
  const send = (records: Uint8Array[], { lost = 0, left = 0 } = {}): void =>
    log.accept({ kind: 'events', mapId: 1, records: records.map((data) => ({ data })), lost, left, atMs: 5 });
  return { log, asked, answer, send };
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

test("another tool's events are read only after the warning was answered", async () => {
  const { log, asked, answer } = openLog();
  void log.follow({ force: false });
  expect(asked).toMatchObject([{ kind: 'follow', force: false }]);
  await answer({ kind: 'refused', code: 'map-foreign', message: 'Reading events takes its events.' });
  expect(log.state).toEqual({ kind: 'foreign', message: 'Reading events takes its events.' });
  expect(asked).toHaveLength(1);
  void log.follow({ force: true });
  expect(asked[1]).toMatchObject({ kind: 'follow', force: true });
  await answer({ kind: 'edited' });
  expect(log.state).toEqual({ kind: 'running' });
  void log.follow({ force: true });
  await answer({ kind: 'refused', code: 'map-unreadable', message: 'no', fix: 'CAP_PERFMON' });
  expect(log.state).toEqual({ kind: 'failed', message: 'no', fix: 'CAP_PERFMON' });
});

test('a record is shown as the type that is chosen, or as the only one of its size', () => {
  const { log, send } = openLog();
  expect(log.types.map(({ name }) => name)).toEqual(expect.arrayContaining(['struct seen', 'struct longer']));
  const typeOf = (name: string) => log.types.find((type) => type.name === `struct ${name}`);
  const long = new Uint8Array(24);
  long.set(u32s(7, 0, 60));
  long.set(new TextEncoder().encode('full'), 12);
  send([long]);
  expect(log.type?.name).toBe('struct longer');
  expect(log.textOf(log.records[0]!)).toBe('at=7 length=60 why=full');
  log.choose(typeOf('seen'));
  send([u32s(60, 3), u32s(1)]);
  expect(log.records.slice(1).map((record) => log.textOf(record))).toEqual(['length=60 queue=3', undefined]);
  log.choose(undefined);
  send([long]);
  expect([log.type, log.textOf(log.records[1]!)]).toEqual([undefined, undefined]);
});

test('the oldest are let go, what was lost is counted, and numbers go on', () => {
  const { log, send } = openLog();
  for (let at = 0; at < 12; at++)
    send(
      Array.from({ length: 500 }, () => u32s(at, 0)),
      { lost: 1, left: 2 },
    );
  expect([log.records.length, log.records[0]?.number, log.lost, log.left]).toEqual([5000, 1001, 12, 24]);
  log.clear();
  expect([log.records.length, log.lost]).toEqual([0, 0]);
  send([u32s(1, 1)]);
  expect(log.records[0]?.number).toBe(6001);
});

/** Rows of `counts` with these packets by key; bytes are a hundred times as many. */
function readingOf(rows: RowCache, packets: Record<number, number>, atMs: number): void {
  const entries = Object.entries(packets);
  rows.accept({
    from: 0,
    count: entries.length,
    keys: u32s(...entries.map(([key]) => Number(key))),
    values: new Uint8Array(
      BigUint64Array.from(entries.flatMap(([, count]) => [BigInt(count), BigInt(100 * count)])).buffer,
    ),
    gone: [],
    atMs,
  });
}

test('a plot has a point for each reading and row, of the field and measure that are chosen', () => {
  const rows = new RowCache(new MapModel(schemaOf('counts')));
  const plot = new PlotData();
  readingOf(rows, { 1: 10, 2: 20 }, 1000);
  const idOf = (index: number): string => rows.at(index)?.id ?? '';
  expect(plot.record(rows, 50_000)).toBe(false);
  plot.toggle(idOf(0), 'one');
  expect(plot.record(rows, 50_000)).toBe(true);
  // The same reading is one point.
  expect(plot.record(rows, 50_010)).toBe(false);
  readingOf(rows, { 1: 30, 2: 20 }, 2000);
  plot.toggle(idOf(1), 'two');
  plot.record(rows, 51_000);
  expect(plot.columns('value')).toEqual([
    [50, 51],
    [10, 30],
    [null, 20],
  ]);
  expect(plot.columns('rate')).toEqual([
    [50, 51],
    [null, 20],
    [null, 0],
  ]);
  // A row that is not there leaves a gap.
  readingOf(rows, { 2: 25 }, 3000);
  plot.record(rows, 52_000);
  expect(plot.columns('value')).toEqual([
    [50, 51, 52],
    [10, 30, null],
    [null, 20, 25],
  ]);
  plot.toggle(plot.ids[0]!, '');
  expect(plot.columns('rate').slice(1)).toEqual([[null, 0, 5]]);
  plot.setField(1);
  readingOf(rows, { 2: 26 }, 4000);
  plot.record(rows, 53_000);
  expect(plot.columns('value')).toEqual([[53], [2600]]);
});

test('a plot that runs for long lets its oldest points go', () => {
  const rows = new RowCache(new MapModel(schemaOf('counts')));
  const plot = new PlotData();
  readingOf(rows, { 1: 0 }, 1);
  plot.toggle(rows.at(0)?.id ?? '', 'one');
  for (let at = 1; at <= 7300; at++) {
    readingOf(rows, { 1: at }, at);
    plot.record(rows, 1000 * at);
  }
  const [times, values] = plot.columns('value');
  expect([times.length, times[0], times.at(-1), values?.length, values?.at(-1)]).toEqual([6580, 721, 7300, 6580, 7300]);
});
