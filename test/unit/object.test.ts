import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { layoutOf } from '../../extension/core/maps/layout.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { decodeValue } from '../../extension/core/maps/value.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { sectionKind } from '../../extension/core/object/sections.ts';
import { locateInsn } from '../../extension/core/verifier/locate.ts';
import { askTool, bpfPrelude, compileBpf, mutate, seeded } from '../support/bpfFixture.ts';
import { libbpfSectionType, openWithLibbpf } from '../support/bpfFixtureLibbpf.ts';

const rich = `${bpfPrelude}
struct flow_key { __be32 saddr, daddr; __be16 sport, dport; __u8 proto; };
struct flow_stats { __u64 packets, bytes; };
struct { __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH); __uint(max_entries, 1024); __type(key, struct flow_key);
  __type(value, struct flow_stats); __uint(pinning, LIBBPF_PIN_BY_NAME); } flows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 64); __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct { __u32 prefixlen; __u8 data[4]; }); __type(value, char[16]); } routes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 8); __uint(key_size, 4); __uint(value_size, 8); } ports SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } inner0 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __uint(key_size, 4); __array(values, struct inner); }
  outer SEC(".maps") = { .values = { [0] = &inner0 } };
int next_stage(struct xdp_md *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __uint(key_size, 4); __array(values, int (void *)); } stages SEC(".maps")
  = { .values = { [1] = (void *)&next_stage } };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, int); __type(value, int); } perf SEC(".maps");

__u64 seen = 5;
__u32 limits[3] = { 7, 8, 9 };
static volatile __u16 hidden = 0xbeef;
__u64 zeroed[10];
const volatile __u8 verbose = 1;
const volatile __u32 tuning SEC(".rodata.tuning") = 3;
__u32 special SEC(".data.special") = 0xabcd;
static volatile __u32 private_zero;

static __attribute__((noinline)) int twice(int x) { hidden += x; return x * 2; }
static __attribute__((noinline)) int deeper(int x) { return twice(x + hidden) + 1; }
__attribute__((noinline)) int account(struct xdp_md *ctx)
{
	struct flow_key key = {};
	struct flow_stats *stats = bpf_map_lookup_elem(&flows, &key);

	if (stats)
		stats->packets += verbose + tuning + special;
	return deeper(zeroed[ctx->rx_queue_index & 7]);
}
SEC("xdp") int first_stage(struct xdp_md *ctx) { bpf_tail_call(ctx, &stages, 1); return account(ctx) & 1; }
SEC("xdp") int second(struct xdp_md *ctx) { seen += limits[ctx->rx_queue_index & 1] + private_zero; return twice(2) + account(ctx); }
SEC("xdp.frags") int next_stage(struct xdp_md *ctx) { return XDP_PASS; }
SEC("tc") int classify(struct __sk_buff *skb) { return 0; }
SEC("?kprobe/do_nothing") int optional(void *ctx) { return 0; }
char _license[] SEC("license") = "Dual BSD/GPL";
`;

test('programs and maps are the ones that libbpf sees', () => {
  const object = compileBpf(rich);
  const ours = parseObject(object);
  const theirs = openWithLibbpf(object);
  if (theirs === undefined) throw new Error('libbpf refused the fixture');
  expect(ours.programs.map(({ name, section, type, insns }) => ({ name, section, type, insns }))).toEqual(
    theirs.programs,
  );
  expect(
    ours.maps.map(({ name, type, keySize, valueSize, maxEntries, flags }) => ({
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
    })),
  ).toEqual(theirs.maps);
  expect(theirs.maps.length).toBeGreaterThan(12);
  expect(ours.license).toBe('Dual BSD/GPL');
  expect(ours.warnings).toEqual([]);
});

test('declared types, pinning, frags and the first line of each program are known', () => {
  const { maps, programs } = parseObject(compileBpf(rich));
  const of = (name: string): [string | undefined, string | undefined, string] | undefined => {
    const map = maps.find((candidate) => candidate.name === name);
    return map === undefined ? undefined : [map.keyType, map.valueType, map.pinning];
  };
  expect(of('flows')).toEqual(['struct flow_key', 'struct flow_stats', 'by-name']);
  expect(of('routes')).toEqual(['struct {…}', 'char[16]', 'none']);
  expect(of('ports')).toEqual([undefined, undefined, 'none']);
  expect(of('.data')).toEqual([undefined, undefined, 'none']);
  expect(
    maps
      .filter((map) => map.globalData)
      .map((map) => map.name)
      .sort(),
  ).toEqual(['.bss', '.data', '.data.special', '.rodata', '.rodata.tuning']);
  expect(programs.filter((program) => program.frags).map((program) => program.name)).toEqual(['next_stage']);
  const lines = rich.split('\n');
  for (const { name, source } of programs) {
    expect(source?.file).toMatch(/fixture\.bpf\.c$/);
    expect(lines[(source?.line ?? 0) - 1]).toContain(` ${name}(`);
  }
});

test('global variables decode from the bytes that the compiler wrote', () => {
  const object = compileBpf(rich);
  const { btf, maps } = parseObject(object);
  const decodeSection = (name: string): unknown => {
    const map = maps.find((candidate) => candidate.name === name);
    if (map === undefined || btf === undefined) throw new Error(`no ${name}`);
    const hex = askTool('llvm-readelf', ['-x', name, '@'], object);
    const pairs = [...hex.matchAll(/^0x[0-9a-f]+ ((?:[0-9a-f]{2,8} ?){1,4}) /gm)].flatMap(
      (row) => (row[1] ?? '').match(/[0-9a-f]{2}/g) ?? [],
    );
    const bytes = Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
    expect(bytes.length).toBe(map.valueSize);
    const schema = mapSchema(map, btf, map.keyTypeId, map.valueTypeId, [0]);
    return decodeValue(schema.value, bytes);
  };
  expect(decodeSection('.data')).toEqual({ seen: '5', limits: [7, 8, 9], hidden: 0xbeef });
  expect(decodeSection('.rodata')).toEqual({ verbose: 1 });
  expect(decodeSection('.data.special')).toEqual({ special: 0xabcd });
  const bss = maps.find((map) => map.name === '.bss');
  const layout = btf === undefined ? undefined : layoutOf(btf, bss?.valueTypeId ?? 0);
  expect(layout?.kind === 'struct' ? layout.fields.map((field) => field.name).sort() : undefined).toEqual([
    'private_zero',
    'zeroed',
  ]);
});

test('section names mean what they mean to libbpf', () => {
  const names = (
    'xdp xdp.frags xdp/devmap xdp.frags/devmap xdp/cpumap xdp.frags/cpumap xdp/foo xdp_foo xdp.frags/foo xdp_devmap/x xdpx ?xdp prog 1/0 ' +
    'tc tc/foo classifier classifier/x action socket socket1 socket_filter kprobe kprobe/x kprobex kretprobe/x uprobe/x uprobe.s/x kprobe.multi/x ksyscall/x usdt/x ' +
    'tracepoint tracepoint/a/b tp/a/b raw_tp/x raw_tp.w/x raw_tracepoint/x raw_tracepoint.w/x tp_btf/x fentry/x fentry.s/x fexit/x fmod_ret/x freplace/x ' +
    'lsm/x lsm.s/x lsm_cgroup/x iter/x iter.s/x syscall syscall/x perf_event perf_event/x lwt_in lwt_out lwt_xmit lwt_seg6local sockops sk_skb ' +
    'sk_skb/stream_parser sk_skb/stream_verdict sk_skb/x sk_msg lirc_mode2 flow_dissector cgroup_skb/ingress cgroup_skb/egress cgroup/skb cgroup_skb ' +
    'cgroup/sock_create cgroup/sock_release cgroup/sock cgroup/post_bind4 cgroup/post_bind6 cgroup/bind4 cgroup/connect6 cgroup/sendmsg4 cgroup/recvmsg6 ' +
    'cgroup/getpeername4 cgroup/getsockname6 cgroup/sysctl cgroup/getsockopt cgroup/setsockopt cgroup/dev struct_ops struct_ops/x sk_lookup sk_lookup/x ' +
    'sk_reuseport sk_reuseport/migrate .text maps foo'
  ).split(' ');
  // libbpf strips the question mark before it looks the name up.
  const theirs = names.map((name) => [name, libbpfSectionType(name.replace(/^\?/, ''))]);
  expect(names.map((name) => [name, sectionKind(name).type])).toEqual(theirs);
});

test('names that newer versions of libbpf know', () => {
  const newer = {
    'tcx/ingress': 'sched_cls',
    'tc/egress': 'sched_cls',
    'netkit/peer': 'sched_cls',
    netfilter: 'netfilter',
  };
  for (const [section, type] of Object.entries(newer)) expect(sectionKind(section)).toEqual({ type, frags: false });
});

test('old-style objects: custom sections stay unspec and legacy maps are listed, both with a warning', () => {
  const { programs, maps, warnings } = parseObject(
    compileBpf(`${bpfPrelude}
struct bpf_map_def_old { unsigned int type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def_old counters SEC("maps") = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12, 5, 0 };
struct bpf_map_def_old seen SEC("maps") = { BPF_MAP_TYPE_HASH, 6, 8, 100, 1 };
SEC("xdp_pass") int pass(struct xdp_md *ctx) { return bpf_map_lookup_elem(&counters, ctx) ? 2 : 1; }
`),
  );
  expect(programs.map(({ name, type }) => [name, type])).toEqual([['pass', 'unspec']]);
  expect(
    maps.map(({ name, type, keySize, valueSize, maxEntries, flags }) => [
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
    ]),
  ).toEqual([
    ['counters', 'percpu_array', 4, 12, 5, 0],
    ['seen', 'hash', 6, 8, 100, 1],
  ]);
  expect(warnings).toHaveLength(2);
  expect(warnings.join(' ')).toMatch(/SEC\("xdp"\).*SEC\("\.maps"\)/);
});

test('no debug information: programs and global data are there, without types, and maps are missed with a warning', () => {
  const { programs, maps, btf, warnings } = parseObject(compileBpf(rich, { flags: ['-O2'] }));
  expect(btf).toBeUndefined();
  expect(programs.map(({ name }) => name)).toContain('first_stage');
  expect(programs.every(({ source }) => source === undefined)).toBe(true);
  expect(maps.every((map) => map.globalData && map.valueTypeId === 0)).toBe(true);
  expect(warnings.join(' ')).toMatch(/Compile it with -g/);
});

test('a big-endian object declares the same', () => {
  const shape = (object: Uint8Array): unknown => {
    const { programs, maps, license } = parseObject(object);
    return { license, programs: programs.map(({ name, type, section }) => [name, type, section]), maps };
  };
  expect(shape(compileBpf(rich, { target: 'bpfeb' }))).toEqual(shape(compileBpf(rich)));
});

test('the only function of an object may stand in .text', () => {
  const lonely = parseObject(compileBpf(`${bpfPrelude}\nint lonely(struct xdp_md *ctx) { return 2; }`));
  expect(lonely.programs.map(({ name, section, type }) => [name, section, type])).toEqual([
    ['lonely', '.text', 'unspec'],
  ]);
});

test('map definitions that libbpf refuses are named, with the reason', () => {
  const check = (definition: string, message: RegExp): void => {
    const object = compileBpf(
      `${bpfPrelude}\n${definition}\nSEC("xdp") int f(struct xdp_md *ctx) { return bpf_map_lookup_elem(&bad, ctx) ? 1 : 2; }`,
    );
    expect(openWithLibbpf(object)).toBeUndefined();
    expect(() => parseObject(object)).toThrow(message);
    expect(() => parseObject(object)).toThrow(XdpError);
  };
  check('int bad SEC(".maps");', /map bad .* not defined as a struct/);
  check('struct { int type; } bad SEC(".maps");', /attribute type is not written with __uint/);
  check('struct { __uint(type, 1); int key; } bad SEC(".maps");', /attribute key is not written with __type/);
  check('struct { __uint(type, 1); __type(value, struct nothing); } bad SEC(".maps");', /struct nothing, has no size/);
  check(
    'struct { __uint(type, 1); __uint(key_size, 8); __type(key, int); } bad SEC(".maps");',
    /4 bytes, but key_size says 8/,
  );
});

test('thousands of damaged objects: an answer or an XdpError', { timeout: 60_000 }, () => {
  const object = compileBpf(rich);
  const random = seeded(20260);
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const damagedObject = mutate(object, random);
    try {
      const { maps, btf, programs } = parseObject(damagedObject);
      for (const map of maps) mapSchema(map, btf, map.keyTypeId, map.valueTypeId, [0, 1]);
      for (const program of programs) locateInsn(damagedObject, program.name, 3);
    } catch (error) {
      if (!(error instanceof XdpError)) throw new Error(`round ${round}`, { cause: error });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(300);
});
