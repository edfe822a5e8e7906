import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyText } from '../../extension/core/maps/entries.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo, MapPage } from '../../extension/protocol/kernel.ts';
import { eventually, fixture, fixtureText, helper, vethLab } from '../support/kernelHelper.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

function mapOf({ maps }: LoadedObject, name: string): MapInfo {
  const map = maps.find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

async function tableOf(of: HelperClient, map: MapInfo): Promise<number> {
  const { table } = await of.call('table/open', { map: { id: map.id }, keyTypeId: 0, valueTypeId: 0 });
  return table;
}

describe('a program inserts and deletes as fast as it can while its maps are read', () => {
  let owner: HelperClient;
  let system: HelperClient;
  let loaded: LoadedObject;
  let churning = true;
  let runs: Promise<void>;
  beforeAll(async () => {
    owner = await helper();
    system = await helper({ profile: 'system' });
    loaded = await owner.call('object/load', { elf: fixture('kernelChurn'), name: 'churn.o' });
    const run = { object: loaded.object, program: 'churn', data: new Uint8Array(64), capturePrintk: false };
    await owner.call('program/testRun', { ...run, repeat: 4096 });
    runs = (async () => {
      while (churning) await owner.call('program/testRun', { ...run, repeat: 50_000 });
    })();
  });
  afterAll(async () => {
    churning = false;
    await runs;
    await system.dispose();
    await owner.dispose();
  });

  /** Keys whose value is another one's. Of a per-CPU entry the CPU that inserted it has the value, the others are zero. */
  const strangers = (map: MapInfo, { count, keys, values }: MapPage): number[] => {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    const slots = count === 0 ? 0 : values.length / count / 8;
    return Array.from({ length: count }, (_, index) => {
      let sum = 0n;
      for (let slot = 0; slot < slots; slot++) sum += view.getBigUint64((index * slots + slot) * 8, true);
      const key = keyView.getUint32(index * map.keySize, true);
      return sum === 3n * BigInt(key) + 1n ? [] : [key];
    }).flat();
  };

  test.for(['churn_hash', 'churn_alloc', 'churn_pcpu', 'churn_lru', 'churn_lpm'])(
    '%s: every reading ends, and a batch gives every key its own value',
    async (name) => {
      const map = mapOf(loaded, name);
      let most = 0;
      for (let reading = 0; reading < 10; reading++) {
        let total = 0;
        for (let cursor: Uint8Array | undefined; ; ) {
          const page = await system.call('map/read', {
            map: { id: map.id },
            limit: 333,
            ...(cursor ? { cursor } : {}),
          });
          total += page.count;
          // A trie has no batches that hold its lock: the memory of an entry may be another's before its value is copied.
          if (map.type !== 'lpm_trie') expect(strangers(map, page)).toEqual([]);
          cursor = page.cursor;
          if (cursor === undefined) break;
        }
        // A batch gives whole buckets, so the last page may pass the end by one.
        expect(total).toBeLessThanOrEqual(map.maxEntries + 333);
        most = Math.max(most, total);
      }
      expect(most).toBeGreaterThan(0);
    },
  );

  test.for(['churn_hash', 'churn_pcpu', 'churn_lpm'])(
    '%s: a table has no key twice, and says what is gone',
    async (name) => {
      const map = mapOf(loaded, name);
      const table = await tableOf(system, map);
      let gone = 0;
      for (let reading = 0; reading < 10; reading++) {
        const { rows } = await system.call('table/arrange', { table, sort: { by: 'key', descending: true } });
        const answer = await system.call('table/rows', { table, from: 0, count: rows });
        gone += answer.gone.length;
        const keys = Array.from({ length: answer.count }, (_, row) =>
          keyText(answer.keys.subarray(row * map.keySize, (row + 1) * map.keySize)),
        );
        expect(new Set(keys).size).toBe(keys.length);
      }
      expect(gone).toBeGreaterThan(0);
      await system.call('table/close', { table });
    },
  );
});

const tinyObject = (name: string, value: string, entries: number): Uint8Array =>
  fixtureText(
    name,
    `struct value { ${value} };
     struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ${entries}); __type(key, __u32); __type(value, struct value); } state SEC(".maps");
     SEC("xdp") int count(struct xdp_md *ctx) { __u32 key = 0; struct value *value = bpf_map_lookup_elem(&state, &key); return value ? XDP_DROP : XDP_PASS; }
     char _license[] SEC("license") = "GPL";`,
  );

test('a program is replaced and its maps go on: so does the table', async () => {
  const elf = tinyObject('faultsA', '__u32 a;', 8);
  const before = await client.call('object/load', { elf, name: 'a.o' });
  const { id } = mapOf(before, 'state');
  await client.call('map/update', { map: { id }, key: u32s(1), value: u32s(5), flags: 0 });
  const table = await tableOf(client, mapOf(before, 'state'));
  expect(await client.call('table/arrange', { table })).toMatchObject({ rows: 1 });
  const after = await client.call('object/load', { elf, name: 'a.o', reuseMaps: { state: { id } } });
  expect(mapOf(after, 'state').id).toBe(id);
  await client.call('object/close', { object: before.object });
  expect(await client.call('table/rows', { table, from: 0, count: 1 })).toMatchObject({ values: u32s(5), gone: [] });
  expect(await client.call('table/arrange', { table })).toMatchObject({ rows: 1 });

  // Then it is freed while it is shown: that is said, and not that a capability is missing.
  await client.call('object/close', { object: after.object });
  const gone = { code: 'map-not-found', message: expect.stringContaining('state') };
  await expect(client.call('table/rows', { table, from: 0, count: 1 })).rejects.toMatchObject(gone);
  await expect(client.call('table/arrange', { table })).rejects.toMatchObject(gone);
  await expect(client.call('map/read', { map: { id }, limit: 1 })).rejects.toMatchObject(gone);
  await client.call('table/close', { table });
});

test('a map that a reload made larger, or with another value, is another map: the old one is gone', async () => {
  const first = await client.call('object/load', { elf: tinyObject('faultsB', '__u32 a;', 8), name: 'b.o' });
  const old = mapOf(first, 'state');
  const second = await client.call('object/load', { elf: tinyObject('faultsC', '__u64 a, b;', 32), name: 'b.o' });
  const now = mapOf(second, 'state');
  expect([now.id === old.id, now.maxEntries, now.valueSize]).toEqual([false, 32, 16]);
  await client.call('object/close', { object: first.object });
  await expect(client.call('map/info', { map: { id: old.id } })).rejects.toMatchObject({ code: 'map-not-found' });
  // It cannot be taken for the old one: its values are of another size.
  await expect(
    client.call('object/load', {
      elf: tinyObject('faultsC', '__u64 a, b;', 32),
      name: 'b.o',
      reuseMaps: { state: { id: old.id } },
    }),
  ).rejects.toMatchObject({ code: 'map-not-found' });
  await client.call('object/close', { object: second.object });
});

test('a helper that is killed fails what is asked of it, and the next one starts clean', async () => {
  const victim = await helper();
  const loaded = await victim.call('object/load', { elf: tinyObject('faultsD', '__u32 a;', 8), name: 'd.o' });
  const map = mapOf(loaded, 'state');
  const table = await tableOf(victim, map);
  process.kill(victim.hello.pid, 'SIGKILL');
  await expect(victim.call('table/arrange', { table })).rejects.toMatchObject({ code: 'helper-died' });
  const next = await helper();
  try {
    await expect(next.call('table/arrange', { table })).rejects.toMatchObject({ code: 'usage' });
    const again = await next.call('object/load', { elf: tinyObject('faultsD', '__u32 a;', 8), name: 'd.o' });
    const fresh = await tableOf(next, mapOf(again, 'state'));
    expect(await next.call('table/arrange', { table: fresh })).toMatchObject({ total: 0, rows: 0 });
  } finally {
    await next.dispose();
  }
});

/** System calls of a helper while something is done, by strace. */
async function traced(of: HelperClient, calls: string, work: (said: () => string) => Promise<void>): Promise<void> {
  const strace = spawn('strace', ['-f', '-e', `trace=${calls}`, '-p', String(of.hello.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  strace.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  try {
    while (!text.includes('attached')) await once(strace.stderr, 'data');
    await work(() => text);
  } finally {
    strace.kill('SIGINT');
    await once(strace, 'exit');
  }
}

test('who does not look costs nothing: an open table makes no bpf() call until it is asked', async () => {
  const loaded = await client.call('object/load', { elf: tinyObject('faultsE', '__u32 a;', 8), name: 'e.o' });
  const table = await tableOf(client, mapOf(loaded, 'state'));
  await client.call('table/arrange', { table });
  try {
    await traced(client, 'bpf', async (said) => {
      const calls = (): number => said().match(/\bbpf\(/g)?.length ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(calls()).toBe(0);
      await client.call('table/arrange', { table });
      await eventually('calls', () => calls() > 0);
    });
  } finally {
    await client.call('object/close', { object: loaded.object });
  }
});

test('maps are read without going through the pins each time, and what is kept meanwhile has its full name', async () => {
  const lab = vethLab();
  const system = await helper({ profile: 'system' });
  const keeper = await helper({ netns: lab.ns });
  try {
    const tiny = await client.call('object/load', { elf: tinyObject('faultsF', '__u32 a;', 8), name: 'f.o' });
    const { id } = mapOf(tiny, 'state');
    await traced(system, 'bpf,getdents64', async (said) => {
      // Others keep attachments meanwhile: then the pins are looked at again.
      for (let attempt = 0, listed = true; listed; attempt++) {
        expect(attempt, 'every twenty readings listed the pins').toBeLessThan(20);
        const before = said().length;
        for (let reading = 0; reading < 20; reading++) await system.call('map/read', { map: { id }, limit: 1 });
        const calls = (): string => said().slice(before);
        await eventually('what strace saw', () => (calls().match(/BPF_MAP_GET_FD_BY_ID/g)?.length ?? 0) >= 20);
        listed = calls().includes('getdents64(');
      }
    });
    const { object, maps } = await keeper.call('object/load', { elf: fixture('kernelCounter'), name: 'counter.o' });
    const name = 'xdp_stats_map_long_name';
    const kept = maps.find((map) => map.name === name)?.id ?? 0;
    const nameOf = async (): Promise<string> => (await system.call('map/info', { map: { id: kept } })).name;
    expect(await nameOf()).toBe(name.slice(0, 15));
    const { ifindex } = lab;
    const how = { program: 'xdp_counter', mode: 'native', via: 'link', keep: true } as const;
    await keeper.call('xdp/attach', { object, ifindex, ...how });
    expect(await nameOf()).toBe(name);
    await keeper.call('xdp/detachInterface', { ifindex, force: false });
    expect(await nameOf()).toBe(name.slice(0, 15));
    await client.call('object/close', { object: tiny.object });
  } finally {
    await keeper.dispose();
    await system.dispose();
    lab.remove();
  }
});
