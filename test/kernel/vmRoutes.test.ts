import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { Inputs } from '../../extension/core/vm/helpers/world.ts';
import { fixtureText, helper, type VethLab, vethLab } from '../support/kernelHelper.ts';
import { loadPair } from '../support/vmKernel.ts';

/** The machine's answers about routes and MTUs, from given tables, beside those of a kernel that has the same tables. */
let lab: VethLab;
let client: HelperClient;
beforeEach(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
});

const ask = `
SEC("xdp") int fib(struct xdp_md *ctx) {
  __u32 *in = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct bpf_fib_lookup params;
  if (in + 21 > end) return XDP_ABORTED;
  __u32 flags = in[4];
  long answer;
  __builtin_memcpy(&params, in + 5, sizeof(params));
  answer = bpf_fib_lookup(ctx, &params, sizeof(params), flags);
  __builtin_memcpy(in + 5, &params, sizeof(params));
  in[4] = answer;
  return XDP_PASS;
}
SEC("xdp") int mtu(struct xdp_md *ctx) {
  __u32 *in = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (in + 8 > end) return XDP_ABORTED;
  __u32 length = in[5];
  in[4] = bpf_check_mtu(ctx, in[7], &length, (__s32)in[6], 0);
  in[5] = length;
  return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const skipNeighbour = 4;
const xdpPass = 2;

test('bpf_fib_lookup fills the same fields', async () => {
  const { near, ifindex } = lab;
  lab.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  lab.run('ip', 'addr', 'add', 'fd00:99::1/64', 'dev', near, 'nodad');
  lab.run('ip', 'link', 'set', near, 'address', '02:00:00:00:00:01');
  lab.run('ip', 'neigh', 'add', '10.99.0.9', 'lladdr', '02:00:00:00:00:09', 'dev', near, 'nud', 'permanent');
  lab.run('ip', 'neigh', 'add', 'fd00:99::9', 'lladdr', '02:00:00:00:00:09', 'dev', near, 'nud', 'permanent');
  lab.run('ip', 'route', 'add', '10.1.0.0/16', 'via', '10.99.0.9', 'metric', '7');
  lab.run('ip', 'route', 'add', '10.1.2.0/23', 'via', '10.99.0.9', 'mtu', 'lock', '1400');
  lab.run('ip', 'route', 'add', '10.3.0.0/16', 'via', 'inet6', 'fd00:99::9', 'dev', near);
  lab.run('ip', 'route', 'add', '10.4.0.0/16', 'via', '10.99.0.77');
  lab.run('ip', '-6', 'route', 'add', 'fd01::/33', 'via', 'fd00:99::9');
  const macs = { sourceMac: bytes(2, 0, 0, 0, 0, 1), neighbourMac: bytes(2, 0, 0, 0, 0, 9) };
  const nine = bytes(10, 99, 0, 9);
  const nine6 = bytes(0xfd, 0, 0, 0x99, ...Array.from({ length: 11 }, () => 0), 9);
  const to = { ifindex, mtu: 1500 };
  const routes = [
    { ...to, ...macs, destination: bytes(10, 1, 0, 0), prefixLength: 16, gateway: nine, metric: 7 },
    { ...to, ...macs, destination: bytes(10, 1, 2, 0), prefixLength: 23, gateway: nine, mtu: 1400 },
    { ...to, ...macs, destination: bytes(10, 3, 0, 0), prefixLength: 16, gateway: nine6 },
    { ...to, destination: bytes(10, 4, 0, 0), prefixLength: 16, gateway: bytes(10, 99, 0, 77) },
    {
      ...to,
      ...macs,
      destination: new Uint8Array(16).fill(0xfd, 0, 1).fill(1, 1, 2),
      prefixLength: 33,
      gateway: nine6,
    },
  ];
  const pair = await loadPair(client, fixtureText('fib', ask), ['fib'], { inputs: { routes } });
  const v6 = (...start: number[]): Uint8Array => {
    const address = new Uint8Array(16);
    address.set(start);
    return address;
  };
  try {
    for (const destination of [
      bytes(10, 1, 9, 9),
      bytes(10, 1, 3, 9),
      bytes(10, 1, 4, 1),
      bytes(10, 3, 0, 1),
      bytes(10, 4, 0, 1),
      bytes(10, 5, 0, 1),
      v6(0xfd, 1, 0, 0, 0x7f),
      v6(0xfd, 1, 0, 0, 0x80),
    ]) {
      for (const flags of [0, skipNeighbour]) {
        for (const length of [0, 1400, 1401, 1500, 1501]) {
          const packet = new Uint8Array(20 + 64);
          const view = new DataView(packet.buffer);
          view.setUint32(16, flags, true);
          packet[20] = destination.length === 4 ? 2 : 10;
          view.setUint16(26, length, true);
          view.setUint32(28, ifindex, true);
          packet.set(destination, 20 + 32);
          // What the kernel clears.
          packet.fill(0xee, 20 + 48, 20 + 64);
          packet.set(destination.length === 4 ? bytes(10, 99, 0, 1) : v6(0xfd, 0, 0, 0x99), 20 + 16);
          const request = { program: 'fib', packet, ingressIfindex: ifindex };
          expect(await pair.run(request)).toEqual([]);
          expect(pair.machine.runXdp(request).retval).toBe(xdpPass);
        }
      }
    }
  } finally {
    await pair.close();
  }
});

test('bpf_check_mtu compares as the kernel does, also what is no length', async () => {
  const { ifindex } = lab;
  const inputs: Inputs = { mtus: { [ifindex]: 1500 } };
  const pair = await loadPair(client, fixtureText('mtu', ask), ['mtu'], { inputs });
  try {
    for (const length of [0, 1, 1500, 1501, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      for (const more of [0, 1, -1, -1600, 1440, 1441, 0x7fff_ffff, -0x8000_0000]) {
        for (const at of [0, ifindex, 9999]) {
          const packet = new Uint8Array(74);
          const view = new DataView(packet.buffer);
          view.setUint32(20, length, true);
          view.setInt32(24, more, true);
          view.setUint32(28, at, true);
          const request = { program: 'mtu', packet, ingressIfindex: ifindex };
          expect(await pair.run(request)).toEqual([]);
          expect(pair.machine.runXdp(request).retval).toBe(xdpPass);
        }
      }
    }
  } finally {
    await pair.close();
  }
});
