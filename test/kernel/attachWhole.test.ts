import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { bpftool, fixture, helper, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** Attaching one program of an object brings along what it needs: other programs in its prog arrays, inner maps. */
let lab: VethLab;
let client: HelperClient;

beforeAll(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterAll(async () => {
  await client?.dispose();
  lab?.remove();
});

async function attach(name: string, program: string) {
  const loaded = await client.call('object/load', { elf: fixture(name), name: `${name}.o`, programs: [program] });
  const asked = { object: loaded.object, program, ifindex: lab.ifindex, mode: 'native', via: 'link' } as const;
  const { attachment, progId } = await client.call('xdp/attach', { ...asked, keep: false });
  expect(ipXdp(lab)?.id).toBe(progId);
  const idOf = (list: readonly { name: string; id: number }[], wanted: string): number =>
    list.find((each) => each.name === wanted)?.id ?? 0;
  /** Ids that a map of programs or maps holds, as bpftool reads it: entries without a value are empty slots. */
  const dump = (map: string): number[] => {
    const entries = bpftool('map', 'dump', 'id', String(idOf(loaded.maps, map))) as { value?: unknown }[];
    return entries.flatMap(({ value }) =>
      Array.isArray(value) ? [Buffer.from(value.map(Number)).readUInt32LE()] : [],
    );
  };
  const end = async (): Promise<void> => {
    await client.call('xdp/detach', { attachment });
    await client.call('object/close', { object: loaded.object });
    expect(ipXdp(lab)).toBeUndefined();
  };
  return { loaded, idOf, dump, end };
}

test.for([
  ['kernelTailCall', 'dispatch', 'targets', 'target'],
  ['kernelMaps', 'first', 'calls', 'second'],
] as const)('%s: the prog array of %s holds its target', async ([object, program, map, target]) => {
  const { loaded, idOf, dump, end } = await attach(object, program);
  expect(dump(map)).toContain(idOf(loaded.programs, target));
  await end();
});

test.for(['outer', 'outer_hash'])('map in map: %s holds its inner map', async (outer) => {
  const { loaded, idOf, dump, end } = await attach('kernelMaps', 'first');
  expect(dump(outer)).toContain(idOf(loaded.maps, 'inner_one'));
  await end();
});
