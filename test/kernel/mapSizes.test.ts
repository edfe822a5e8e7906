import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEntries } from '../../extension/core/maps/entries.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { bpftool, fixtureText, helper } from '../support/kernelHelper.ts';

/** Per-CPU slots are rounded up to 8 bytes: sizes on both sides of that, as the kernel and bpftool have them. */
const sizes = [1, 4, 12, 20];
const kinds = [
  'HASH',
  'LRU_HASH',
  'PERCPU_HASH',
  'LRU_PERCPU_HASH',
  'ARRAY',
  'PERCPU_ARRAY',
  'LPM_TRIE',
  'QUEUE',
  'STACK',
];
const keyless = (kind: string): boolean => kind === 'QUEUE' || kind === 'STACK';

let client: HelperClient;
let loaded: LoadedObject;
beforeAll(async () => {
  client = await helper();
  const maps = kinds.flatMap((kind) =>
    sizes.map(
      (size) => `struct { __uint(type, BPF_MAP_TYPE_${kind}); __uint(max_entries, 3);
        ${kind === 'LPM_TRIE' ? '__uint(map_flags, BPF_F_NO_PREALLOC);' : ''}
        ${keyless(kind) ? '' : `__uint(key_size, ${kind === 'LPM_TRIE' ? 8 : 4});`} __uint(value_size, ${size});
      } ${kind.toLowerCase()}_${size} SEC(".maps");`,
    ),
  );
  const program =
    'SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }\nchar _license[] SEC("license") = "GPL";';
  const elf = fixtureText('mapSizes', `${maps.join('\n')}\n${program}`);
  loaded = await client.call('object/load', { elf, name: 'sizes.o' });
});
afterAll(() => client.dispose());

interface Dumped {
  key?: string[];
  value?: string[] | { error: string };
  values?: { cpu: number; value: string[] }[];
}
const hex = (bytes: readonly string[]): string => bytes.map((byte) => byte.slice(2)).join('');

test.for(kinds.flatMap((kind) => sizes.map((size) => [kind, size] as const)))(
  '%s with values of %i bytes',
  async ([kind, size]) => {
    const info = loaded.maps.find(({ name }) => name === `${kind.toLowerCase()}_${size}`);
    if (info === undefined) throw new Error('the map is missing');
    const { possibleCpus } = client.hello;
    const perCpu = kind.includes('PERCPU');
    const slot = perCpu ? Math.ceil(size / 8) * 8 : size;
    // No two bytes of an entry alike, and no padding that is zero by chance.
    const bytes = Uint8Array.from({ length: slot * (perCpu ? possibleCpus.length : 1) }, (_, at) => at + 1);
    const key = Uint8Array.from(keyless(kind) ? [] : kind === 'LPM_TRIE' ? [32, 0, 0, 0, 10, 0, 0, 1] : [2, 0, 0, 0]);
    await client.call('map/update', { map: { id: info.id }, key, value: bytes, flags: 0 });

    const page = await client.call('map/read', { map: { id: info.id }, limit: 10 });
    const schema = mapSchema(info, undefined, 0, 0, possibleCpus);
    const entries = decodeEntries(schema, page).map(({ key: shown, value, values }) => ({
      key: shown,
      values: values ?? [value],
    }));
    const whole = Array.from(bytes, (_, at) => bytes.subarray(at * slot, at * slot + size)).slice(
      0,
      bytes.length / slot,
    );
    const written = {
      key: Buffer.from(key).toString('hex'),
      values: whole.map((each) => Buffer.from(each).toString('hex')),
    };
    expect(entries).toContainEqual(written);
    if (keyless(kind)) return; // bpftool takes the entries out of them.
    const dumped = (bpftool('map', 'dump', 'id', String(info.id)) as Dumped[]).map((entry) => ({
      key: hex(entry.key ?? []),
      values: entry.values?.map(({ value }) => hex(value)) ?? [Array.isArray(entry.value) ? hex(entry.value) : ''],
    }));
    expect(entries).toEqual(dumped);
  },
);
