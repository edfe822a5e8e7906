import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parsePacketText } from '../../extension/core/packet/parsePacket.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { runPacketBoth } from '../../extension/session/engine/both.ts';
import { runPacketVm } from '../../extension/session/engine/vm.ts';
import type { RunContext } from '../../extension/session/run/input.ts';
import { helper } from '../support/kernelHelper.ts';
import { bundledInclude, project, repository } from '../support/toolchain.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const open = (file: string) => openObject(join(repository, file), { bundledInclude });
const both = async (file: string, program: string, packet: string, context: RunContext = {}) =>
  runPacketBoth(client, await open(file), { program, packet: parsePacketText(packet).bytes, context, repeat: 3 });

test('one packet on both engines: the same result, in the same form', async () => {
  const packet = 'Ether()/IP()/UDP(dport=53)/Raw(b"hello")';
  const { kernel, vm, differences } = await both('bpf/examples/counter/xdp_counter.bpf.c', 'xdp_counter', packet);
  expect(differences).toEqual([]);
  expect(vm).toMatchObject({ action: 'XDP_PASS', retval: 2, packetIn: kernel.packetIn, printkProblem: undefined });
  expect(vm.durationNs).toBeGreaterThan(0);
  expect(vm.maps.map(({ map, changes }) => [map.info.name, changes])).toEqual(
    kernel.maps.map(({ map, changes }) => [map.info.name, changes]),
  );
});

test('metadata and context agree', async () => {
  const context = { metadata: Uint8Array.of(1, 2, 3, 4), ingressIfindex: 1, rxQueueIndex: 0 };
  const { vm, differences } = await both('test/fixtures/bpf/kernelRun.bpf.c', 'grow', 'Ether()/IP()/UDP()', context);
  expect(differences).toEqual([]);
  expect(vm.metadataOut).toEqual(Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0, 0, 1, 2, 3, 4));
  expect(vm.ctxOut).toMatchObject({ data: 12, ingress_ifindex: 1 });
});

test('a packet of 9000 bytes agrees', async () => {
  const { vm, differences } = await both(
    'test/fixtures/bpf/kernelRun.bpf.c',
    'look',
    'Ether()/IP()/UDP()/Raw(b"x"*8958)',
  );
  expect(differences).toEqual([]);
  expect(vm.packetOut.length).toBe(9000);
});

test('what differs is named, with both values', async () => {
  const folder = project({
    'clock.bpf.c': `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } times SEC(".maps");
SEC("xdp") int clock(struct xdp_md *ctx) {
  __u32 key = 3;
  __u64 now = bpf_ktime_get_ns() | 1;
  bpf_map_update_elem(&times, &key, &now, BPF_ANY);
  return now & (1ULL << 60) ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
  });
  const object = await openObject(join(folder, 'clock.bpf.c'), { bundledInclude });
  const packet = parsePacketText('Ether()/IP()').bytes;
  const { differences } = await runPacketBoth(client, object, { program: 'clock', packet, context: {}, repeat: 1 });
  expect(differences).toEqual([{ what: 'maps.times[3]', kernel: expect.stringMatching(/^\d+$/), vm: '1000001001' }]);
});

test('a program that faults has no verdict, but a place', async () => {
  const folder = project({
    'wild.bpf.c': `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int wild(struct xdp_md *ctx) {
  return *(volatile char *)((long)ctx->data + 5000);
}`,
  });
  const object = await openObject(join(folder, 'wild.bpf.c'), { bundledInclude });
  const packet = parsePacketText('Ether()/IP()').bytes;
  const run = () => runPacketVm(object, { program: 'wild', packet, context: {}, repeat: 1 }, [0]);
  await expect(run()).rejects.toThrow(
    expect.objectContaining({
      code: 'test-run-failed',
      details: expect.objectContaining({ engine: 'vm', reason: 'memory', file: join(folder, 'wild.bpf.c'), line: 4 }),
    }),
  );
  await expect(run()).rejects.toThrow(/read of 1 byte at offset 5000 of the packet, which has 34 bytes/);
});
