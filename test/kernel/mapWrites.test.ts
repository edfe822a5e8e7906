import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo, MapWrite, MapWritten } from '../../extension/protocol/kernel.ts';
import { bpftool, fixture, fixtureText, helper } from '../support/kernelHelper.ts';

let client: HelperClient;
let loaded: LoadedObject;
let flagged: LoadedObject;
beforeAll(async () => {
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
  const flags = `
    #define MAP(name, kind, flags) struct { __uint(type, kind); __uint(max_entries, 4); __uint(map_flags, flags); \\
      __type(key, __u32); __type(value, __u64); } name SEC(".maps");
    MAP(readonly, BPF_MAP_TYPE_HASH, BPF_F_RDONLY)
    MAP(writeonly, BPF_MAP_TYPE_HASH, BPF_F_WRONLY)
    SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
    char _license[] SEC("license") = "GPL";`;
  flagged = await client.call('object/load', { elf: fixtureText('mapWrites', flags), name: 'flags.o' });
});
afterAll(() => client.dispose());

function mapOf(name: string): MapInfo {
  const map = [...loaded.maps, ...flagged.maps].find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const readU32s = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.slice().buffer)];
const bytesOf = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const write = (name: string, request: Omit<MapWrite, 'map'>): Promise<MapWritten> =>
  client.call('map/write', { map: { id: mapOf(name).id }, ...request });
const set = (name: string, keys: Uint8Array, values: Uint8Array, more: Partial<MapWrite> = {}): Promise<MapWritten> => {
  const { keySize } = mapOf(name);
  return write(name, { kind: 'set', count: keySize === 0 ? 1 : keys.length / keySize, keys, values, ...more });
};

test('what was there before and what is there after come with every write: enough to undo it', async () => {
  expect(await set('tiny', u32s(1, 2), u32s(10, 20))).toMatchObject({
    tried: 2,
    had: Uint8Array.of(0, 0),
    has: Uint8Array.of(1, 1),
    now: u32s(10, 20),
    failures: [],
  });
  const changed = await set('tiny', u32s(2), u32s(21));
  expect(changed).toMatchObject({ had: Uint8Array.of(1), previous: u32s(20), now: u32s(21) });
  await set('tiny', u32s(2), changed.previous);
  const deleted = await write('tiny', { kind: 'delete', count: 1, keys: u32s(2) });
  expect(deleted).toMatchObject({ had: Uint8Array.of(1), previous: u32s(20), has: Uint8Array.of(0) });
  await set('tiny', u32s(2), deleted.previous);
  const dump = bpftool('map', 'dump', 'id', String(mapOf('tiny').id)) as {
    formatted: { key: number; value: number };
  }[];
  expect(dump.map(({ formatted }) => formatted).sort((a, b) => a.key - b.key)).toEqual([
    { key: 1, value: 10 },
    { key: 2, value: 20 },
  ]);
});

test('one CPU of an entry is set, the others stay', async () => {
  const cpus = client.hello.possibleCpus.length;
  const all = Array.from({ length: cpus }, (_, cpu) => [cpu + 1, 0]).flat();
  await set('pcpu_array', u32s(3), u32s(...all));
  const changed = await set('pcpu_array', u32s(3), u32s(...all.map(() => 99)), { slots: [cpus - 1] });
  expect(readU32s(changed.now)).toEqual([...all.slice(0, -2), 99, changed.now.at(-4) === 99 ? 99 : 0]);
  await expect(set('pcpu_array', u32s(3), u32s(...all), { slots: [cpus] })).resolves.toMatchObject({
    failures: [{ error: { code: 'usage' } }],
  });
});

test('a trie is asked for the very prefix, not for one that covers it', async () => {
  const prefix = (length: number, ...address: number[]) => bytesOf(u32s(length), Uint8Array.from(address));
  await set('lpm', prefix(8, 10, 0, 0, 0), u32s(8));
  const added = await set('lpm', prefix(24, 10, 1, 2, 0), u32s(24));
  expect(added).toMatchObject({ had: Uint8Array.of(0), has: Uint8Array.of(1), now: u32s(24) });
  const removed = await write('lpm', { kind: 'delete', count: 1, keys: prefix(24, 10, 1, 2, 0) });
  expect(removed).toMatchObject({ previous: u32s(24), has: Uint8Array.of(0) });
  const lookup = (key: Uint8Array) => client.call('map/lookup', { map: { id: mapOf('lpm').id }, key });
  expect(await lookup(prefix(24, 10, 1, 2, 0))).toEqual({});
  expect(await lookup(prefix(8, 10, 0, 0, 0))).toEqual({ value: u32s(8) });
  expect(await lookup(prefix(8, 11, 0, 0, 0))).toEqual({});
});

test('programs, maps and interfaces are written as they are read', async () => {
  const second = loaded.programs.find(({ name }) => name === 'second')?.id ?? 0;
  expect(await set('calls', u32s(0), u32s(second))).toMatchObject({ failures: [], now: u32s(second) });
  const inner = mapOf('inner_one').id;
  expect(await set('outer', u32s(0), u32s(inner))).toMatchObject({ failures: [], now: u32s(inner) });
  expect(await set('devs', u32s(2), u32s(1, 0))).toMatchObject({ failures: [], now: u32s(1, 0) });
  expect(await set('cpus', u32s(0), u32s(64, 0))).toMatchObject({ failures: [], now: u32s(64, 0) });
  const names = await client.call('names/resolve', {
    programs: [second, 0],
    maps: [inner],
    interfaces: [1, 1, 0, 99999],
  });
  expect(names).toEqual({
    programs: [{ id: second, name: 'second' }],
    maps: [{ id: inner, name: 'inner_one', type: 'array' }],
    interfaces: [{ ifindex: 1, name: 'lo' }],
  });
});

test('queue and stack take a value more, and a Bloom filter says what may be in it', async () => {
  expect(await set('stack', new Uint8Array(0), u32s(7))).toMatchObject({ failures: [], now: u32s(7) });
  await client.call('map/update', { map: { id: mapOf('bloom').id }, key: new Uint8Array(0), value: u32s(5), flags: 0 });
  const ask = (value: number) => client.call('map/lookup', { map: { id: mapOf('bloom').id }, key: u32s(value) });
  expect(await ask(5)).toEqual({ value: u32s(5) });
  expect(await ask(6)).toEqual({});
});

test.for<[string, () => Promise<MapWritten>, string, string]>([
  ['full', () => set('tiny', u32s(1, 2, 3), u32s(1, 2, 3)), 'E2BIG', 'it is full: 2 entries'],
  ['frozen', () => set('.rodata', u32s(0), new Uint8Array(mapOf('.rodata').valueSize)), 'EPERM', 'frozen'],
  ['read-only', () => set('readonly', u32s(1), u32s(1, 0)), 'EPERM', 'BPF_F_RDONLY'],
  ['new, but there', () => set('tiny', u32s(1), u32s(1), { expect: 'new' }), 'EEXIST', 'there already'],
  ['not there', () => set('tiny', u32s(8), u32s(1), { expect: 'existing' }), 'ENOENT', 'no such key'],
  ['index', () => set('array', u32s(10_000), new Uint8Array(12)), 'E2BIG', 'max_entries (10000)'],
  ['array delete', () => write('array', { kind: 'delete', count: 1, keys: u32s(0) }), 'EINVAL', 'cannot be deleted'],
  ['prefix length', () => set('lpm', u32s(33, 0), u32s(0)), 'EINVAL', 'prefix length 33 is more than the 32 bits'],
  ['interface', () => set('devs', u32s(0), u32s(999_999, 0)), 'EINVAL', 'there is no interface'],
  ['inner map', () => set('outer', u32s(0), u32s(mapOf('tiny').id)), 'EINVAL', 'inner map'],
])('%s: the reason is said', async ([, attempt, errnoName, why]) => {
  const { failures } = await attempt();
  expect(failures).toHaveLength(1);
  expect(failures[0]?.error).toMatchObject({ code: 'map-write-failed', details: { errnoName } });
  expect(failures[0]?.error.message).toContain(why);
});

test('a write-only map is written without a look, and a program that does not exist is named', async () => {
  expect(await set('writeonly', u32s(1), u32s(1, 0))).toMatchObject({ failures: [], has: Uint8Array.of(0) });
  await expect(client.call('map/read', { map: { id: mapOf('writeonly').id }, limit: 1 })).rejects.toMatchObject({
    code: 'map-unreadable',
    message: expect.stringContaining('BPF_F_WRONLY'),
  });
  // A number would be one of the helper's own descriptors.
  const sockets = await set('xsks', u32s(0), u32s(1));
  expect(sockets.failures[0]?.error.message).toContain('an AF_XDP socket of the process that writes');
  const { failures } = await set('calls', u32s(0), u32s(4_000_000_000));
  expect(failures[0]?.error.message).toMatch(/program 4000000000/);
});

test('many writes: after a hundred failures the rest is left', async () => {
  const keys = u32s(...Array.from({ length: 1000 }, (_, key) => 100 + key));
  const { tried, failures } = await set('tiny', keys, keys);
  expect([tried, failures.length]).toEqual([100, 100]);
});

test('a map that was lent is read by the other helper without CAP_SYS_ADMIN, until it is released', async () => {
  const owner = await helper();
  const system = await helper({ profile: 'system' });
  try {
    const theirs = await owner.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
    const id = theirs.maps.find(({ name }) => name === 'tiny')?.id ?? 0;
    await expect(client.call('map/info', { map: { id } })).rejects.toMatchObject({ code: 'privilege' });
    const { pin } = await system.call('map/lend', { id });
    expect(await client.call('map/take', { pin })).toMatchObject({ id, name: 'tiny', type: 'hash' });
    await expect(client.call('map/take', { pin })).rejects.toMatchObject({ code: 'kernel' });
    expect(await client.call('map/read', { map: { id }, limit: 1 })).toMatchObject({ count: 0 });
    expect((await client.call('map/list', {})).maps.map((map) => map.id)).toContain(id);
    await client.call('map/release', { id });
    await expect(client.call('map/info', { map: { id } })).rejects.toMatchObject({ code: 'privilege' });
    await expect(client.call('map/take', { pin: '/sys/fs/bpf/anything' })).rejects.toMatchObject({ code: 'kernel' });
  } finally {
    await system.dispose();
    await owner.dispose();
  }
});
