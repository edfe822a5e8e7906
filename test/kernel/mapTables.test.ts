import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyText } from '../../extension/core/maps/entries.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo } from '../../extension/protocol/kernel.ts';
import { fixture, helper } from '../support/kernelHelper.ts';

let client: HelperClient;
let loaded: LoadedObject;
let btf: Uint8Array;
beforeAll(async () => {
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
  btf = (await client.call('btf/get', { id: mapOf('hash').btfId })).btf;
});
afterAll(() => client.dispose());

function mapOf(name: string): MapInfo {
  const map = loaded.maps.find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

async function tableOf(map: MapInfo): Promise<number> {
  const { btfKeyTypeId: keyTypeId, btfValueTypeId: valueTypeId } = map;
  const { table } = await client.call('table/open', { map: { id: map.id }, btf, keyTypeId, valueTypeId });
  return table;
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const readU32s = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.slice().buffer)];

/** Sets key → value in a map of u32 keys and 4-byte values. */
async function set(map: MapInfo, entries: readonly (readonly [number, number])[]): Promise<void> {
  const slots = map.type.includes('percpu') ? client.hello.possibleCpus.length : undefined;
  const values = entries.flatMap(([, value]) =>
    slots === undefined ? [value] : Array.from({ length: 2 * slots }, (_, at) => (at === 0 ? value : 0)),
  );
  const { failures } = await client.call('map/write', {
    map: { id: map.id },
    kind: 'set',
    count: entries.length,
    keys: u32s(...entries.map(([key]) => key)),
    values: u32s(...values),
  });
  expect(failures).toEqual([]);
}

test('a map is sorted and filtered as a whole, and its rows are as they are now', async () => {
  const map = mapOf('pcpu_hash');
  const entries = Array.from({ length: 9000 }, (_, key) => [key, (key * 7919) % 9000] as const);
  for (let from = 0; from < 9000; from += 3000) await set(map, entries.slice(from, from + 3000));
  const table = await tableOf(map);
  const sort = { by: 'value', descending: true };
  const arranged = await client.call('table/arrange', { table, filter: 'value >= 1000 && key < 5000', sort });
  const wanted = entries.filter(([key, value]) => value >= 1000 && key < 5000).sort(([, a], [, b]) => b - a);
  expect(arranged).toMatchObject({ total: 9000, rows: wanted.length });
  const rows = await client.call('table/rows', { table, from: 10, count: 20 });
  expect(readU32s(rows.keys)).toEqual(wanted.slice(10, 30).map(([key]) => key));
  expect(rows).toMatchObject({ count: 20, gone: [] });

  // The order stays; the values move on, and what is deleted is said to be gone.
  const [[changed = 0] = [], [deleted = 0] = []] = [wanted[10], wanted[12]];
  await set(map, [[changed, 5]]);
  await client.call('map/delete', { map: { id: map.id }, key: u32s(deleted) });
  const now = await client.call('table/rows', { table, from: 10, count: 20 });
  expect(keyText(now.keys)).toBe(keyText(rows.keys));
  expect(now.gone).toEqual([2]);
  expect(readU32s(now.values)[0]).toBe(5);
  expect(await client.call('table/rows', { table, from: wanted.length - 2, count: 20 })).toMatchObject({ count: 2 });
  expect(await client.call('table/rows', { table, from: 1_000_000, count: 20 })).toMatchObject({ count: 0 });
  await client.call('table/close', { table });
  await expect(client.call('table/rows', { table, from: 0, count: 1 })).rejects.toMatchObject({ code: 'usage' });
});

test('rates come with the second reading', async () => {
  const map = mapOf('pcpu_hash');
  const table = await tableOf(map);
  const request = { table, filter: 'rate(value) > 0', sort: { by: 'rate(value)', descending: true } };
  await set(map, [
    [1, 100],
    [2, 100],
    [3, 100],
  ]);
  expect(await client.call('table/arrange', request)).toMatchObject({ rows: 0, total: 9000 - 1 });
  await set(map, [
    [1, 200],
    [2, 2_000_000],
    [3, 50],
  ]);
  const { periodNs, rows } = await client.call('table/arrange', request);
  expect(periodNs).toBeGreaterThan(0n);
  expect(rows).toBe(2);
  expect(readU32s((await client.call('table/rows', { table, from: 0, count: 5 })).keys)).toEqual([2, 1]);
});

test.for(['array', 'pcpu_array', 'lpm', 'queue', 'devs', 'lru'])('%s has a table too', async (name) => {
  const map = mapOf(name);
  const table = await tableOf(map);
  const { total } = await client.call('table/arrange', { table });
  const { count } = await client.call('table/rows', { table, from: 0, count: 10 });
  expect(count).toBe(Math.min(10, total));
  expect(total).toBe(map.type.endsWith('array') ? map.maxEntries : 0);
});

test('a filter that means nothing is refused with its place, and a map that is gone with its name', async () => {
  const table = await tableOf(mapOf('hash'));
  await expect(client.call('table/arrange', { table, filter: 'keys == 1' })).rejects.toMatchObject({
    code: 'filter-invalid',
    details: { offset: 0, length: 4 },
  });
  const other = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
  const tiny = other.maps.find(({ name }) => name === 'tiny');
  const of = { map: { id: tiny?.id ?? 0 }, btf, keyTypeId: 0, valueTypeId: 0 };
  const gone = await client.call('table/open', of);
  await client.call('table/arrange', gone);
  await client.call('object/close', { object: other.object });
  await expect(client.call('table/arrange', gone)).rejects.toMatchObject({
    code: 'map-not-found',
    message: expect.stringContaining('tiny'),
  });
});
