import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { setEntries, undo } from '../../extension/session/maps/edit.ts';
import { type OpenMap, openLoadedMap } from '../../extension/session/maps/maps.ts';
import { schemaMessage } from '../../extension/host/maps/schemaMessage.ts';
import { bytesAt, MapModel } from '../../webview/maps/data/mapModel.ts';
import type { Row } from '../../webview/maps/data/rowCache.ts';
import { cellRequest } from '../../webview/maps/edit/encode.ts';
import { bpftool, fixtureText, helper } from '../support/kernelHelper.ts';

vi.mock('vscode', () => ({}));

/** A program counts in one field while somebody edits the one beside it: no edit sets a counter back. */
let client: HelperClient;
let loaded: LoadedObject;
let elf: Uint8Array;
beforeAll(async () => {
  client = await helper();
  const map = (kind: string, flags = ''): string =>
    `struct { __uint(type, BPF_MAP_TYPE_${kind}); __uint(max_entries, 4); ${flags} __type(key, struct key); __type(value, struct value); }`;
  elf = fixtureText(
    'mapFields',
    `struct key { __u32 prefixlen; __u32 address; };
     struct value { __u64 packets; __u32 limit; __u32 on : 1, level : 7, seen : 24; char name[8]; };
     ${map('HASH')} plain SEC(".maps");
     ${map('PERCPU_HASH')} percpu SEC(".maps");
     ${map('LPM_TRIE', '__uint(map_flags, BPF_F_NO_PREALLOC);')} routes SEC(".maps");
     struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct value); } settings SEC(".maps");
     SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
     char _license[] SEC("license") = "GPL";`,
  );
  loaded = await client.call('object/load', { elf, name: 'fields.o' });
});
afterAll(() => client.dispose());

function open(name: string): OpenMap {
  const info = loaded.maps.find((map) => map.name === name);
  if (info === undefined) throw new Error(`no map ${name}`);
  return openLoadedMap(client, { file: '/fields.o', name, elf, spec: parseObject(elf), compiled: undefined }, info);
}

const keyOf = (map: OpenMap): Uint8Array =>
  new Uint8Array(Uint32Array.from(map.info.keySize === 4 ? [0] : [8, 10]).buffer);

/** One CPU's value. `seen`: the upper three bytes of the bit-fields' word. */
function valueBytes(packets: number, limit: number, bits: number, seen: number, name: string): Uint8Array {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(BigInt(packets), 0);
  bytes.writeUInt32LE(limit, 8);
  bytes.writeUInt32LE(bits + 256 * seen, 12);
  bytes.write(name, 16);
  return new Uint8Array(bytes);
}

/** The same with another count. */
function counting(value: Uint8Array, packets: number): Uint8Array {
  const bytes = Buffer.from(value);
  bytes.writeBigUInt64LE(BigInt(packets), 0);
  return new Uint8Array(bytes);
}

const eachCpu = (map: OpenMap, one: (cpu: number) => Uint8Array): Uint8Array =>
  new Uint8Array(
    Buffer.concat((map.info.type === 'percpu_hash' ? map.schema.possibleCpus : [0]).map((cpu) => one(cpu))),
  );

const put = (map: OpenMap, value: Uint8Array): Promise<unknown> =>
  client.call('map/update', { map: map.ref, key: keyOf(map), value, flags: 0 });

interface Dumped {
  value?: string[];
  values?: { value: string[] }[];
}

/** As bpftool has it, all CPUs one after the other. */
function dumped(map: OpenMap): Uint8Array {
  const [entry] = bpftool('map', 'dump', 'id', String(map.info.id)) as Dumped[];
  const bytes = entry?.values?.map(({ value }) => value) ?? [entry?.value ?? []];
  return Uint8Array.from(bytes.flat(), Number);
}

const names = ['plain', 'percpu', 'routes', 'settings'];

test.for(names)(
  '%s: a cell that is edited in the view leaves the fields beside it as they are by then',
  async (name) => {
    const map = open(name);
    const model = new MapModel(schemaMessage(map));
    const shown = eachCpu(map, (cpu) => valueBytes(100 + cpu, 5, 1 + 2 * 9, 7, 'old'));
    await put(map, shown);
    const row: Row = { id: '', key: bytesAt(keyOf(map)), reading: undefined, atMs: 0, beforeMs: 0 };
    const slot = map.schema.possibleCpus.length - 1;
    const edited = name === 'percpu' ? slot : 0;
    for (const [field, text] of [
      ['limit', '9'],
      ['level', '100'],
      ['name', 'new'],
    ] as const) {
      const leaf = model.valueFields.find(({ path }) => path === field);
      if (leaf === undefined) throw new Error(`no field ${field}`);
      const { key, value, mask, cpus, expect: expected } = cellRequest({ model, row, field: leaf, slot: edited }, text);
      // It has counted since the view read it.
      const counted = eachCpu(map, (cpu) => valueBytes(200 + cpu, 5, 1 + 2 * 9, 77, 'old'));
      await put(map, counted);
      const options = {
        ...(cpus === undefined ? {} : { cpus }),
        ...(expected === undefined ? {} : { expect: expected }),
      };
      const entry = { key, value, ...(mask === undefined ? {} : { mask }) };
      const done = await setEntries(client, map, [entry], options);
      expect(done.failures).toEqual([]);
      const others = valueBytes(200, 5, 1 + 2 * 9, 77, 'old');
      const typed = valueBytes(
        200,
        field === 'limit' ? 9 : 5,
        1 + 2 * (field === 'level' ? 100 : 9),
        77,
        field === 'name' ? 'new' : 'old',
      );
      expect(dumped(map), field).toEqual(
        eachCpu(map, (cpu) => counting(name === 'percpu' && cpu !== slot ? others : typed, 200 + cpu)),
      );
      // It counts on, and the edit is taken back.
      await put(
        map,
        eachCpu(map, (cpu) => counting(name === 'percpu' && cpu !== slot ? others : typed, 300 + cpu)),
      );
      await undo(client, map, done);
      expect(dumped(map), `${field} undone`).toEqual(eachCpu(map, (cpu) => counting(others, 300 + cpu)));
    }
    // And where the entry has gone, the edit does not make another one.
    if (name === 'settings') return;
    await client.call('map/delete', { map: map.ref, key: keyOf(map) });
    const limit = model.valueFields.find(({ path }) => path === 'limit')!;
    const late = cellRequest({ model, row, field: limit, slot: 0 }, '9');
    expect(late.expect).toBe('existing');
    const { failures } = await setEntries(client, map, [late], { expect: 'existing' });
    expect(failures).toMatchObject([{ error: { message: expect.stringContaining('no such key') } }]);
  },
);

test.for(names)('%s: so does a value of which the command line names some fields only', async (name) => {
  const map = open(name);
  await put(
    map,
    eachCpu(map, (cpu) => valueBytes(100 + cpu, 5, 1, 7, 'old')),
  );
  const counted = eachCpu(map, (cpu) => valueBytes(200 + cpu, 5, 1, 77, 'old'));
  /** The program counts between the look at what is there and the write. */
  const racing = {
    call: async (...args: Parameters<HelperClient['call']>) => {
      const answer = await client.call(...args);
      if (args[0] === 'map/values') await put(map, counted);
      return answer;
    },
  } as unknown as HelperClient;
  const key = name === 'settings' ? 0 : keyOf(map);
  await setEntries(racing, map, [{ key, value: { limit: 9, level: 64 } }]);
  expect(dumped(map)).toEqual(eachCpu(map, (cpu) => valueBytes(200 + cpu, 9, 1 + 2 * 64, 77, 'old')));
});
