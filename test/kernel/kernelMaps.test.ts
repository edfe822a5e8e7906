import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo, MapPage } from '../../extension/protocol/kernel.ts';
import { bpftool, fixture, helper, openFilesAtRest } from '../support/kernelHelper.ts';

let client: HelperClient;
let loaded: LoadedObject;
beforeAll(async () => {
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
});
afterAll(() => client.dispose());

function mapOf(name: string): MapInfo {
  const map = loaded.maps.find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

async function readAll(id: number, limit: number): Promise<MapPage[]> {
  const pages: MapPage[] = [];
  for (let cursor: Uint8Array | undefined; ; ) {
    const page = await client.call('map/read', { map: { id }, limit, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(page);
    cursor = page.cursor;
    if (cursor === undefined) return pages;
  }
}

/** key hex → value hex */
function entriesOf(pages: readonly MapPage[], keySize: number): Map<string, string> {
  const entries = new Map<string, string>();
  for (const page of pages) {
    const valueSize = page.count === 0 ? 0 : page.values.length / page.count;
    for (let index = 0; index < page.count; index++) {
      const key = Buffer.from(page.keys.subarray(index * keySize, (index + 1) * keySize)).toString('hex');
      entries.set(key, Buffer.from(page.values.subarray(index * valueSize, (index + 1) * valueSize)).toString('hex'));
    }
  }
  return entries;
}

interface DumpEntry {
  key: string[];
  /** An error where nothing is in a place. */
  value?: string[] | { error: string };
  values?: { cpu: number; value: string[] }[];
}
const hex = (bytes: readonly string[]) => bytes.map((byte) => byte.slice(2)).join('');

/** bpftool's dump in our shape: per-CPU values one after the other, each rounded up to 8 bytes. */
function dumpOf(map: MapInfo): Map<string, string> {
  const dump = bpftool('map', 'dump', 'id', String(map.id)) as DumpEntry[];
  const slot = 2 * ((map.valueSize + 7) & ~7);
  return new Map(
    dump.flatMap(({ key, value, values }): [string, string][] => {
      if (Array.isArray(value)) return [[hex(key), hex(value)]];
      return values === undefined ? [] : [[hex(key), values.map((one) => hex(one.value).padEnd(slot, '0')).join('')]];
    }),
  );
}

const cpus = () => client.hello.possibleCpus.length;

/** Bytes of one entry that no two entries share. */
function entry(map: MapInfo, index: number): { key: Uint8Array; value: Uint8Array } {
  const key = Buffer.alloc(map.keySize);
  if (map.type === 'lpm_trie') {
    key.writeUInt32LE(32, 0);
    key.writeUInt32BE(index, 4);
  } else key.writeUInt32LE(index, 0);
  const perCpu = map.type.includes('percpu');
  const slot = (map.valueSize + 7) & ~7;
  const value = Buffer.alloc(perCpu ? slot * cpus() : map.valueSize);
  for (let cpu = 0; cpu < (perCpu ? cpus() : 1); cpu++) value.writeUInt32LE(index * 8 + cpu + 1, cpu * slot);
  return { key, value };
}

/** Fills through the helper, many requests at a time. */
async function fill(map: MapInfo, count: number): Promise<Map<string, string>> {
  const wanted = new Map<string, string>();
  for (let from = 0; from < count; from += 500) {
    const batch = Array.from({ length: Math.min(500, count - from) }, (_, index) => entry(map, from + index));
    await Promise.all(batch.map((one) => client.call('map/update', { map: { id: map.id }, ...one, flags: 0 })));
    for (const { key, value } of batch)
      wanted.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'));
  }
  return wanted;
}

test.for(['hash', 'lru', 'pcpu_hash', 'lru_pcpu', 'array', 'pcpu_array', 'lpm'])(
  '%s: pages of any size give what was written, and what bpftool dumps',
  async (name) => {
    const map = mapOf(name);
    // An LRU map evicts before it is full (it keeps free lists per CPU): what it holds is compared, not what was written.
    const lru = map.type.startsWith('lru');
    const wanted = await fill(map, lru ? 5000 : 10_000);
    const paged = await readAll(map.id, 997);
    expect(paged.length).toBeGreaterThan(1);
    const whole = entriesOf(paged, map.keySize);
    if (!lru) expect(whole).toEqual(wanted);
    expect(whole.size).toBe(wanted.size);
    expect(entriesOf(await readAll(map.id, 10_000), map.keySize)).toEqual(whole);
    if (name === 'pcpu_hash' || name === 'hash') expect(dumpOf(map)).toEqual(whole);
  },
);

test('a page smaller than a hash bucket still comes', async () => {
  const whole = entriesOf(await readAll(mapOf('hash').id, 10_000), 4);
  expect(entriesOf(await readAll(mapOf('hash').id, 1), 4)).toEqual(whole);
});

test('lookup, update and delete say what is wrong', async () => {
  const map = { id: mapOf('tiny').id };
  const key = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  await client.call('map/update', { map, key: key(1), value: key(10), flags: 1 });
  await client.call('map/update', { map, key: key(2), value: key(20), flags: 0 });
  expect(await client.call('map/lookup', { map, key: key(1) })).toEqual({ value: new Uint8Array(key(10)) });
  expect(await client.call('map/lookup', { map, key: key(9) })).toEqual({});
  const update = (params: { key: Uint8Array; value: Uint8Array; flags: number; map?: { id: number } }) =>
    client.call('map/update', { map, ...params });

  await expect(update({ key: key(3), value: key(1), flags: 0 })).rejects.toMatchObject({
    code: 'map-write-failed',
    message: expect.stringContaining('full: 2 entries'),
    details: { errnoName: 'E2BIG' },
  });
  await expect(update({ key: key(1), value: key(1), flags: 1 })).rejects.toMatchObject({
    message: expect.stringContaining('there already'),
  });
  await expect(update({ key: key(9), value: key(1), flags: 2 })).rejects.toMatchObject({
    message: expect.stringContaining('no such key'),
  });
  await expect(update({ key: key(1), value: new Uint8Array(3), flags: 0 })).rejects.toMatchObject({
    code: 'value-invalid',
    message: expect.stringContaining('4 bytes, not 3'),
  });
  await expect(update({ key: new Uint8Array(5), value: key(1), flags: 0 })).rejects.toMatchObject({
    code: 'value-invalid',
  });
  await expect(
    update({
      map: { id: mapOf('.rodata').id },
      key: key(0),
      value: new Uint8Array(mapOf('.rodata').valueSize),
      flags: 0,
    }),
  ).rejects.toMatchObject({ code: 'map-write-failed', message: expect.stringContaining('frozen') });
  await expect(
    update({ map: { id: mapOf('array').id }, key: key(10_000), value: new Uint8Array(12), flags: 0 }),
  ).rejects.toMatchObject({ message: expect.stringContaining('max_entries (10000)') });
  await expect(
    update({ map: { id: mapOf('pcpu_array').id }, key: key(0), value: new Uint8Array(4), flags: 0 }),
  ).rejects.toMatchObject({ code: 'value-invalid', fix: expect.stringContaining('possible CPU') });
  await expect(client.call('map/delete', { map: { id: mapOf('array').id }, key: key(0) })).rejects.toMatchObject({
    message: expect.stringContaining('cannot be deleted'),
  });
  await client.call('map/delete', { map, key: key(1) });
  await expect(client.call('map/delete', { map, key: key(1) })).rejects.toMatchObject({
    message: expect.stringContaining('no such key'),
  });
});

test('queue and stack show their head', async () => {
  for (const [name, head] of [
    ['queue', 1],
    ['stack', 3],
  ] as const) {
    const map = { id: mapOf(name).id };
    expect(await client.call('map/read', { map, limit: 10 })).toMatchObject({ count: 0 });
    for (const value of [1, 2, 3]) {
      const bytes = Buffer.from(Uint32Array.of(value).buffer);
      await client.call('map/update', { map, key: new Uint8Array(0), value: bytes, flags: 0 });
    }
    const page = await client.call('map/read', { map, limit: 10 });
    expect(page).toMatchObject({ count: 1, values: new Uint8Array(Uint32Array.of(head).buffer) });
    expect(page.cursor).toBeUndefined();
  }
});

test.for(['xsks', 'ring', 'events', 'bloom'])('%s is unreadable, with the reason', async (name) => {
  await expect(client.call('map/read', { map: { id: mapOf(name).id }, limit: 10 })).rejects.toMatchObject({
    code: 'map-unreadable',
    message: expect.stringMatching(/cannot be read: .{20}/),
  });
});

test('maps of programs, maps and devices give ids', async () => {
  const page = async (name: string) => entriesOf(await readAll(mapOf(name).id, 100), 4);
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer).toString('hex');
  const second = loaded.programs.find((program) => program.name === 'second');
  expect(await page('calls')).toEqual(new Map([[u32(2), u32(second?.id ?? 0)]]));
  const inner = u32(mapOf('inner_one').id);
  expect((await page('outer')).get(u32(1))).toBe(inner);
  expect(await page('outer_hash')).toEqual(new Map([[u32(7), inner]]));
  const map = { id: mapOf('devs_hash').id };
  await client.call('map/update', {
    map,
    key: Buffer.from(u32(5), 'hex'),
    value: Buffer.from(u32(1) + u32(0), 'hex'),
    flags: 0,
  });
  expect(await page('devs_hash')).toEqual(new Map([[u32(5), u32(1) + u32(0)]]));
});

test.for(['calls', 'outer', 'outer_hash', 'devs', 'devs_hash', 'cpus'])(
  '%s: ids as bpftool dumps them',
  async (name) => {
    const map = mapOf(name);
    const values = { devs: [1, 0], devs_hash: [1, 0], cpus: [64, 0] }[name];
    const entry = { key: new Uint8Array(4), value: new Uint8Array(Uint32Array.from(values ?? []).buffer), flags: 0 };
    if (values !== undefined) await client.call('map/update', { map: { id: map.id }, ...entry });
    const entries = entriesOf(await readAll(map.id, 100), map.keySize);
    expect(entries.size).toBeGreaterThan(0);
    expect(entries).toEqual(dumpOf(map));
  },
);

test('a map that does not exist, and one that is not ours', async () => {
  await expect(client.call('map/info', { map: { pin: '/sys/fs/bpf/nothing-here' } })).rejects.toMatchObject({
    code: 'map-not-found',
  });
  await expect(client.call('map/info', { map: { id: 4_000_000_000 } })).rejects.toMatchObject({
    code: 'privilege',
    details: { capability: 'CAP_SYS_ADMIN' },
    fix: expect.stringContaining('system profile'),
  });
  const system = await helper({ profile: 'system' });
  try {
    expect(await system.call('map/info', { map: { id: mapOf('hash').id } })).toEqual(mapOf('hash'));
    await expectListed('map', async () => (await system.call('map/list', {})).maps);
    await expectListed('prog', async () => (await system.call('program/list', {})).programs);
    await expect(system.call('map/info', { map: { id: 4_000_000_000 } })).rejects.toMatchObject({
      code: 'map-not-found',
    });
    const before = await openFilesAtRest(system.hello.pid);
    for (let round = 0; round < 50; round++) {
      await system.call('map/read', { map: { id: mapOf('array').id }, limit: 100 });
      await system.call('map/list', {});
    }
    expect(await openFilesAtRest(system.hello.pid)).toEqual(before);
  } finally {
    await system.dispose();
  }
});

/** Others load and unload meanwhile: what bpftool has before and after is listed, each once. */
async function expectListed(kind: 'map' | 'prog', list: () => Promise<readonly { id: number }[]>): Promise<void> {
  const seen = () => (bpftool(kind, 'list') as { id: number }[]).map(({ id }) => id);
  const before = seen();
  const ours = (await list()).map(({ id }) => id);
  const after = seen();
  expect(ours).toEqual(expect.arrayContaining(before.filter((id) => after.includes(id))));
  expect(ours).toEqual([...new Set(ours)].sort((a, b) => a - b));
}

test('raw BTF of an own object needs no CAP_SYS_ADMIN', async () => {
  const { btf } = await client.call('btf/get', { id: mapOf('hash').btfId });
  expect(Buffer.from(btf.subarray(0, 4)).toString('hex')).toBe('9feb0100');
  const system = await helper({ profile: 'system' });
  try {
    expect(await system.call('btf/get', { id: mapOf('hash').btfId })).toEqual({ btf });
  } finally {
    await system.dispose();
  }
});
