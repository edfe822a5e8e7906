import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { createMachine, describeFault, type MachineOptions, type XdpRun } from '../../extension/core/vm/machine.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';

/** Runs `program` of BPF C on a packet of 64 zero bytes. */
function run(source: string, options: MachineOptions = {}, program = 'prog'): XdpRun {
  const machine = createMachine(compileBpf(`${bpfPrelude}${source}\nchar _license[] SEC("license") = "GPL";`), options);
  return machine.runXdp({ program, packet: new Uint8Array(64) });
}

const beyond = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
  __u32 key = 0;
  volatile __u64 *count = bpf_map_lookup_elem(&counts, &key);
  if (!count) return 0;
  count[1] = 5; /* the next value */
  return 2;
}`;

test('running from one map value into the next is found, with the line', () => {
  const { fault, retval } = run(beyond);
  expect(fault).toMatchObject({ reason: 'memory', function: 'prog', program: 'prog' });
  expect(fault?.message).toBe('write of 8 bytes at offset 8 of map value of counts, which has 8 bytes');
  const line = `${bpfPrelude}${beyond}`.split('\n').findIndex((text) => text.includes('the next value')) + 1;
  expect(fault?.source).toMatchObject({ line });
  expect(fault && describeFault(fault)).toContain(`fixture.bpf.c:${line}, in prog: write of 8 bytes`);
  expect(retval).toBe(0);
});

test('a packet read beyond its end names the packet and its length', () => {
  const { fault } = run('SEC("xdp") int prog(struct xdp_md *ctx) { return *((volatile __u8 *)(long)ctx->data + 64); }');
  expect(fault?.message).toBe('read of 1 byte at offset 64 of the packet, which has 64 bytes');
});

test('a map miss that is not tested is a null pointer', () => {
  const { fault } = run(`
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } none SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) { __u32 key = 1; return *(volatile __u32 *)bpf_map_lookup_elem(&none, &key); }`);
  expect(fault).toMatchObject({ reason: 'null' });
});

test('read-only data cannot be written', () => {
  const { fault } = run(`
const volatile __u32 fixed = 3;
SEC("xdp") int prog(struct xdp_md *ctx) { *(volatile __u32 *)&fixed = 4; return 2; }`);
  expect(fault?.message).toBe('write of 4 bytes at offset 0 of map value of .rodata, which may not be written');
});

test('a helper that is not here stops the run by its name', () => {
  const { fault } = run('SEC("xdp") int prog(struct xdp_md *ctx) { return bpf_get_socket_cookie(ctx); }');
  expect(fault).toMatchObject({ reason: 'helper' });
  expect(fault?.message).toBe('bpf_get_socket_cookie (helper 46) is not available in the built-in machine');
});

test('a program that does not end is stopped', () => {
  const { fault, insnsExecuted } = run(
    'SEC("xdp") int prog(struct xdp_md *ctx) { for (volatile int i = 0;; i++) {} }',
    { fuel: 10_000 },
  );
  expect(fault).toMatchObject({ reason: 'fuel' });
  expect(insnsExecuted).toBe(10_000);
});

test('an array counts whole when it is made, a hash by the entries that it has', () => {
  const program = (map: string, body: string): string => `
struct { ${map} } big SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) { ${body} }`;
  const array = program(
    '__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4000000);',
    '__u32 key = 0; return bpf_map_lookup_elem(&big, &key) ? 2 : 1;',
  );
  expect(run(array).retval).toBe(2);
  expect(() => run(array, { memoryLimit: 2_000_000 })).toThrow(/need more than the 1 MiB that the machine may use/);
  const hash = program(
    '__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 20000); __type(key, __u32); __uint(value_size, 200);',
    `char value[200] = {};
    for (__u32 key = 0; key < 20000; key++) bpf_map_update_elem(&big, &key, value, 0);
    return 2;`,
  );
  expect(run(hash)).toMatchObject({ retval: 2, fault: undefined });
  expect(run(hash, { memoryLimit: 2_000_000 }).fault).toMatchObject({ reason: 'limit' });
});

const asked = `
#define ask(value) do { __u32 key = 0; __u64 now = value; bpf_map_update_elem(&seen, &key, &now, 0); } while (0)
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
`;

function seen(body: string, options: MachineOptions = {}, before = ''): bigint {
  const source = `${bpfPrelude}${asked}${before}SEC("xdp") int prog(struct xdp_md *ctx) { ask(${body}); return 2; }
char _license[] SEC("license") = "GPL";`;
  const machine = createMachine(compileBpf(source), options);
  expect(machine.runXdp({ program: 'prog', packet: new Uint8Array(64) })).toMatchObject({
    retval: 2,
    fault: undefined,
  });
  const values = machine.map('seen')?.read().values ?? new Uint8Array(0);
  return new DataView(values.buffer).getBigUint64(0, true);
}

test('time, chance and processor are inputs', () => {
  expect(seen('bpf_ktime_get_ns()', { inputs: { clockNs: 5_000n, clockStepNs: 7n } })).toBe(5_007n);
  expect(seen('bpf_get_smp_processor_id()', { cpuCount: 4, inputs: { cpu: 3 } })).toBe(3n);
  const random = (seed: number): bigint => seen('bpf_get_prandom_u32()', { inputs: { randomSeed: seed } });
  expect(random(1)).toBe(random(1));
  expect(random(1)).not.toBe(random(2));
});

test('kernel options have given values, and stated defaults', () => {
  const options = 'extern int LINUX_KERNEL_VERSION __kconfig; extern int CONFIG_HZ __kconfig __weak;\n';
  expect(seen('LINUX_KERNEL_VERSION', { kernelVersion: 0x60102 }, options)).toBe(0x60102n);
  expect(seen('LINUX_KERNEL_VERSION', {}, options)).toBe(0x60c00n);
  expect(seen('CONFIG_HZ + LINUX_KERNEL_VERSION * 0', { kconfig: { CONFIG_HZ: '250' } }, options)).toBe(250n);
});

const route = {
  destination: Uint8Array.of(10, 0, 0, 0),
  prefixLength: 8,
  ifindex: 7,
  sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  neighbourMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
  mtu: 1400,
};
const lookup = `
static __always_inline long find(struct xdp_md *ctx, __u32 address, __u16 length) {
  struct bpf_fib_lookup params = { .family = 2, .tot_len = length, .ipv4_dst = bpf_htonl(address) };
  long result = bpf_fib_lookup(ctx, &params, sizeof(params), 0);
  return result * 1000000 + params.ifindex * 1000 + params.dmac[5];
}
`;

test('routes are looked up in the given table', () => {
  const inputs = { routes: [route, { ...route, prefixLength: 16, ifindex: 8 }] };
  expect(seen('find(ctx, 0x0a010203, 100)', { inputs }, lookup)).toBe(7_002n);
  expect(seen('find(ctx, 0x0a000203, 100)', { inputs }, lookup)).toBe(8_002n);
  expect(seen('find(ctx, 0x0b010203, 100)', { inputs }, lookup)).toBe(4_000_000n);
  expect(seen('find(ctx, 0x0a010203, 1500)', { inputs }, lookup)).toBe(8_000_000n);
});

test('without a table a route lookup stops the run instead of guessing', () => {
  const { fault } = run(`${lookup}SEC("xdp") int prog(struct xdp_md *ctx) { return find(ctx, 1, 1); }`);
  expect(fault?.message).toBe('bpf_fib_lookup asks for routes, and none were given to the built-in machine');
});

test('ring buffer records and perf events come out', () => {
  const source = `${bpfPrelude}
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
  __u32 *record = bpf_ringbuf_reserve(&ring, 4, 0), big[64] = { 1 };
  if (!record) return 0;
  *record = 0x11223344;
  bpf_ringbuf_submit(record, 0);
  record = bpf_ringbuf_reserve(&ring, 4, 0);
  if (!record) return 0;
  bpf_ringbuf_discard(record, 0);
  int full = 0;
  for (int i = 0; i < 20; i++) full += bpf_ringbuf_output(&ring, big, sizeof(big), 0) == -11;
  bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | (2ULL << 32), &full, 4);
  return full;
}
char _license[] SEC("license") = "GPL";`;
  const machine = createMachine(compileBpf(source), { inputs: { perfReaders: true } });
  const result = machine.runXdp({ program: 'prog', packet: new Uint8Array(64).fill(9) });
  // 4096 bytes, less 16 for each of the two small records, hold 15 of 264; the last byte is never used.
  expect(result).toMatchObject({ fault: undefined, retval: 5 });
  expect(result.perfEvents).toEqual([{ map: 'events', cpu: 0, data: Uint8Array.of(5, 0, 0, 0, 9, 9) }]);
});

test('redirects say where to', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 4); } ports SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) { return bpf_redirect_map(&ports, 2, XDP_DROP); }
SEC("xdp") int direct(struct xdp_md *ctx) { return bpf_redirect(9, 0); }`;
  const machine = createMachine(compileBpf(`${bpfPrelude}${source}\nchar _license[] SEC("license") = "GPL";`));
  const packet = new Uint8Array(64);
  expect(machine.runXdp({ program: 'prog', packet })).toMatchObject({ retval: 1, redirect: undefined });
  machine.map('ports')?.set(Uint8Array.of(2, 0, 0, 0), Uint8Array.of(5, 0, 0, 0));
  const target = { kind: 'map', map: 'ports', key: 2, broadcast: false };
  expect(machine.runXdp({ program: 'prog', packet })).toMatchObject({ retval: 4, redirect: target });
  const direct = { kind: 'interface', ifindex: 9 };
  expect(machine.runXdp({ program: 'direct', packet })).toMatchObject({ retval: 4, redirect: direct });
});

test('without optimisation a program runs as with it', () => {
  const source = `
static __noinline int add(int a, int b) { return a + b; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 4 > end) return XDP_DROP;
  data[3] = add(data[0], 7);
  return data[3] == 7 ? XDP_TX : XDP_PASS;
}
char _license[] SEC("license") = "GPL";`;
  for (const flags of [
    ['-g', '-O2'],
    ['-g', '-O0'],
    ['-g', '-O0', '-mcpu=v3'],
    ['-g', '-Og', '-mcpu=v1'],
  ]) {
    const machine = createMachine(compileBpf(`${bpfPrelude}${source}`, { flags }));
    const result = machine.runXdp({ program: 'prog', packet: new Uint8Array(64) });
    expect(result).toMatchObject({ retval: 3, fault: undefined });
    expect(result.packetOut[3]).toBe(7);
  }
});

test('a field that has another size in the target kernel is read in that size, or not at all', () => {
  const object = (fields: string, read: string): Uint8Array =>
    compileBpf(`${bpfPrelude}
struct thing { ${fields} } __attribute__((preserve_access_index));
struct thing *unused;
SEC("xdp") int prog(struct xdp_md *ctx) {
  struct thing *thing = (void *)(long)ctx->data;
  if ((void *)(thing + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  return ${read};
}
char _license[] SEC("license") = "GPL";`);
  const kernelBtf = parseObject(object('__u8 first; __u32 wide; long long level; __u8 list[8];', '0')).btf;
  if (kernelBtf === undefined) throw new Error('the object has no BTF');
  const answer = (fields: string, read: string): unknown => {
    const machine = createMachine(object(fields, read), { kernelBtf });
    const { fault, retval } = machine.runXdp({ program: 'prog', packet: new Uint8Array(64).map((_, at) => at) });
    return fault?.message ?? retval;
  };
  expect(answer('__u64 wide;', 'thing->wide')).toBe(0x07060504);
  expect(answer('long long level; __u8 first;', 'thing->level + thing->first')).toBe(0x0b0a0908);
  expect(answer('__u8 list[4];', 'thing->list[3]')).toBe(19);
  expect(answer('int level;', 'thing->level')).toBe(
    'the target kernel does not have the field level with 4 bytes: it has 8, and is no unsigned integer (CO-RE)',
  );
});
