import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapUse } from '../../extension/protocol/kernel.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import { borrowMaps } from '../../extension/session/maps/borrow.ts';
import { bpftool, bpftoolList, buildHelper, fixtureText, helper, openFilesAtRest } from '../support/kernelHelper.ts';

/** Who uses a map that we only look at, when its owner loads its program anew or lets go of it. */
let kernel: KernelAccess;
let own: HelperClient;
/** The owner of the maps: another session. */
let owner: HelperClient;
let elf: Uint8Array;
beforeAll(async () => {
  kernel = new KernelAccess({ helperPath: await buildHelper(), execPath: process.execPath, elevation: 'none' });
  own = await kernel.own();
  owner = await helper();
  elf = fixtureText(
    'uses',
    `struct inner_map { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); }
       inner_of_uses SEC(".maps");
     struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 2); __type(key, __u32);
       __array(values, struct inner_map); } outer_of_uses SEC(".maps") = { .values = { [1] = &inner_of_uses } };
     struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); }
       seen_by_uses SEC(".maps");
     SEC("xdp") int uses(struct xdp_md *ctx) {
       __u32 key = 0;
       __u64 *value = bpf_map_lookup_elem(&seen_by_uses, &key);
       if (value) ++*value;
       key = 1;
       return bpf_map_lookup_elem(&outer_of_uses, &key) ? XDP_PASS : XDP_DROP;
     }
     char _license[] SEC("license") = "GPL";`,
  );
});
afterAll(async () => {
  await owner?.dispose();
  await kernel?.dispose();
});

/** The kernel lets go of a program, and so of its maps, some time after the last that held it: a busy machine takes longer. */
const eventually = { timeout: 20_000 };
const load = (): Promise<LoadedObject> => owner.call('object/load', { elf, name: 'uses.o' });
const idOf = ({ maps }: LoadedObject, name: string): number => maps.find((map) => map.name === name)?.id ?? 0;
const uses = async (...ids: number[]): Promise<MapUse[]> => (await own.call('map/uses', { ids })).maps;

test('a map whose program was replaced is used by none any more, and the one in its place is named', async () => {
  const first = await load();
  const id = idOf(first, 'seen_by_uses');
  const inner = idOf(first, 'inner_of_uses');
  const borrowed = await borrowMaps(kernel, undefined, [id, inner]);
  try {
    // No program names the inner map: it counts as used through the map that it is in.
    expect(await uses(id, inner)).toEqual([
      { id: expect.any(Number), use: 'program' },
      { id: expect.any(Number), use: 'program' },
    ]);
    const second = await load();
    // Two of the same program at a time: neither is stale.
    expect(await uses(id)).toEqual([{ id, use: 'program' }]);
    await owner.call('object/close', { object: first.object });
    await expect.poll(() => uses(id), eventually).toEqual([{ id, use: 'held', newer: idOf(second, 'seen_by_uses') }]);
    await expect.poll(() => uses(inner), eventually).toMatchObject([{ id: inner, use: 'held' }]);
    // The kernel's own list agrees: bpftool shows which programs use a map.
    const users = (bpftoolList('prog') as { map_ids?: number[] }[]).filter(({ map_ids: ids }) => ids?.includes(id));
    expect(users).toEqual([]);
    await owner.call('object/close', { object: second.object });
    await expect.poll(() => uses(id), eventually).toEqual([{ id, use: 'held' }]);
  } finally {
    for (const { release } of borrowed) await release();
  }
  await expect.poll(() => uses(id), eventually).toEqual([]);
});

test('a map that is pinned has others who hold it; and to ask leaves nothing behind', async () => {
  const pin = `/sys/fs/bpf/uses_${process.pid}`;
  const before = await openFilesAtRest(own.hello.pid);
  bpftool('map', 'create', pin, 'type', 'hash', 'key', '4', 'value', '4', 'entries', '2', 'name', 'pinned_uses');
  try {
    const { id } = bpftool('map', 'show', 'pinned', pin) as { id: number };
    // Whoever else looks at the map at that moment counts as well.
    await expect.poll(() => uses(id), eventually).toEqual([{ id, use: 'others' }]);
    expect(await openFilesAtRest(own.hello.pid)).toEqual(before);
  } finally {
    rmSync(pin);
  }
});
