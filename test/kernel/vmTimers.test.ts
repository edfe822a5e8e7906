import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createMachine } from '../../extension/core/vm/machine.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';
import { helper } from '../support/kernelHelper.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

/** What helpers answer goes into `notes`; a timer goes off three times, another is cancelled, a third goes with its entry. */
const elf = compileBpf(`${bpfPrelude}
struct value { __u64 fired; struct bpf_timer timer; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, struct value); } timed SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } fixed SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 32); __type(key, __u32); __type(value, __s64); } notes SEC(".maps");
#define NOTE(i, what) do { __u32 at = i; __s64 result = what; bpf_map_update_elem(&notes, &at, &result, BPF_ANY); } while (0)
static int again(void *map, __u32 *key, struct value *value) {
  value->fired += 1 + *key;
  if (value->fired < 3 * (1 + *key)) NOTE(20, bpf_timer_start(&value->timer, 100000, 0));
  else NOTE(21, bpf_timer_cancel(&value->timer));
  return 0;
}
SEC("xdp") int arm(struct xdp_md *ctx) {
  __u32 one = 1, two = 2, three = 3;
  struct value empty = {};
  bpf_map_update_elem(&timed, &one, &empty, BPF_ANY);
  bpf_map_update_elem(&timed, &two, &empty, BPF_ANY);
  bpf_map_update_elem(&timed, &three, &empty, BPF_ANY);
  struct value *first = bpf_map_lookup_elem(&timed, &one), *second = bpf_map_lookup_elem(&timed, &two);
  struct value *third = bpf_map_lookup_elem(&timed, &three), *other = bpf_map_lookup_elem(&fixed, &two);
  if (!first || !second || !third || !other) return XDP_ABORTED;
  NOTE(0, bpf_timer_start(&first->timer, 1000, 0));
  NOTE(1, bpf_timer_cancel(&first->timer));
  NOTE(2, bpf_timer_init(&first->timer, &timed, 1));
  NOTE(3, bpf_timer_init(&first->timer, &timed, 1));
  NOTE(4, bpf_timer_start(&first->timer, 1000, 0));
  NOTE(5, bpf_timer_set_callback(&first->timer, again));
  NOTE(6, bpf_timer_start(&first->timer, 1000, 8));
  NOTE(7, bpf_timer_start(&first->timer, 200000, 0));
  NOTE(8, bpf_timer_init(&second->timer, &timed, 1) + bpf_timer_set_callback(&second->timer, again));
  NOTE(9, bpf_timer_start(&second->timer, 1000000000, 0));
  NOTE(10, bpf_timer_cancel(&second->timer));
  NOTE(11, bpf_timer_cancel(&second->timer));
  NOTE(12, bpf_timer_start(&second->timer, 1000, 0));
  NOTE(13, bpf_timer_init(&third->timer, &timed, 1) + bpf_timer_set_callback(&third->timer, again));
  NOTE(14, bpf_timer_start(&third->timer, 50000000, 0));
  NOTE(15, bpf_map_delete_elem(&timed, &three));
  NOTE(16, bpf_timer_init(&other->timer, &fixed, 1) + bpf_timer_set_callback(&other->timer, again));
  NOTE(17, bpf_timer_start(&other->timer, 1000, 0));
  return XDP_PASS;
}
SEC("xdp") int look(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";`);
const packet = new Uint8Array(64);
const maps = ['timed', 'fixed', 'notes'];

async function inKernel(): Promise<Record<string, string>> {
  const loaded = await client.call('object/load', { elf, name: 'timers.o' });
  try {
    const run = { object: loaded.object, program: 'arm', data: packet, repeat: 1, capturePrintk: false };
    expect((await client.call('program/testRun', run)).retval).toBe(2);
    const read = async (): Promise<Record<string, string>> => {
      const pages: Record<string, string> = {};
      for (const info of loaded.maps.filter(({ name }) => maps.includes(name))) {
        const { keys, values } = await client.call('map/read', { map: { id: info.id }, limit: 64 });
        pages[info.name] = entries(keys, values, info.keySize);
      }
      return pages;
    };
    // The last thing that a callback does is to note that it could not cancel itself.
    const over = JSON.stringify([3, 6]);
    await vi.waitFor(async () => expect(fired(await read())).toBe(over), { timeout: 10_000, interval: 20 });
    return await read();
  } finally {
    await client.call('object/close', { object: loaded.object });
  }
}

function inMachine(engine: 'interpreter' | 'wasm'): Record<string, string> {
  const machine = createMachine(elf, { engine, cpuCount: client.hello.possibleCpus.length });
  expect(machine.runXdp({ program: 'arm', packet })).toMatchObject({ retval: 2, fault: undefined });
  expect(machine.runXdp({ program: 'look', packet })).toMatchObject({ retval: 2, fault: undefined });
  machine.setInputs({ clockNs: 60_000_000_000n });
  expect(machine.runXdp({ program: 'look', packet })).toMatchObject({ retval: 2, fault: undefined });
  return Object.fromEntries(
    maps.map((name) => {
      const { keys, values } = machine.map(name)!.read();
      return [name, entries(keys, values, 4)];
    }),
  );
}

/** By key, since hash maps have no order. */
function entries(keys: Uint8Array, values: Uint8Array, keySize: number): string {
  const count = keys.length / keySize;
  const size = values.length / count;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return Array.from(
    { length: count },
    (_, at) =>
      `${hex(keys.subarray(at * keySize, (at + 1) * keySize))}: ${hex(values.subarray(at * size, (at + 1) * size))}`,
  )
    .sort()
    .join('\n');
}

/** How often the timers of key 1 and key 2 of the maps have counted. */
function fired({ timed = '', fixed = '' }: Record<string, string>): string {
  const of = (text: string, key: string): number =>
    Number.parseInt(new RegExp(`^${key}000000: (..)`, 'm').exec(text)?.[1] ?? '0', 16);
  return JSON.stringify([of(timed, '01') / 2, of(fixed, '02') / 1.5]);
}

test('timers: results, callbacks and what they leave in maps, as in the kernel', async () => {
  const kernel = await inKernel();
  expect(inMachine('interpreter')).toEqual(kernel);
  expect(inMachine('wasm')).toEqual(kernel);
});
