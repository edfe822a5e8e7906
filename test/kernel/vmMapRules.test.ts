import { expect, test } from 'vitest';
import { createMap } from '../../extension/core/vm/maps/createMap.ts';
import type { MapDefinition } from '../../extension/core/vm/maps/map.ts';
import { createMachine } from '../../extension/core/vm/machine.ts';
import { Memory } from '../../extension/core/vm/memory/memory.ts';
import { fixtureText, helper } from '../support/kernelHelper.ts';
import { Random } from '../support/packetGenerate.ts';

const program = 'SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; } char _license[] SEC("license") = "GPL";';

/** Type, and sizes of keys and values, entries and flags that the kernel takes. */
const good: readonly (readonly [string, number, number, number, number])[] = [
  ['array', 4, 8, 4, 0],
  ['percpu_array', 4, 8, 4, 0],
  ['hash', 4, 8, 4, 0],
  ['percpu_hash', 4, 8, 4, 0],
  ['lru_hash', 4, 8, 4, 0],
  ['lru_percpu_hash', 4, 8, 4, 0],
  ['lpm_trie', 8, 8, 4, 1],
  ['prog_array', 4, 4, 4, 0],
  ['perf_event_array', 4, 4, 4, 0],
  ['devmap', 4, 4, 4, 0],
  ['devmap_hash', 4, 4, 4, 0],
  ['cpumap', 4, 4, 2, 0],
  ['xskmap', 4, 4, 4, 0],
  ['queue', 0, 8, 4, 0],
  ['stack', 0, 8, 4, 0],
  ['bloom_filter', 0, 8, 4, 0],
  ['ringbuf', 0, 0, 4096, 0],
];

/** One thing otherwise at a time, and some at random. */
function* variants(random: Random): Generator<MapDefinition> {
  const keys = [0, 1, 4, 5, 8, 260, 261];
  const values = [0, 1, 4, 8, 12, 32768, 32769];
  const entries = [0, 1, 2, 3];
  const flags = [0, ...Array.from({ length: 13 }, (_, bit) => 1 << bit)].filter(
    (flag) => flag !== 0x20 && flag !== 0x200,
  );
  for (const [type, keySize, valueSize, maxEntries, own] of good) {
    const definition = { name: 'm', type, keySize, valueSize, maxEntries, flags: own };
    for (const each of keys) yield { ...definition, keySize: each };
    for (const each of values) yield { ...definition, valueSize: each };
    for (const each of entries) yield { ...definition, maxEntries: each };
    for (const each of flags) yield { ...definition, flags: each };
    for (let i = 0; i < 60; i++) {
      const mixed = random.pick(flags) | random.pick(flags) | (random.chance(0.7) ? own : 0);
      yield { ...definition, flags: mixed, keySize: random.chance(0.8) ? keySize : random.pick(keys) };
    }
  }
}

test('the machine makes the maps that the kernel makes, and no others', async () => {
  // BPF_F_ZERO_SEED is for CAP_SYS_ADMIN.
  const client = await helper({ profile: 'system' });
  try {
    const elf = fixtureText('mapRules', program);
    const { object } = await client.call('object/load', { elf, name: 'rules.o' });
    const differences: string[] = [];
    for (const definition of variants(new Random(43))) {
      const kernel = await client.call('object/addMap', { object, ...definition }).then(
        () => 'made',
        (error: unknown) => `refused (${String(error)})`,
      );
      let machine = 'made';
      try {
        createMap(definition, { memory: new Memory(), number: 0, cpuCount: client.hello.possibleCpus.length });
      } catch (error) {
        machine = `refused (${String(error)})`;
      }
      if (kernel.startsWith('made') !== machine.startsWith('made'))
        differences.push(`${JSON.stringify(definition)}: kernel ${kernel}, machine ${machine}`);
    }
    expect(differences).toEqual([]);
  } finally {
    await client.dispose();
  }
});

/** What of a map is declared, and what libbpf makes of the rest. */
const declared: readonly string[] = [
  'type PERF_EVENT_ARRAY',
  'type PERF_EVENT_ARRAY, key_size 4',
  'type PERF_EVENT_ARRAY, key_size 4, value_size 4',
  'type PROG_ARRAY, max_entries 4',
  'type PROG_ARRAY, max_entries 4, key_size 4, value_size 4',
  'type RINGBUF',
  'type RINGBUF, max_entries 1',
  'type RINGBUF, max_entries 5000',
  'type RINGBUF, max_entries 12288',
  'type HASH, key_size 4, value_size 4',
  'type HASH, max_entries 4, key_size 7, value_size 3',
  'type LPM_TRIE, max_entries 4, key_size 8, value_size 4',
  'type LPM_TRIE, max_entries 4, key_size 8, value_size 4, map_flags 1',
  'type DEVMAP, max_entries 4',
  'type CPUMAP, max_entries 2, key_size 4, value_size 8',
  'type QUEUE, max_entries 4, key_size 4, value_size 4',
  'type BLOOM_FILTER, max_entries 4, value_size 4, map_extra 3',
];

test.for(declared)('libbpf and the machine make the same of: %s', async (attributes) => {
  const members = attributes
    .split(', ')
    .map((attribute) => attribute.replace(/ (?=[A-Z])/, ' BPF_MAP_TYPE_').split(' '));
  const body = members.map(([name, value]) => `__uint(${name}, ${value});`).join(' ');
  const use =
    'SEC("xdp") int pass(struct xdp_md *ctx) { void *used = &m; asm volatile("" :: "r"(used)); return XDP_PASS; }';
  const elf = fixtureText(
    'mapDeclared',
    `struct { ${body} } m SEC(".maps");\n${use}\nchar _license[] SEC("license") = "GPL";`,
  );
  const client = await helper();
  try {
    const shown = (map: Pick<MapDefinition, 'keySize' | 'valueSize' | 'maxEntries'> | undefined): string =>
      map === undefined ? 'no map' : `${map.keySize} ${map.valueSize} ${map.maxEntries}`;
    const kernel = await client.call('object/load', { elf, name: 'declared.o' }).then(
      ({ maps }) => shown(maps.find(({ name }) => name === 'm')),
      () => 'refused',
    );
    let machine = 'refused';
    try {
      machine = shown(createMachine(elf, { cpuCount: client.hello.possibleCpus.length }).map('m')?.definition);
    } catch (error) {
      expect(error).toMatchObject({ code: 'load-failed' });
    }
    expect(machine).toBe(kernel);
  } finally {
    await client.dispose();
  }
});
