import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clangs, compileText, describeDiagnostics } from '../support/toolchain.ts';
import { bpftool, PrivateBpffs, scapy } from '../support/toolchainKernel.ts';

let bpffs: PrivateBpffs;
beforeAll(() => {
  bpffs = new PrivateBpffs();
});
afterAll(() => bpffs.dispose());

/** Each macro, and what the kernel has to say about its map. `use` makes the program hold on to it. */
const maps: readonly [declaration: string, type: string, key: number, value: number, max: number][] = [
  ['BPF_MAP(m, BPF_MAP_TYPE_HASH, u32, struct value, 7)', 'hash', 4, 16, 7],
  ['BPF_MAP(m, BPF_MAP_TYPE_LPM_TRIE, struct prefix, u32, 7)', 'lpm_trie', 8, 4, 7],
  ['BPF_MAP(m, BPF_MAP_TYPE_DEVMAP, u32, struct bpf_devmap_val, 7)', 'devmap', 4, 8, 7],
  ['BPF_HASH(m, u32, u32, 10240)', 'hash', 4, 4, 10240],
  ['BPF_HASH(m, struct value, u8, 3)', 'hash', 16, 1, 3],
  ['BPF_LRU_HASH(m, u64, struct value, 64)', 'lru_hash', 8, 16, 64],
  ['BPF_PERCPU_HASH(m, u16, u64, 9)', 'percpu_hash', 2, 8, 9],
  ['BPF_LRU_PERCPU_HASH(m, u32, u64, 64)', 'lru_percpu_hash', 4, 8, 64],
  ['BPF_LPM_TRIE(m, struct prefix, struct value, 5)', 'lpm_trie', 8, 16, 5],
  ['BPF_ARRAY(m, struct value, 5)', 'array', 4, 16, 5],
  ['BPF_PERCPU_ARRAY(m, u32, 5)', 'percpu_array', 4, 4, 5],
  ['BPF_QUEUE(m, struct value, 5)', 'queue', 0, 16, 5],
  ['BPF_STACK(m, be32, 5)', 'stack', 0, 4, 5],
  ['BPF_PROG_ARRAY(m, 5)', 'prog_array', 4, 4, 5],
  ['BPF_PERF_OUTPUT(m, 5)', 'perf_event_array', 4, 4, 5],
  ['BPF_RINGBUF(m, 64 * 1024)', 'ringbuf', 0, 0, 65536],
  ['BPF_DEVMAP(m, 5)', 'devmap', 4, 4, 5],
  ['BPF_DEVMAP_HASH(m, 5)', 'devmap_hash', 4, 4, 5],
  ['BPF_CPUMAP(m, 1)', 'cpumap', 4, 4, 1],
  ['BPF_XSKMAP(m, 5)', 'xskmap', 4, 4, 5],
  ['BPF_ARRAY_OF_MAPS(m, inner, 5)', 'array_of_maps', 4, 4, 5],
  ['BPF_HASH_OF_MAPS(m, u64, inner, 5)', 'hash_of_maps', 8, 4, 5],
];

/** A call that the verifier allows for maps of this type, so that the loaded program refers to the map. */
function use(type: string): string {
  switch (type) {
    case 'queue':
    case 'stack':
      return 'bpf_map_pop_elem(&m, buffer)';
    case 'prog_array':
      return '({ bpf_tail_call(ctx, &m, 0); 0; })';
    case 'perf_event_array':
      return 'bpf_perf_event_output(ctx, &m, BPF_F_CURRENT_CPU, buffer, 8)';
    case 'ringbuf':
      return 'bpf_ringbuf_output(&m, buffer, 8, 0)';
    case 'devmap':
    case 'devmap_hash':
    case 'cpumap':
    case 'xskmap':
      return 'bpf_redirect_map(&m, 0, 0)';
    default:
      return 'bpf_map_lookup_elem(&m, buffer) != 0';
  }
}

/** One program that uses each of these maps; the macros name them all `m`, and here they become m0, m1, … */
function programOf(header: string, entries: typeof maps): string {
  const parts = entries.map(([declaration, type], index) => ({
    declaration: declaration.replace('(m,', `(m${index},`),
    use: use(type).replace('&m', `&m${index}`),
  }));
  return `#include ${header}
#include <xdp_maps.h>
struct value { u64 packets, bytes; };
struct prefix { u32 prefixlen; be32 addr; };
BPF_ARRAY(inner, u64, 4);
${parts.map((part) => `${part.declaration};`).join('\n')}
SEC("xdp") int prog(struct xdp_md *ctx)
{
	char buffer[16] __attribute__((aligned(8), unused)) = {};
${parts.map((part) => `	if (${part.use}) return XDP_DROP;`).join('\n')}
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
`;
}

async function checkInKernel(header: string, clangPath: string, entries: typeof maps): Promise<void> {
  const result = await compileText(programOf(header, entries), { clangPath });
  expect(describeDiagnostics(result), clangPath).toEqual([]);
  const object = bpffs.load(result.object ?? '');
  for (const [index, [, type, key, value, max]] of entries.entries()) {
    const expected = { type, bytes_key: key, bytes_value: value, max_entries: max };
    expect(object.map(`m${index}`)).toMatchObject(expected);
  }
}

test.each(maps)('%s', async (...entry) => {
  for (const clangPath of clangs) await checkInKernel('<linux/bpf.h>', clangPath, [entry]);
});

test.each(clangs)('%s: all of them in one program, on top of vmlinux.h', async (clangPath) => {
  await checkInKernel('"vmlinux.h"', clangPath, maps);
});

test('the kernel keeps the types of keys and values, so that tools can name their fields', async () => {
  const source = `#include <linux/bpf.h>
#include <xdp_maps.h>
struct value { u64 packets, bytes; };
BPF_PERCPU_HASH(m, be32, struct value, 4);
SEC("xdp") int prog(struct xdp_md *ctx)
{
	be32 key = 1;
	struct value value = { .packets = 3, .bytes = 4 };
	return bpf_map_update_elem(&m, &key, &value, BPF_ANY) ? XDP_ABORTED : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
`;
  const result = await compileText(source);
  const object = bpffs.load(result.object ?? '');
  const { id } = object.map('m');
  expect(bpffs.run(object.programs[0]?.pin ?? '', Buffer.alloc(64)).retval).toBe(2);
  const [entry] = JSON.parse(bpftool('-j', 'map', 'dump', 'id', String(id)));
  expect(entry.formatted.key).toBe(1);
  const values: { value: { packets: number; bytes: number } }[] = entry.formatted.values;
  expect(values.reduce((sum, { value }) => sum + value.packets, 0)).toBe(3);
  expect(Object.keys(values[0]?.value ?? {})).toEqual(['packets', 'bytes']);
});

/** A program that says what xdp_parse.h made of a packet: 100 + protocol, 1 for refused, 2 for no IP. */
const parser = (header: string): string => `#include ${header}
#include <xdp_parse.h>
SEC("xdp") int parse(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	__be16 ethertype;
	__u8 protocol;
	void *l4;

	if (!xdp_parse_eth_vlan(&cur, &ethertype))
		return 1;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = xdp_parse_ipv4(&cur);
		if (!ip)
			return 1;
		if (xdp_ipv4_is_later_fragment(ip))
			return 3;
		protocol = ip->protocol;
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		if (!xdp_parse_ipv6_proto(&cur, &protocol))
			return 1;
	} else {
		return 2;
	}
	switch (protocol) {
	case IPPROTO_TCP:
		l4 = xdp_parse_tcp(&cur);
		break;
	case IPPROTO_UDP:
		l4 = xdp_parse_udp(&cur);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		l4 = xdp_parse_icmp(&cur);
		break;
	default:
		return 4;
	}
	if (!l4)
		return 1;
	return 1000 * protocol + xdp_remaining(&cur);
}
char _license[] SEC("license") = "GPL";
`;

const udp = 17_000;
const tcp = 6_000;
const icmp = 1_000;
const icmp6 = 58_000;
/** Packets and the verdict: the protocol and how many bytes of payload are left behind the headers. */
const packets: readonly [scapy: string, verdict: number][] = [
  ["Ether()/IP()/UDP(dport=53)/Raw(b'x'*5)", udp + 5],
  ["Ether()/Dot1Q(vlan=7)/IP()/TCP()/Raw(b'x'*9)", tcp + 9],
  ['Ether()/Dot1AD(vlan=7)/Dot1Q(vlan=8)/IP()/TCP()', tcp],
  ['Ether()/Dot1Q()/Dot1Q()/Dot1Q()/IP()/TCP()', 2],
  ["Ether()/IP(options=[IPOption_NOP()]*8)/TCP(options=[('MSS',1460),('NOP',None)])/Raw(b'abc')", tcp + 3],
  ['Ether()/IP()/ICMP()', icmp],
  ["Ether()/IPv6()/UDP()/Raw(b'1234')", udp + 4],
  ['Ether()/IPv6()/ICMPv6EchoRequest()', icmp6],
  ["Ether()/IPv6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP()/Raw(b'12')", tcp + 2],
  ["Ether()/IPv6()/IPv6ExtHdrRouting(addresses=['::2','::3'])/UDP()", udp],
  ['Ether()/IPv6()/IPv6ExtHdrFragment()/UDP()', 4],
  ["Ether()/IP(frag=3)/Raw(b'x'*40)", 3],
  ['Ether()/ARP()', 2],
  ['Ether()/IP(proto=47)/Raw(b"gre")', 4],
  ['Ether()/IP(ihl=4)/UDP()', 1],
  ['Ether()/IP(ihl=15)/UDP()', 1],
  ['Ether()/IP(version=5)/UDP()', 1],
  ['Ether()/IPv6(version=4)/UDP()', 1],
  ['Ether()/IP()/TCP(dataofs=4)', 1],
  ['Ether()/IP()/TCP(dataofs=15)', 1],
  ['Ether()/IP()/UDP(len=7)', 1],
];

test('xdp_parse.h reads what Scapy builds, with every clang and both families of headers', async () => {
  const built = scapy(...packets.map(([expression]) => expression));
  for (const clangPath of clangs) {
    for (const header of ['<linux/bpf.h>', '"vmlinux.h"']) {
      const result = await compileText(parser(header), { clangPath });
      expect(describeDiagnostics(result)).toEqual([]);
      const pin = bpffs.load(result.object ?? '').programs[0]?.pin ?? '';
      const verdicts = built.map((packet, index) => [packets[index]?.[0], bpffs.run(pin, packet).retval]);
      expect(verdicts, join(clangPath, header)).toEqual(packets.map(([expression, verdict]) => [expression, verdict]));
    }
  }
});

test('xdp_parse.h refuses every packet that is cut inside its headers', async () => {
  const whole = scapy(
    "Ether()/Dot1Q()/IP(options=[IPOption_NOP()]*4)/TCP(options=[('MSS',1460)])",
    'Ether()/IPv6()/IPv6ExtHdrHopByHop()/UDP()',
  );
  const result = await compileText(parser('<linux/bpf.h>'));
  const pin = bpffs.load(result.object ?? '').programs[0]?.pin ?? '';
  for (const [index, packet] of whole.entries()) {
    for (let length = 14; length < packet.length; length++) {
      expect(bpffs.run(pin, packet.subarray(0, length)).retval, `${length} bytes`).toBe(1);
    }
    expect(bpffs.run(pin, packet).retval).toBe(index === 0 ? tcp : udp);
  }
});
