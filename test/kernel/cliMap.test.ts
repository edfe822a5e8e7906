import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo } from '../../extension/protocol/kernel.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { bpftool, eventually, fixture, helper } from '../support/kernelHelper.ts';

/** `xdp map` on maps of another process, as bpftool sees them. */
let cli: CliBundle;
let client: HelperClient;
let loaded: LoadedObject;
let events: LoadedObject;
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-cli-map-'));
beforeAll(async () => {
  cli = await bundleCli('cli-map');
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
  events = await client.call('object/load', { elf: fixture('kernelEvents'), name: 'kernelEvents.o' });
});
afterAll(async () => {
  await client?.dispose();
  cli?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function mapOf(name: string): MapInfo {
  const map = [...events.maps, ...loaded.maps].find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

interface Entry {
  key: unknown;
  value?: unknown;
  values?: unknown[];
  sum?: unknown;
  refersTo?: unknown[];
}

/** `xdp map ACTION ID …`; the map by its name in the fixture. */
function xdp(
  action: string,
  name: string,
  ...args: string[]
): { status: number | null; json: Record<string, unknown> } {
  return cli.run(['map', ...(action === 'read' ? [] : [action]), String(mapOf(name).id), ...args]);
}

const read = (name: string, ...args: string[]): Entry[] => xdp('read', name, ...args).json['entries'] as Entry[];

/** What bpftool makes of it through BTF, with all numbers as text: it has no other form for 64 bits. */
function dump(name: string): Entry[] {
  const entries = bpftool('map', 'dump', 'id', String(mapOf(name).id)) as {
    formatted?: { key: unknown; value?: unknown; values?: { cpu: number; value: unknown }[] };
  }[];
  return entries.flatMap(({ formatted }) =>
    formatted === undefined
      ? []
      : [
          {
            key: formatted.key,
            ...(formatted.values === undefined
              ? { value: formatted.value }
              : { values: formatted.values.map(({ value }) => value) }),
          },
        ],
  );
}

/** Numbers as text, and without what bpftool does not say. */
const plain = (entries: readonly Entry[]): string[] =>
  entries
    .map(({ key, value, values }) =>
      JSON.stringify({ key, value, values }, (_, each: unknown) => (typeof each === 'number' ? String(each) : each)),
    )
    .sort();

test.for<[name: string, key: string, value: string]>([
  ['hash', '7', '{"bytes":"hex:000102030405060708090a0b"}'],
  ['lru', '7', '"9007199254740991"'],
  ['pcpu_hash', '7', '5'],
  ['lru_pcpu', '7', '{"bytes":[1,2,3,4,5,6,7,8,9,10,11,12]}'],
  ['array', '7', '{"bytes":[1,2,3,4,5,6,7,8,9,10,11,12]}'],
  ['pcpu_array', '7', '5'],
  ['lpm', '10.0.0.0/8', '9'],
  ['tiny', '1', '4294967295'],
])('%s: what is set is what bpftool dumps, and is taken back as it was', async ([name, key, value]) => {
  const set = xdp('set', name, key, value);
  expect(set.status).toBe(0);
  const isArray = mapOf(name).type.endsWith('array');
  expect(set.json['previous']).toEqual(isArray ? expect.objectContaining({ key: 7 }) : null);
  if (name !== 'lpm') expect(plain(read(name))).toEqual(plain(dump(name)));
  else expect(read(name)).toEqual([{ key: { prefixlen: 8, address: '10.0.0.0' }, value: 9 }]);
  const removed = xdp('delete', name, key);
  expect(removed.status).toBe(isArray ? 2 : 0);
});

test('what is not there is not deleted, and an array is cleared to zeros', () => {
  expect(xdp('delete', 'hash', '7')).toMatchObject({ status: 1, json: { deleted: false } });
  expect(xdp('clear', 'array')).toMatchObject({ status: 0, json: { cleared: 10_000, failed: 0 } });
  expect(xdp('clear', 'hash')).toMatchObject({ status: 0, json: { cleared: 0, failed: 0 } });
});

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** Entries that a test starts with; bytes as the kernel takes them. */
async function fill(name: string, keys: Uint8Array, values: Uint8Array): Promise<void> {
  const { id, keySize } = mapOf(name);
  const count = keys.length / keySize;
  const { failures } = await client.call('map/write', { map: { id }, kind: 'set', count, keys, values });
  expect(failures).toEqual([]);
}

test('every map is listed, with as many entries as bpftool finds, and as text by program', () => {
  const { status, json } = cli.run(['maps']);
  expect(status).toBe(0);
  const listed = new Map((json['maps'] as { id: number; entries?: number }[]).map((map) => [map.id, map]));
  const listable = loaded.maps.filter(({ type }) => /^(lru_)?(percpu_)?(hash|array)$|^lpm_trie$/.test(type));
  expect(listable.length).toBeGreaterThan(4);
  for (const { id, name } of listable) {
    const { length } = bpftool('map', 'dump', 'id', String(id)) as unknown[];
    expect({ name, entries: listed.get(id)?.entries }).toEqual({ name, entries: length });
  }
  for (const { id } of events.maps.filter(({ type }) => type === 'ringbuf')) {
    expect(listed.get(id)).not.toHaveProperty('entries');
  }
  const programs = bpftool('prog', 'show') as { id: number; name: string; map_ids?: number[] }[];
  const own = events.programs[0]?.id ?? 0;
  const lines = cli.text(['maps']).split('\n');
  const from = lines.findIndex((line) => line.includes(`(xdp, id ${own})`));
  const below = lines.slice(from + 1);
  const group = below.slice(
    0,
    below.findIndex((line) => /^\S/.test(line)),
  );
  const ids = group.map((line) => Number(/\d+/.exec(line)?.[0])).sort((a, b) => a - b);
  expect(ids).toEqual((programs.find(({ id }) => id === own)?.map_ids ?? []).toSorted((a, b) => a - b));
});

test('programs, interfaces and inner maps are named', () => {
  const second = loaded.programs.find((program) => program.name === 'second')?.id;
  expect(read('calls')).toEqual([
    { key: 2, value: second, refersTo: [{ kind: 'program', id: second, name: 'second' }] },
  ]);
  const inner = { kind: 'map', id: mapOf('inner_one').id, name: 'inner_one' };
  expect(read('outer')).toEqual([{ key: 1, value: inner.id, refersTo: [inner] }]);
  expect(read('outer_hash')).toMatchObject([{ key: '07000000', refersTo: [inner] }]);
  expect(xdp('set', 'devs', '0', '{"ifindex":1}').status).toBe(0);
  expect(read('devs')).toEqual([
    { key: 0, value: { ifindex: 1, bpf_prog: { fd: 0, id: 0 } }, refersTo: [{ kind: 'interface', id: 1, name: 'lo' }] },
  ]);
  expect(xdp('set', 'cpus', '1', '{"qsize":64}').status).toBe(0);
  expect(read('cpus')).toMatchObject([{ key: 1, value: { qsize: 64 } }]);
});

test.for([
  ['xsks', 'AF_XDP sockets'],
  ['ring', 'ring buffer'],
  ['perf', 'perf'],
  ['bloom', 'Bloom filter'],
] as const)('%s cannot be read, and why is said', ([name, why]) => {
  expect(xdp('read', name)).toMatchObject({
    status: 2,
    json: { error: { code: 'map-unreadable', message: expect.stringContaining(why) } },
  });
});

test('global data are variables, and a queue shows its head', () => {
  const text = cli.text(['map', String(mapOf('.rodata').id)]);
  expect(text).toMatch(/frozen/);
  expect(text).toMatch(/VARIABLE +VALUE\nlimit +3/);
  expect(read('.rodata')).toEqual([{ key: '00000000', value: { limit: 3 } }]);
  // The kernel takes no types for queues.
  for (const value of ['hex:01000000', 'hex:02000000']) expect(xdp('set', 'queue', 'hex:', value).status).toBe(0);
  expect(read('queue')).toMatchObject([{ value: '01000000' }]);
  expect(cli.text(['map', String(mapOf('queue').id)])).toMatch(/its head/);
});

test('a map that was declared with no entries says how many it has', () => {
  const pin = `/sys/fs/bpf/xdp_storage_${process.pid}`;
  bpftool('map', 'create', pin, 'type', 'cgroup_storage', 'key', '16', 'value', '8', 'entries', '0', 'name', 'storage');
  try {
    expect(cli.text(['map', pin])).toMatch(/^storage \(cgroup_storage, .*\): 0 entries\n$/);
  } finally {
    rmSync(pin);
  }
});

test('one entry is looked up, by the very prefix in a trie, and a Bloom filter is asked', async () => {
  xdp('set', 'lpm', '10.0.0.0/8', '9');
  const [route] = read('lpm');
  expect(xdp('get', 'lpm', '10.0.0.0/8')).toMatchObject({ status: 0, json: { entries: [route] } });
  expect(xdp('get', 'lpm', '10.0.0.0/16')).toMatchObject({ status: 1, json: { entries: [] } });
  xdp('set', 'pcpu_hash', '1', '10');
  expect(xdp('get', 'pcpu_hash', '1').json['entries']).toEqual(read('pcpu_hash'));
  expect(xdp('get', 'devs', '3')).toMatchObject({ status: 1, json: { entries: [] } });
  expect(xdp('get', 'bloom', 'hex:07000000')).toMatchObject({ status: 1, json: { mayContain: false } });
  expect(xdp('set', 'bloom', 'hex:', 'hex:07000000').status).toBe(0);
  expect(xdp('get', 'bloom', 'hex:07000000')).toMatchObject({ status: 0, json: { mayContain: true } });
  expect(xdp('get', 'xsks', 'hex:00000000')).toMatchObject({ status: 2, json: { error: { code: 'map-unreadable' } } });
  expect(xdp('get', 'hash', 'many')).toMatchObject({ status: 2, json: { error: { code: 'value-invalid' } } });
  xdp('clear', 'lpm');
  xdp('clear', 'pcpu_hash');
});

test('--watch prints a document for each reading, with what is counted meanwhile, until the map is freed', async () => {
  const pin = `/sys/fs/bpf/xdp_watch_${process.pid}`;
  bpftool('map', 'create', pin, 'type', 'hash', 'key', '4', 'value', '4', 'entries', '4', 'name', 'watched');
  const id = String((bpftool('map', 'show', 'pinned', pin) as { id: number }).id);
  const child = spawn(process.execPath, [cli.file, 'map', id, '--watch', '20', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let notes = '';
  child.stderr.on('data', (chunk: Buffer) => {
    notes += chunk.toString();
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const counts = (): number[] => {
    const lines = text.split('\n').slice(0, -1);
    return lines.flatMap((line) => (JSON.parse(line) as { entries?: unknown[] }).entries?.length ?? []);
  };
  try {
    await eventually('two readings', () => counts().length >= 2);
    bpftool('map', 'update', 'pinned', pin, 'key', '1', '0', '0', '0', 'value', '5', '0', '0', '0');
    await eventually('the new entry', () => counts().includes(1));
    await eventually('a note', () => notes.includes(`No program uses watched (map ${id})`));
  } finally {
    rmSync(pin);
  }
  expect(await exit).toBe(2);
  expect(new Set(counts())).toEqual(new Set([0, 1]));
  const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as unknown;
  expect(last).toMatchObject({ ok: false, error: { code: 'map-not-found', message: expect.stringContaining(id) } });
  expect(notes.split('No program uses')).toHaveLength(2);
});

test('one CPU, only new, only existing, and why not', () => {
  xdp('set', 'pcpu_hash', '1', '10');
  const last = String(client.hello.possibleCpus.at(-1));
  const [entry] = xdp('set', 'pcpu_hash', '1', '20', '--cpu', last).json['entries'] as Entry[];
  expect(entry?.values).toEqual(client.hello.possibleCpus.map((cpu) => (String(cpu) === last ? 20 : 10)));
  const error = (message: string) => ({ status: 2, json: { error: { message: expect.stringContaining(message) } } });
  expect(xdp('set', 'pcpu_hash', '1', '1', '--new')).toMatchObject(error('there already'));
  expect(xdp('set', 'pcpu_hash', '2', '1', '--existing')).toMatchObject(error('no such key'));
  expect(xdp('set', 'pcpu_hash', '1', '1', '--cpu', '70000')).toMatchObject({ status: 2 });
  expect(xdp('set', 'tiny', '1', '1', '--cpu', '0')).toMatchObject(error('one value for all CPUs'));
  expect(xdp('set', '.rodata', 'hex:00000000', '{"limit":4}')).toMatchObject(error('frozen'));
  xdp('clear', 'pcpu_hash');
});

describe('filter, sort, limit', () => {
  beforeAll(async () => {
    const slots = 2 * client.hello.possibleCpus.length;
    const values = [50, 10, 40].flatMap((value) => Array.from({ length: slots }, (_, at) => (at === 0 ? value : 0)));
    await fill('pcpu_hash', u32s(1, 2, 3), u32s(...values));
  });
  test.for<[string[], number[]]>([
    [
      ['--sort', 'value'],
      [2, 3, 1],
    ],
    [
      ['--sort', 'max(value)', '--descending'],
      [1, 3, 2],
    ],
    [
      ['--filter', 'value > 10', '--sort', 'key'],
      [1, 3],
    ],
    [
      ['--filter', 'key == 2 || cpu0 == 40', '--sort', 'key', '--descending'],
      [3, 2],
    ],
    [['--sort', 'value', '--limit', '1'], [2]],
  ])('%s', ([args, keys]) => expect(read('pcpu_hash', ...args).map(({ key }) => key)).toEqual(keys));

  test('a filter that means nothing says where', () => {
    expect(xdp('read', 'pcpu_hash', '--filter', 'vale > 1')).toMatchObject({
      status: 2,
      json: { error: { code: 'filter-invalid', details: { offset: 0, length: 4 }, fix: 'Did you mean value?' } },
    });
  });
});

test.for(['json', 'csv'])('an export as %s is imported as it was', async (format) => {
  const file = path.join(folder, `routes.${format}`);
  await fill('lpm', u32s(8, 10, 16, 266, 0, 0), u32s(1, 2, 3));
  const before = plain(read('lpm'));
  expect(before).toHaveLength(3);
  expect(xdp('export', 'lpm', '--format', format, '-o', file)).toMatchObject({ status: 0, json: { file, format } });
  expect(xdp('import', 'lpm', file, '--clear')).toMatchObject({ status: 0, json: { written: 3, failures: [] } });
  expect(plain(read('lpm'))).toEqual(before);
  expect(xdp('import', 'tiny', file)).toMatchObject({ status: 2, json: { error: { code: 'value-invalid' } } });
});

test('an import that does not fit writes what it can and exits 1', () => {
  const file = path.join(folder, 'many.json');
  writeFileSync(file, JSON.stringify([1, 2, 3].map((key) => ({ key, value: key }))));
  expect(xdp('import', 'tiny', file, '--clear')).toMatchObject({
    status: 1,
    json: { written: 2, failures: [{ message: expect.stringContaining('full: 2 entries') }] },
  });
  // A file that does not fit takes nothing away.
  writeFileSync(file, JSON.stringify([{ key: 1, value: 'many' }]));
  expect(xdp('import', 'tiny', file, '--clear')).toMatchObject({
    status: 2,
    json: { error: { code: 'value-invalid' } },
  });
  expect(read('tiny')).toHaveLength(2);
  xdp('clear', 'tiny');
});

test('a snapshot is compared with the map later, and becomes the expectation of a packet test', () => {
  const file = path.join(folder, 'before.json');
  xdp('set', 'tiny', '1', '10');
  expect(xdp('snapshot', 'tiny', '-o', file)).toMatchObject({ status: 0, json: { entries: 1 } });
  const compare = (...args: string[]) => cli.run(['map', 'compare', file, String(mapOf('tiny').id), ...args]);
  expect(compare()).toMatchObject({ status: 0, json: { same: 1, changed: [] } });
  xdp('set', 'tiny', '1', '15');
  xdp('set', 'tiny', '2', '7');
  expect(compare()).toMatchObject({
    status: 1,
    json: {
      added: [{ key: 2, value: 7 }],
      removed: [],
      changed: [{ key: 1, before: 10, after: 15, fields: [{ path: '', delta: '5' }] }],
    },
  });
  expect(compare('--test').json).toEqual({
    maps: {
      tiny: [
        { key: 2, value: 7 },
        { key: 1, value: 15 },
      ],
    },
  });
  xdp('clear', 'tiny');
  expect(compare('--test').json).toEqual({ maps: { tiny: [{ key: 1, absent: true }] } });
  writeFileSync(file, '{"name": 1}');
  expect(compare()).toMatchObject({ status: 2, json: { error: { code: 'value-invalid' } } });
});

test('a metrics file is kept up to date and never half written', async () => {
  const file = path.join(folder, 'tiny.prom');
  const id = String(mapOf('tiny').id);
  const args = [cli.file, 'map', 'export', id, '--format', 'openmetrics', '-o', file, '--watch', '50'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  try {
    const content = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    await eventually('the file', () => content().endsWith('# EOF\n'));
    const key = new Uint8Array(Uint32Array.of(1).buffer);
    await client.call('map/update', { map: { id: Number(id) }, key, value: key, flags: 0 });
    await eventually('the new entry', () => content().includes('xdp_map_tiny{map="tiny",key="1"} 1\n'));
    expect(content().endsWith('# EOF\n')).toBe(true);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
});

test.for([
  ['prometheus', false],
  ['csv', true],
] as const)('a map that is freed takes its metrics along: a file of %s stays: %s', async ([format, stays]) => {
  const pin = `/sys/fs/bpf/xdp_metrics_${process.pid}`;
  const file = path.join(folder, `freed.${format}`);
  bpftool('map', 'create', pin, 'type', 'hash', 'key', '4', 'value', '4', 'entries', '4', 'name', 'freed');
  const id = String((bpftool('map', 'show', 'pinned', pin) as { id: number }).id);
  const args = [cli.file, 'map', 'export', id, '--format', format, '-o', file, '--watch', '20'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  try {
    await eventually('the file', () => existsSync(file));
  } finally {
    rmSync(pin);
  }
  expect([await exit, existsSync(file)]).toEqual([2, stays]);
});

test('metrics in the format and with the labels that are asked for', () => {
  const id = String(mapOf('tiny').id);
  const text = cli.text(['map', 'export', id, '--format', 'prometheus', '--label', 'iface=eth0']);
  expect(text).toContain('xdp_bpf_map_max_entries{map="tiny",iface="eth0"} 2\n');
  expect(text).not.toContain('# EOF');
  const refused = { status: 2, json: { error: { code: 'usage' } } };
  expect(xdp('export', 'tiny', '-o', path.join(folder, 'x'), '--label', 'iface=eth0')).toMatchObject(refused);
  expect(xdp('export', 'tiny', '--format', 'prometheus', '--label', 'cpu=1')).toMatchObject(refused);
});

test('events of another process come only by force, decoded as the struct that is named', async () => {
  expect(xdp('events', 'ring')).toMatchObject({ status: 2, json: { error: { code: 'map-foreign' } } });
  expect(xdp('events', 'ring', '--force', '--type', 'nothing')).toMatchObject({
    status: 2,
    json: { error: { code: 'value-invalid', fix: expect.stringContaining('struct event') } },
  });
  const args = [cli.file, 'map', 'events', String(mapOf('ring').id), '--force', '--type', 'event', '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  try {
    const run = {
      object: events.object,
      program: 'send_events',
      data: new Uint8Array(64),
      repeat: 1,
      capturePrintk: false,
    };
    for (let attempt = 0; attempt < 200 && !text.includes('\n'); attempt++) {
      await client.call('program/testRun', run);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(JSON.parse(text.split('\n')[0] ?? '')).toMatchObject({ value: { length: 64 } });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exit).toBe(0);
});
