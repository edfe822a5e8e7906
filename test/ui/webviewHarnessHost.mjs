/** Stands for the extension host inside the harness page: `acquireVsCodeApi`, and scenes that answer as the host would. */

import { installPacketHost } from './webviewHarnessPacket.mjs';
import { installPacketTestsHost } from './webviewHarnessPacketTests.mjs';
import { typeIds } from './webviewHarnessTypes.mjs';
import { installVerifierHost } from './webviewHarnessVerifier.mjs';

const parameters = new URLSearchParams(location.search);
const scene = parameters.get('scene') ?? 'counter';
const isHostile = parameters.get('hostile') === '1';
let state = JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined;
const sent = [];
window.harnessMessages = sent;
const packetHost = scene.startsWith('tests')
  ? installPacketTestsHost(scene, post)
  : scene.startsWith('packet')
    ? installPacketHost(scene, post)
    : scene.startsWith('verifier')
      ? installVerifierHost(scene, post)
      : undefined;

window.acquireVsCodeApi = () => ({
  getState: () => state,
  setState: (next) => {
    state = structuredClone(next);
    sessionStorage.setItem('state', JSON.stringify(next));
  },
  postMessage: (message) => {
    sent.push(structuredClone(message));
    receive(message).catch((error) => console.error(error));
  },
});

function post(message) {
  window.postMessage(isHostile ? withHtml(message) : message, '*');
}

/** Where words of others are: of programs, objects, the kernel, files. */
const foreign = new Set([
  'name',
  'group',
  'message',
  'fix',
  'reason',
  'section',
  'log',
  'file',
  'program',
  'detail',
  'label',
]);

/** The same with HTML in them. */
function withHtml(value, key = '') {
  if (typeof value === 'string') return foreign.has(key) ? `${value}<img src=x onerror="1" class=hostile>` : value;
  if (Array.isArray(value)) return value.map((each) => withHtml(each, key));
  if (value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withHtml(each, name)]));
}

const group = 'xdp_counter on veth0 (native)';
const summary = (id, name, type, sizes, of = group) => ({
  id,
  name,
  type,
  keySize: sizes[0],
  valueSize: sizes[1],
  maxEntries: sizes[2],
  group: of,
  frozen: false,
  shows: 'entries',
  borrowed: false,
});
const flowGroup = 'xdp_flows on eth1 (generic)';
const summaries = {
  counter: summary(11, 'xdp_stats_map', 'percpu_array', [4, 16, 5]),
  scalar: summary(12, 'packets', 'array', [4, 8, 3]),
  flows: summary(13, 'flows', 'hash', [16, 32, 200_000], flowGroup),
  hex: summary(14, 'legacy', 'hash', [6, 12, 64], flowGroup),
  events: { ...summary(17, 'events', 'ringbuf', [0, 0, 4096], flowGroup), shows: 'events' },
  emptyHash: summary(15, 'blocklist', 'lru_hash', [16, 32, 1024], flowGroup),
};
const chosenMap = () => summaries[scene] ?? summaries.counter;

/** A map of somebody else that no program uses any more, until the newer one is opened. */
function stale() {
  const { counter } = summaries;
  const unused = { held: true, newer: 42 };
  return { ...counter, group: 'Opened by hand', borrowed: true, unused };
}

let btf;
let ids;
let loading;
/** Asked for when the page begins: a host has the types of a map at hand. */
function loadTypes() {
  loading ??= fetch('types.btf')
    .then((response) => response.arrayBuffer())
    .then((buffer) => {
      btf = new Uint8Array(buffer);
      ids = typeIds(btf);
    });
  return loading;
}

function cpus() {
  return Array.from({ length: scene === 'counter128' ? 128 : 4 }, (_, cpu) => cpu);
}

function schema(map) {
  const typeIds = {
    11: ['__u32', 'datarec'],
    12: ['__u32', '__u64'],
    13: ['flow_key', 'flow'],
    15: ['flow_key', 'flow'],
    17: ['__u32', '__u32'],
  }[map.id];
  const { id: mapId, name, type, keySize, valueSize, maxEntries } = map;
  return {
    kind: 'schema',
    mapId,
    type,
    name,
    keySize,
    valueSize,
    maxEntries,
    ...(typeIds ? { btf } : {}),
    keyTypeId: typeIds ? ids[typeIds[0]] : 0,
    valueTypeId: typeIds ? ids[typeIds[1]] : 0,
    possibleCpus: cpus(),
  };
}

const counters = new Map();
function counter(name, growth) {
  const next = (counters.get(name) ?? 0) + Math.round(growth * (0.7 + 0.6 * Math.random()));
  counters.set(name, next);
  return BigInt(next);
}

function counterPage() {
  const possible = cpus().length;
  const keys = new Uint8Array(20);
  const values = new Uint8Array(5 * possible * 16);
  const keyView = new DataView(keys.buffer);
  const view = new DataView(values.buffer);
  for (let key = 0; key < 5; key++) {
    keyView.setUint32(key * 4, key, true);
    for (const cpu of [0, 2]) {
      const growth = key === 2 ? 4200 * (cpu + 1) : key === 1 ? 37 * (2 - cpu / 2) : 0;
      const packets = counter(`${key}.${cpu}`, growth);
      view.setBigUint64((key * possible + cpu) * 16, packets, true);
      view.setBigUint64((key * possible + cpu) * 16 + 8, packets * 98n, true);
    }
  }
  return { count: 5, keys, values };
}

const flowCount = 100_000;
let flows;
function flowPage() {
  if (flows === undefined) {
    flows = { keys: new Uint8Array(flowCount * 16), values: new Uint8Array(flowCount * 32) };
    const key = new DataView(flows.keys.buffer);
    const value = new DataView(flows.values.buffer);
    for (let flow = 0; flow < flowCount; flow++) {
      key.setUint32(flow * 16, 0x0a000000 + ((flow * 7919) % 65536), false);
      key.setUint32(flow * 16 + 4, 0xc0a80001 + (flow % 200), false);
      key.setUint16(flow * 16 + 8, 1024 + (flow % 60000), false);
      key.setUint16(flow * 16 + 10, [443, 80, 53][flow % 3], false);
      key.setUint8(flow * 16 + 12, flow % 3 === 2 ? 17 : 6);
      value.setBigUint64(flow * 32, BigInt(flow * 13), true);
      value.setBigUint64(flow * 32 + 8, BigInt(flow) * 1313n, true);
      const names = isHostile ? ['<b>x</b>', '<i>y</i>', '<u>z</u>'] : ['https', 'http', 'dns'];
      flows.values.set(new TextEncoder().encode(names[flow % 3]), flow * 32 + 20);
    }
  }
  const value = new DataView(flows.values.buffer);
  for (let flow = 0; flow < flowCount; flow += 5) {
    const packets = BigInt(1 + Math.round(Math.random() * (flow % 500)));
    value.setBigUint64(flow * 32, value.getBigUint64(flow * 32, true) + packets, true);
    value.setBigUint64(flow * 32 + 8, value.getBigUint64(flow * 32 + 8, true) + packets * 800n, true);
    value.setUint32(flow * 32 + 16, Math.floor(performance.now() / 1000), true);
  }
  return { count: flowCount, keys: flows.keys.slice(), values: flows.values.slice() };
}

function pageOf(map) {
  switch (map.id) {
    case 11:
      return counterPage();
    case 12: {
      const values = new Uint8Array(24);
      const view = new DataView(values.buffer);
      view.setBigUint64(0, counter('a', 5000), true);
      view.setBigUint64(8, counter('b', 2), true);
      view.setBigUint64(16, 18446744073709551615n, true);
      return { count: 3, keys: Uint8Array.from([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]), values };
    }
    case 13:
      return flowPage();
    case 14:
      return {
        count: 2,
        keys: Uint8Array.from([0, 0x16, 0x3e, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        values: Uint8Array.from(
          { length: 24 },
          (_, index) => (index * 37 + (index === 4 ? performance.now() : 0)) & 0xff,
        ),
      };
    default:
      return { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
  }
}

let selected;
let reads = 0;
/** What the helper keeps: the rows in order, and what they were at the arrangement before. */
let page;
let order;
let sums;

function stride() {
  return page.count === 0 ? 0 : page.values.length / page.count;
}

/** By the first number of the value, which is enough to see rows move. */
function arrange(map, { filter, sort }) {
  page = pageOf(map);
  const size = stride();
  const view = new DataView(page.values.buffer);
  const wanted =
    filter === undefined
      ? undefined
      : filter
          .match(/(\d+)\.(\d+)\.(\d+)\.(\d+)/)
          ?.slice(1)
          .map(Number);
  const before = sums;
  sums = new Float64Array(page.count);
  for (let row = 0; row < page.count; row++) {
    if (size >= 8) sums[row] = Number(view.getBigUint64(row * size, true));
  }
  let rows = Array.from({ length: page.count }, (_, row) => row);
  if (wanted) rows = rows.filter((row) => wanted.every((byte, at) => page.keys[row * map.keySize + at] === byte));
  if (sort) {
    const by = (row) => (sort.by.startsWith('rate') && before ? sums[row] - before[row] : sums[row]);
    rows.sort((a, b) => (sort.descending ? by(b) - by(a) : by(a) - by(b)));
  }
  order = rows;
}

function rowsMessage(map, rows, from) {
  const size = stride();
  const keys = new Uint8Array(rows.length * map.keySize);
  const values = new Uint8Array(rows.length * size);
  rows.forEach((row, at) => {
    keys.set(page.keys.subarray(row * map.keySize, (row + 1) * map.keySize), at * map.keySize);
    values.set(page.values.subarray(row * size, (row + 1) * size), at * size);
  });
  return { kind: 'rows', from, count: rows.length, keys, values, gone: [], atMs: performance.now() };
}

let edits = 0;

function answer(message, map) {
  switch (message.kind) {
    case 'peek': {
      page = pageOf(map);
      return rowsMessage(
        map,
        Array.from({ length: Math.min(message.count, page.count) }, (_, row) => row),
        0,
      );
    }
    case 'arrange': {
      reads++;
      if (/[=>&|]\s*$/.test(message.filter ?? '')) {
        const offset = message.filter.trimEnd().length;
        return {
          kind: 'refused',
          code: 'filter-invalid',
          message: 'The filter ends where a value is expected.',
          offset,
          length: 1,
        };
      }
      const startedMs = performance.now();
      arrange(map, message);
      const workMs = performance.now() - startedMs;
      return { kind: 'arranged', total: page.count, rows: order.length, atMs: startedMs, workMs };
    }
    case 'rows': {
      page = pageOf(map);
      return rowsMessage(map, order.slice(message.from, message.from + message.count), message.from);
    }
    case 'delete':
    case 'set': {
      if (map.id === 13) {
        const failure = {
          key: message.key,
          message: 'flows (hash) was not updated: it is full: 200000 entries',
          fix: 'Delete an entry, use an LRU map, or raise max_entries.',
        };
        return { kind: 'edited', done: 0, failures: [failure], left: 0 };
      }
      edits++;
      post({ kind: 'history', mapId: map.id, undoable: edits });
      return { kind: 'edited', done: 1, failures: [], left: 0 };
    }
    case 'snapshot':
      return { ...pageOf(map), kind: 'snapshot', truncated: false, takenAtMs: Date.now() };
    case 'follow': {
      let number = 0;
      const next = () => {
        const data = new Uint8Array(Uint32Array.of(number++, 1, number * 98, 0).buffer);
        post({
          kind: 'events',
          mapId: map.id,
          records: [{ cpu: number % 2, data }, { data: data.slice(0, 5) }],
          lost: number > 3 ? 2 : 0,
          left: 0,
          atMs: performance.now(),
        });
        if (number < 40) setTimeout(next, 60);
      };
      setTimeout(next, 50);
      return { kind: 'edited', done: 0, failures: [], left: 0 };
    }
    case 'clear':
    case 'undo':
    case 'import':
      return { kind: 'edited', done: 5, failures: [], left: 0 };
    case 'lookup':
      return { kind: 'values', values: new Uint8Array(0), gone: [0], atMs: performance.now() };
  }
}

void loadTypes();

async function receive(message) {
  await loadTypes();
  switch (message.kind) {
    case 'ready':
      packetHost?.ready();
      if (scene === 'over') {
        const { counter, ...others } = summaries;
        const reason = 'xdp_counter is not attached to veth0 any more. Once it is again, its map is shown here.';
        post({ kind: 'maps', maps: Object.values(others), stay: true, over: { name: counter.name, reason } });
        return;
      }
      if (scene === 'unused') {
        post({ kind: 'maps', maps: [stale(), summaries.scalar], selected: chosenMap().id, stay: true });
        post(schema(chosenMap()));
        return;
      }
      post({ kind: 'maps', maps: scene === 'none' ? [] : Object.values(summaries), selected: chosenMap().id });
      // As the host does: what it proposes is most often what is shown.
      if (scene !== 'none') post(schema(chosenMap()));
      return;
    case 'select':
      selected = Object.values(summaries).find(({ id }) => id === message.mapId);
      post(schema(selected));
      return;
    case 'peek':
    case 'arrange':
    case 'rows':
    case 'lookup':
    case 'snapshot':
    case 'follow':
    case 'set':
    case 'delete':
    case 'clear':
    case 'undo':
    case 'import':
      if (scene === 'died' && reads >= 2) {
        post({
          kind: 'problem',
          message: 'The kernel helper ended: it was killed (SIGKILL).',
          fix: 'What it held is detached.',
          action: { title: 'Restart Helper', command: 'restartHelper' },
        });
        return;
      }
      if (scene === 'gone' && reads >= 2) {
        post({ kind: 'gone', mapId: selected.id, reason: 'Its last program was detached.' });
        return;
      }
      post({ mapId: selected.id, request: message.request, ...answer(message, selected) });
      return;
    default:
      packetHost?.receive(message, { schema, summaries });
  }
}
