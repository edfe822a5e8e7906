import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromMapsView, MapSummary, ToMapsView } from '../../extension/protocol/webview.ts';
import type { Channel } from '../../webview/common/channel.ts';
import { chooseMap, MapsStore } from '../../webview/common/mapsStore.ts';

const map = (id: number, name: string, group = 'a on veth0'): MapSummary => ({
  id,
  name,
  group,
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
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
  vi.stubGlobal('document', page);
});
afterEach(() => vi.unstubAllGlobals());

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
const reading = (mapId: number, atMs: number): ToMapsView => ({
  kind: 'page',
  mapId,
  count: 1,
  keys: new Uint8Array(4),
  values: new Uint8Array(8),
  atMs,
  truncated: false,
});

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

test('stored state of another shape is ignored', () => {
  const { store } = open({ maps: { intervalMs: 'soon' } });
  expect(store.intervalMs).toBe(500);
});

test('two pages make a period; a page of another map, or of an older clock, does not', () => {
  const { store } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.accept(reading(1, 1000));
  expect(store.previous).toBeUndefined();
  store.accept(reading(2, 1500));
  store.accept(reading(1, 1500));
  expect([store.page?.atMs, store.previous?.atMs]).toEqual([1500, 1000]);
  // Said once more by the host: what was read stays.
  store.accept(schema(1));
  expect(store.page?.atMs).toBe(1500);
  store.accept(reading(1, 20));
  expect([store.page?.atMs, store.previous?.atMs]).toEqual([20, undefined]);
});

test('pausing, the interval and being hidden reach the host', () => {
  const { store, sent } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.accept(reading(1, 1));
  sent.length = 0;
  const stop = store.start();
  store.setInterval(250);
  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  store.setPaused(true);
  stop();
  page.dispatchEvent(new Event('visibilitychange'));
  expect(sent).toEqual([
    { kind: 'ready' },
    { kind: 'poll', paused: false, intervalMs: 500 },
    { kind: 'poll', paused: false, intervalMs: 250 },
    { kind: 'poll', paused: true, intervalMs: 250 },
    { kind: 'poll', paused: false, intervalMs: 250 },
    { kind: 'poll', paused: true, intervalMs: 250 },
  ]);
});

test('a paused view still reads a map once when it is chosen', () => {
  const { store, sent } = open();
  store.setPaused(true);
  sent.length = 0;
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.accept(reading(1, 1));
  expect(sent).toEqual([
    { kind: 'select', mapId: 1 },
    { kind: 'poll', paused: false, intervalMs: 500 },
    { kind: 'poll', paused: true, intervalMs: 500 },
  ]);
});

test('a problem is shown until something was read again; a map that is gone until another is shown', () => {
  const { store } = open();
  store.accept(maps(map(1, 'x')));
  store.accept(schema(1));
  store.accept({ kind: 'problem', message: 'The kernel helper ended.' });
  expect(store.problem?.message).toBe('The kernel helper ended.');
  store.accept(reading(1, 1));
  expect(store.problem).toBeUndefined();
  store.accept({ kind: 'gone', mapId: 1, reason: 'detached' });
  expect(store.gone).toBe('detached');
  store.accept(maps(map(2, 'x')));
  expect(store.gone).toBeUndefined();
  store.accept(maps());
  expect([store.selected, store.schema, store.page]).toEqual([undefined, undefined, undefined]);
});
