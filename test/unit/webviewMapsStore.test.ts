import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromMapsView, MapSummary, ToMapsView } from '../../extension/protocol/webview.ts';
import type { Channel } from '../../webview/common/channel.ts';
import { chooseMap, MapsStore } from '../../webview/maps/data/mapsStore.ts';

const map = (id: number, name: string, group = 'a on veth0'): MapSummary => ({
  id,
  name,
  group,
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  frozen: false,
  shows: 'entries',
  borrowed: false,
});

test('which map is shown', () => {
  const maps = [map(1, 'x'), map(2, 'y'), map(3, 'y', 'b on eth1')];
  const check = (remembered: Parameters<typeof chooseMap>[1], proposed: number | undefined, expected: number): void =>
    expect(chooseMap(maps, remembered, proposed)?.id).toBe(expected);
  check(undefined, undefined, 1);
  check(undefined, 2, 2);
  check({ id: 3, name: 'y', group: 'b on eth1' }, 1, 3);
  // Loaded anew: ids changed, the name under the same program counts.
  check({ id: 33, name: 'y', group: 'b on eth1' }, 1, 3);
  check({ id: 33, name: 'y', group: 'elsewhere' }, 1, 2);
  // An id that another map has now is not the map that was chosen.
  check({ id: 1, name: 'gone', group: 'a on veth0' }, 2, 2);
  expect(chooseMap([], undefined, undefined)).toBeUndefined();
});

class FakeDocument extends EventTarget {
  visibilityState: 'visible' | 'hidden' = 'visible';
}

let page: FakeDocument;
beforeEach(() => {
  page = new FakeDocument();
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function open(stored?: unknown): { store: MapsStore; sent: FromMapsView[]; state: () => unknown } {
  const sent: FromMapsView[] = [];
  let state: unknown = stored;
  const channel: Channel<unknown, FromMapsView> = {
    post: (message) => sent.push(message),
    listen: () => () => undefined,
    // The store's own schema is what stands between it and what was stored.
    loadState: (schema) => {
      const result = schema['~run']({ value: state }, {});
      return result.issues === undefined ? (result.value as never) : undefined;
    },
    saveState: (part) => {
      state = part;
    },
  };
  return { store: new MapsStore(channel), sent, state: () => state };
}

const maps = (...list: MapSummary[]): ToMapsView => ({ kind: 'maps', maps: list });
const schema = (mapId: number): ToMapsView => ({
  kind: 'schema',
  mapId,
  type: 'array',
  name: 'x',
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  keyTypeId: 0,
  valueTypeId: 0,
  possibleCpus: [0],
});

/** Answers like a host whose map has `entries` entries of 4 + 8 bytes, from the question on. */
function answersTo(sent: FromMapsView[], store: MapsStore, atMs: number, entries = 1): FromMapsView[] {
  const asked = sent.splice(0).filter((message) => 'request' in message);
  for (const message of asked) {
    const { mapId, request } = message;
    if (message.kind === 'arrange') {
      store.accept({ kind: 'arranged', mapId, request, total: entries, rows: entries, atMs, workMs: 1 });
    } else if (message.kind === 'rows' || message.kind === 'peek') {
      const from = message.kind === 'rows' ? message.from : 0;
      const count = Math.max(0, Math.min(message.count, entries - from));
      const keys = new Uint8Array(Uint32Array.from({ length: count }, (_, at) => from + at).buffer);
      const values = new Uint8Array(count * 8).fill(1);
      store.accept({ kind: 'rows', mapId, request, from, count, keys, values, gone: [], atMs });
    }
  }
  return asked;
}

/** Lets the reader go on: its timers and what waits for answers. */
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** Answers whatever is asked within so many milliseconds. */
async function serve(sent: FromMapsView[], store: MapsStore, ms: number, entries = 1): Promise<FromMapsView['kind'][]> {
  const asked: FromMapsView['kind'][] = [];
  for (let at = 0; at < ms; at += 5) {
    await pass(5);
    asked.push(...answersTo(sent, store, performance.now(), entries).map(({ kind }) => kind));
  }
  return asked;
}

test('asks for the map it shows and remembers the one that was chosen', () => {
  const { store, sent, state } = open();
  store.accept(maps(map(1, 'x'), map(2, 'y')));
  store.select(2);
  expect(sent).toEqual([
    { kind: 'select', mapId: 1 },
    { kind: 'select', mapId: 2 },
  ]);
  const again = open(state());
  again.store.accept(maps(map(8, 'x'), map(9, 'y')));
  expect(again.sent).toEqual([{ kind: 'select', mapId: 9 }]);
});

test('a tab shows the map that the host has for it and no other, the side panel what is proposed', () => {
  const { store, sent, state } = open();
  const owner = { program: 'a', iface: 'veth0' };
  store.accept({ ...maps(map(1, 'x'), { ...map(2, 'y'), owner }), selected: 2, stay: true } as ToMapsView);
  // Another program has maps of the same names.
  store.accept({ ...maps(map(7, 'x'), map(8, 'y')), selected: 7, stay: true } as ToMapsView);
  store.accept({
    ...maps(map(7, 'x'), map(8, 'y')),
    stay: true,
    over: { name: 'x', reason: 'detached' },
  } as ToMapsView);
  expect([store.selected, store.reader, store.over?.reason]).toEqual([undefined, undefined, 'detached']);
  store.accept({ ...maps(map(8, 'y'), { ...map(9, 'x'), owner }), selected: 9, stay: true } as ToMapsView);
  expect([store.selected?.id, store.over]).toEqual([9, undefined]);
  const select = (mapId: number): FromMapsView => ({ kind: 'select', mapId });
  expect(sent).toEqual([select(2), select(7), select(9)]);
  expect(state()).toMatchObject({ maps: { selected: { id: 9, name: 'x', owner } } });

  const side = open();
  side.store.accept({ ...maps(map(1, 'x'), map(2, 'y')), selected: 2 } as ToMapsView);
  side.store.accept({ ...maps(map(7, 'x'), map(8, 'y')), selected: 7 } as ToMapsView);
  expect(side.sent.at(-1)).toEqual(select(7));
});

test('filter and order of a map survive a reload, and are not those of another', () => {
  const { store, state } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.arrange({ filter: 'value > 1' });
  store.arrange({ order: { by: 'rate(value)', descending: true } });
  const again = open(state());
  again.store.accept(maps(map(5, 'x'), map(6, 'y')));
  again.store.accept(schema(5));
  expect(again.store.reader?.filter).toBe('value > 1');
  expect(again.store.reader?.order).toEqual({ by: 'rate(value)', descending: true });
  again.store.select(6);
  again.store.accept({ ...schema(6), name: 'y' } as ToMapsView);
  expect(again.store.reader?.filter).toBe('');
});

test('stored state of another shape is ignored', () => {
  const { store } = open({ maps: { intervalMs: 'soon' } });
  expect(store.intervalMs).toBe(500);
});

test('reads at the interval, and nothing while hidden or paused', async () => {
  const { store, sent } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  sent.length = 0;
  const stop = store.start();
  expect(await serve(sent, store, 300)).toEqual(['peek', 'arrange', 'rows']);
  store.setInterval(100);
  const asked = await serve(sent, store, 1000);
  expect(asked.filter((kind) => kind === 'rows').length).toBeGreaterThanOrEqual(8);
  expect(asked.filter((kind) => kind === 'rows').length).toBeLessThanOrEqual(11);
  expect(store.reader?.rows.periodMs).toBeGreaterThanOrEqual(95);

  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  await serve(sent, store, 50);
  expect(await serve(sent, store, 2000)).toEqual([]);
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  expect(await serve(sent, store, 50)).toContain('rows');

  store.setPaused(true);
  await serve(sent, store, 50);
  expect(await serve(sent, store, 2000)).toEqual([]);
  stop();
});

test('a slow host is asked more slowly', async () => {
  const { store, sent } = open();
  store.setInterval(100);
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  await serve(sent, store, 500);
  let asked = 0;
  let waiting = 0;
  // Every answer takes 300 ms, so a reading takes 600 and as much is left between two.
  for (let at = 0; at < 6000; at += 10) {
    await pass(10);
    waiting = sent.length === 0 ? 0 : waiting + 10;
    if (waiting < 300) continue;
    asked += answersTo(sent, store, performance.now()).length;
    waiting = 0;
  }
  expect(asked).toBeGreaterThanOrEqual(8);
  expect(asked).toBeLessThanOrEqual(12);
});

test('a paused view still reads a map once when it is chosen', async () => {
  const { store, sent } = open();
  store.setPaused(true);
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  expect(await serve(sent, store, 1000)).toEqual(['peek', 'arrange', 'rows']);
  expect(store.reader?.rows.at(0)).toBeDefined();
});

test('rows that come into sight are read at once, and only those', async () => {
  const { store, sent } = open();
  store.setInterval(10_000);
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  await serve(sent, store, 100, 1_000_000);
  const { reader } = store;
  expect(reader?.rowCount).toBe(1_000_000);
  reader?.show(500_000, 500_030);
  await pass(1);
  const [question] = sent;
  expect(question).toMatchObject({ kind: 'rows', from: 499_976, count: 78 });
  await serve(sent, store, 20, 1_000_000);
  expect(reader?.rows.at(500_000)?.reading).toBeDefined();
  expect(reader?.rows.at(0)).toBeUndefined();
  // The map became smaller: what is shown is its end.
  reader?.refresh();
  await serve(sent, store, 50, 1000);
  expect(reader?.rows.last).toBe(1000);
});

test('a filter that is not understood is a problem of the filter, and the rows stay', async () => {
  const { store, sent } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  await serve(sent, store, 200);
  store.reader?.arrange({ filter: 'x >' });
  for (let at = 0; at < 10; at++) {
    await pass(10);
    const asked = sent.find((message) => message.kind === 'arrange');
    if (asked?.kind !== 'arrange') continue;
    expect(asked.filter).toBe('x >');
    sent.length = 0;
    store.accept({
      kind: 'refused',
      mapId: 1,
      request: asked.request,
      code: 'filter-invalid',
      message: 'ends',
      offset: 3,
      length: 1,
    });
  }
  expect(store.reader?.filterProblem?.message).toBe('ends');
  expect(store.reader?.failure).toBeUndefined();
  expect(store.reader?.rows.last).toBe(1);
});

test('after a failure the view asks again by itself', async () => {
  const { store, sent } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  await pass(1);
  const [question] = sent.filter((message) => message.kind === 'peek');
  if (question === undefined) throw new Error('nothing was asked');
  store.accept({ kind: 'refused', mapId: 1, request: question.request, code: 'helper-died', message: 'died' });
  await pass(1);
  expect(store.reader?.failure?.message).toBe('died');
  sent.length = 0;
  expect(await serve(sent, store, 1500)).toContain('rows');
  expect(store.reader?.failure).toBeUndefined();
});

test('the same map once more keeps what was read; another shape of it starts anew', async () => {
  const { store, sent } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  await serve(sent, store, 100);
  const { reader } = store;
  store.accept(schema(1));
  expect(store.reader).toBe(reader);
  store.accept({ ...(schema(1) as Extract<ToMapsView, { kind: 'schema' }>), maxEntries: 2 });
  expect(store.reader).not.toBe(reader);
});

test('a problem is shown until something was read again; a map that is gone until another is shown', () => {
  const { store } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.accept({ kind: 'problem', message: 'The kernel helper ended.' });
  expect(store.problem?.message).toBe('The kernel helper ended.');
  store.accept({ kind: 'arranged', mapId: 1, request: 99, total: 0, rows: 0, atMs: 1, workMs: 1 });
  expect(store.problem).toBeUndefined();
  store.accept({ kind: 'gone', mapId: 1, reason: 'detached' });
  expect(store.gone).toBe('detached');
  store.accept(maps(map(2, 'x')));
  expect(store.gone).toBeUndefined();
  store.accept(maps());
  expect([store.selected, store.schema, store.reader]).toEqual([undefined, undefined, undefined]);
});
