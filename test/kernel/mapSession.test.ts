import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import type { BpfObject } from '../../extension/session/bpfObject.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import { borrowMaps } from '../../extension/session/maps/borrow.ts';
import { readCatalogue } from '../../extension/session/maps/catalogue.ts';
import { clearMap, deleteEntries, setEntries, undo } from '../../extension/session/maps/edit.ts';
import { type OpenMap, openLoadedMap, readMap } from '../../extension/session/maps/maps.ts';
import { resolveNames } from '../../extension/session/maps/names.ts';
import { MapTable } from '../../extension/session/maps/table.ts';
import { decodeEntries, type MapEntry } from '../../extension/core/maps/entries.ts';
import { referredBy } from '../../extension/core/maps/references.ts';
import { buildHelper, fixture, openFilesAtRest } from '../support/kernelHelper.ts';

let kernel: KernelAccess;
let client: HelperClient;
let loaded: LoadedObject;
let object: BpfObject;
beforeAll(async () => {
  kernel = new KernelAccess({ helperPath: await buildHelper(), execPath: process.execPath, elevation: 'none' });
  client = await kernel.own();
  const elf = fixture('kernelMaps');
  loaded = await client.call('object/load', { elf, name: 'kernelMaps.o' });
  object = { file: '/kernelMaps.o', name: 'kernelMaps', elf, spec: parseObject(elf), compiled: undefined };
});
afterAll(() => kernel.dispose());

function open(name: string): OpenMap {
  const info = loaded.maps.find((map) => map.name === name);
  if (info === undefined) throw new Error(`no map ${name}`);
  return openLoadedMap(client, object, info);
}

async function entriesOf(map: OpenMap): Promise<MapEntry[]> {
  const page = await readMap(client, map.ref, { maxEntries: 20_000 });
  return decodeEntries(map.schema, page);
}

test('set, change, delete, clear: each can be undone', async () => {
  const map = open('tiny');
  const first = await setEntries(client, map, [
    { key: 1, value: 10 },
    { key: 2, value: 20 },
  ]);
  expect(first).toMatchObject({ changes: [{}, {}], failures: [], left: 0 });
  const full = await setEntries(client, map, [
    { key: 1, value: 11 },
    { key: 3, value: 30 },
  ]);
  expect(full.failures).toMatchObject([{ index: 1, error: { message: expect.stringContaining('full: 2 entries') } }]);
  expect(await entriesOf(map)).toEqual(expect.arrayContaining([{ key: 1, value: 11 }]));
  await undo(client, map, full);
  const before = await entriesOf(map);
  expect(before).toHaveLength(2);
  expect(before).toEqual(expect.arrayContaining([{ key: 1, value: 10 }]));
  const cleared = await clearMap(client, map);
  expect(await entriesOf(map)).toEqual([]);
  await undo(client, map, cleared);
  expect(new Set((await entriesOf(map)).map((entry) => JSON.stringify(entry)))).toEqual(
    new Set(before.map((entry) => JSON.stringify(entry))),
  );
  const deleted = await deleteEntries(client, map, [1]);
  expect(deleted.changes).toHaveLength(1);
  await undo(client, map, deleted);
  await undo(client, map, first);
  expect(await entriesOf(map)).toEqual([]);
});

test('what is stopped before its first call writes nothing, and says how much is left', async () => {
  const map = open('tiny');
  const stopped = AbortSignal.abort();
  const edits = [
    { key: 1, value: 10 },
    { key: 2, value: 20 },
  ];
  expect(await setEntries(client, map, edits, { signal: stopped })).toEqual({
    done: 0,
    changes: [],
    failures: [],
    left: 2,
  });
  expect(await entriesOf(map)).toEqual([]);
});

test('fields that are left out stay, one CPU is set alone, and a cleared array is zero', async () => {
  const devices = open('devs');
  await setEntries(client, devices, [{ key: 0, value: { ifindex: 1 } }]);
  const page = await readMap(client, devices.ref, { maxEntries: 10 });
  const names = await resolveNames(client, devices.schema, page);
  expect(referredBy('devmap', 8, page.values, names)).toEqual([{ kind: 'interface', id: 1, name: 'lo' }]);

  const perCpu = open('pcpu_array');
  const last = perCpu.schema.possibleCpus.at(-1) ?? 0;
  await setEntries(client, perCpu, [{ key: 5, value: 7 }]);
  const edited = await setEntries(client, perCpu, [{ key: 5, value: 9 }], { cpus: [last] });
  const wanted = perCpu.schema.possibleCpus.map((cpu) => (cpu === last ? 9 : 7));
  expect((await entriesOf(perCpu))[5]?.values).toEqual(wanted);
  await undo(client, perCpu, edited);
  expect((await entriesOf(perCpu))[5]?.sum).toBe(7 * wanted.length);
  await clearMap(client, perCpu);
  expect((await entriesOf(perCpu))[5]?.sum).toBe(0);
});

test('an LPM key is a prefix in text, and ten thousand entries go in and out', async () => {
  const routes = open('lpm');
  await setEntries(client, routes, [{ key: '10.0.0.0/8', value: 1 }]);
  expect(await entriesOf(routes)).toEqual([{ key: { prefixlen: 8, address: '10.0.0.0' }, value: 1 }]);
  await expect(setEntries(client, routes, [{ key: '10.0.0.0/40', value: 1 }])).rejects.toMatchObject({
    code: 'value-invalid',
  });
  const hash = open('hash');
  const value = { bytes: '000102030405060708090a0b' };
  const many = Array.from({ length: 10_000 }, (_, key) => ({ key, value }));
  expect((await setEntries(client, hash, many)).changes).toHaveLength(10_000);
  const table = await MapTable.open(client, hash);
  expect(await table.arrange({ filter: 'key < 100' })).toMatchObject({ total: 10_000, rows: 100 });
  await table.close();
  expect((await clearMap(client, hash)).failures).toEqual([]);
  expect(await entriesOf(hash)).toEqual([]);
});

test('maps of another session are found by program and watched without keeping CAP_SYS_ADMIN', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-registry-'));
  const other = new KernelAccess({ helperPath: await buildHelper(), execPath: process.execPath, elevation: 'none' });
  try {
    const theirs = await (await other.own()).call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
    const first = theirs.programs.find(({ name }) => name === 'first');
    const registry = new AttachmentRegistry('vscode', path.join(folder, 'attachments'));
    const attachment = { attachment: 1, program: 'first', progId: first?.id ?? 0, ifindex: 1, iface: 'lo' };
    await registry.add({ ...attachment, mode: 'generic', via: 'link' }, '/kernelMaps.bpf.c');
    const { programs } = await readCatalogue(kernel, registry, undefined);
    const [group] = programs;
    expect(group).toMatchObject({
      program: { id: first?.id, name: 'first' },
      holder: expect.stringContaining('VS Code'),
    });
    const ids = group?.maps.map(({ id }) => id) ?? [];
    expect(ids.toSorted((a, b) => a - b)).toEqual([...(first?.mapIds ?? [])].sort((a, b) => a - b));

    const before = await openFilesAtRest(client.hello.pid);
    const borrowed = await borrowMaps(kernel, undefined, ids);
    const rodata = borrowed.find(({ map }) => map.info.name.endsWith('.rodata'));
    expect(await entriesOf(rodata?.map ?? open('tiny'))).toMatchObject([{ value: { limit: 3 } }]);
    for (const { release } of borrowed) await release();
    expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
    await expect(borrowMaps(kernel, undefined, [ids[0] ?? 0, 4_000_000_000])).rejects.toMatchObject({
      code: 'map-not-found',
    });
    expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
  } finally {
    await other.dispose();
    rmSync(folder, { recursive: true });
  }
});
