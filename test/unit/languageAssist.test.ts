import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { check } from '../../extension/core/c/assist/checks.ts';
import { completionsAt } from '../../extension/core/c/assist/completion.ts';
import { parseHelperDefs } from '../../extension/core/c/assist/helperDefs.ts';
import { firstKernel, parseHelpers, programTypesOf } from '../../extension/core/c/assist/helpers.ts';
import { headerPictures } from '../../extension/core/c/assist/headerPictures.ts';
import { hoverAt } from '../../extension/core/c/assist/hover.ts';
import type { Knowledge } from '../../extension/core/c/assist/knowledge.ts';
import { signatureAt } from '../../extension/core/c/assist/signature.ts';
import { tokensOf } from '../../extension/core/c/assist/tokens.ts';
import { scanSource } from '../../extension/core/c/source.ts';

const read = (name: string): string => readFileSync(`/usr/include/linux/${name}`, 'utf8');
const helpers = parseHelpers(read('bpf.h'));
const headers = ['bpf.h', 'if_ether.h', 'in.h', 'ip.h', 'tcp.h', 'udp.h'].map((name) => scanSource(read(name)));
const knowledge: Knowledge = { helpers, headers, kernel: undefined, usesVmlinux: false };

const head = `#include <linux/bpf.h>
#define SLOTS 8
struct flow { __u32 source; __u16 port; __u8 tags[3]; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, SLOTS * 128); __type(key, __u32); __type(value, struct flow); } flows SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 key = 1;
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);
`;

/** The place of the mark `|` in a program whose body goes on with this text. */
function at(body: string): { source: ReturnType<typeof scanSource>; offset: number } {
  const text = `${head}${body}\n}\n`;
  const offset = text.lastIndexOf('|');
  return { source: scanSource(text.slice(0, offset) + text.slice(offset + 1)), offset };
}

test('code that looks like the end of code stays code', () => {
  const text =
    '#define EVIL a \\\n```\\\n[b](command:c)\n#include <linux/bpf.h>\nSEC("xdp") int p(void) { return EVIL; }\n';
  const hover = hoverAt(scanSource(text), knowledge, text.lastIndexOf('EVIL') + 1)?.text ?? '';
  expect(hover).toContain('[b](command:c)');
  expect(hover).toMatch(/^````c\n[\s\S]*\n````/);
});

test.each([
  ['helpers by their start', 'bpf_xdp_adj|', ['bpf_xdp_adjust_head', 'bpf_xdp_adjust_tail', 'bpf_xdp_adjust_meta']],
  ['no helper of other program types', 'bpf_skb_store|', []],
  ['fields of a header', 'ip->|', ['ttl', 'protocol', 'saddr', 'daddr', 'check', 'ihl', 'version']],
  ['fields of the context', 'ctx->|', ['data', 'data_end', 'data_meta', 'ingress_ifindex', 'rx_queue_index']],
  ['fields of a value', 'flow->|', ['source', 'port', 'tags']],
  ['verdicts', 'return |', ['XDP_PASS', 'XDP_DROP', 'XDP_TX', 'XDP_REDIRECT', 'XDP_ABORTED']],
  ['maps behind &', 'bpf_map_delete_elem(&|', ['flows']],
  ['bit-fields', 'struct tcphdr *tcp = (void *)(ip + 1); tcp->|', ['syn', 'ack', 'dest', 'doff']],
  ['constants of the headers', 'ip->protocol == IPPROTO_U|', ['IPPROTO_UDP']],
  ['structures', 'struct udp|', ['udphdr']],
  ['nothing in a comment', '// bpf_xdp_adj|', []],
  ['nothing in a string', 'bpf_printk("bpf_xdp_adj|', []],
  ['nothing for plain C', 'dat|', []],
])('completion: %s', (_name, body, expected) => {
  const { source, offset } = at(body);
  const labels = completionsAt(source, knowledge, offset).items.map(({ label }) => label);
  if (expected.length === 0) expect(labels).toEqual([]);
  else expect(labels).toEqual(expect.arrayContaining(expected));
});

test.each([
  ['SEC("|', 'xdp.frags'],
  ['struct { __uint(type, |', 'BPF_MAP_TYPE_LPM_TRIE'],
  ['struct { __uint(|', 'max_entries'],
])('completion outside of functions: %s', (text, expected) => {
  const offset = text.indexOf('|');
  const source = scanSource(text.replace('|', ''));
  expect(completionsAt(source, knowledge, offset).items.map(({ label }) => label)).toContain(expected);
});

/** VS Code filters a whole list itself: asked again at each key, it would take on Enter what fitted some keys ago. */
test.each([
  ['return ', 'XDP_PACKET_HEADROOM', 2],
  ['', 'bpf_xdp_adjust_head', 2],
  ['ip->protocol == ', 'IPPROTO_UDP', 2],
  ['struct ', 'udphdr', 0],
  ['ip->', 'protocol', 0],
])('a list of completions is whole before the word is: %s%s', (before, word, wholeFrom) => {
  let whole: string[] | undefined;
  for (let typed = 0; typed <= word.length; typed++) {
    const { source, offset } = at(`${before}${word.slice(0, typed)}|`);
    const { items, isWhole } = completionsAt(source, knowledge, offset);
    const labels = items.map(({ label }) => label);
    if (whole !== undefined) expect(whole, `after ${typed} letters`).toEqual(expect.arrayContaining(labels));
    expect(isWhole, `after ${typed} letters`).toBe(typed >= wholeFrom);
    if (isWhole) whole ??= labels;
  }
  expect(whole).toContain(word);
});

test.each([
  ['bpf_redirect_m|ap', /Since Linux 4\.14\./],
  ['bpf_redirect_m|ap', /From programs of type xdp\./],
  ['x == bpf_ht|ons(ETH_P_IP)', /2048 \(0x0800\); in the packet: `08 00`/],
  ['x == bpf_htons(ETH_P_I|PV6)', /34525 \(0x86dd\)/],
  [
    'bpf_map_delete_elem(&flo|ws, &key)',
    /a value for each CPU[\s\S]*key `__u32`, 4 bytes[\s\S]*value `struct flow`, 12 bytes[\s\S]*at most 1024 entries[\s\S]*16\.0 KiB on each possible CPU/,
  ],
  ['ip->sad|dr', /__be32[\s\S]*network order/],
  ['return XDP_T|X', /goes out where it came in/],
  ['x = SLO|TS', /#define SLOTS 8/],
  ['bpf_map_delete_elem(&flo|ws, &key)', /one value for each \*possible\* CPU/],
  [
    'struct ip|hdr *other;',
    /RFC 791 §3\.1[\s\S]*\|version\|  ihl  \|      tos      \|            tot_len            \|/,
  ],
  ['struct udp|hdr *udp;', /\[RFC 768\]\(https:\/\/www\.rfc-editor\.org\/rfc\/rfc768\.html\)/],
  ['x = BPF_MAP_TYPE_HA|SH', /one value for all CPUs: count with `__sync_fetch_and_add`/],
])('hover: %s', (body, expected) => {
  const { source, offset } = at(body);
  expect(hoverAt(source, knowledge, offset)?.text).toMatch(expected);
});

test.each([
  ['SEC("x|dp")', /\*\*native\*\*[\s\S]*\*\*generic\*\*[\s\S]*\*\*offload\*\*[\s\S]*xdp interfaces/],
  ['SEC("xdp.fra|gs")', /several fragments[\s\S]*\*\*native\*\*/],
  ['SEC("licen|se")', /^`SEC\("license"\)` the licence of the programs$/],
])('hover outside of functions: %s', (text, expected) => {
  const offset = text.indexOf('|');
  const source = scanSource(`${text.replace('|', '')}\nint f(void) { return 0; }\n`);
  expect(hoverAt(source, knowledge, offset)?.text).toMatch(expected);
});

test('the pictures of headers have the fields of the structures at their places, as clang lays them out', () => {
  const includes = ['if_ether', 'if_arp', 'ip', 'ipv6', 'tcp', 'udp', 'icmp', 'icmpv6'].map(
    (name) => `#include <linux/${name}.h>`,
  );
  // Structures of the kernel alone, which no header of user space has.
  const own = ['struct vlan_hdr { __be16 h_vlan_TCI, h_vlan_encapsulated_proto; };'];
  const sctp = 'struct sctphdr { __be16 source, dest; __be32 vtag; __le32 checksum; };';
  const tag = 'struct xdp_vlan_hdr { __be16 tci, proto; };';
  const asserts = [...headerPictures].flatMap(([struct, { fields }]) => {
    let bits = 0;
    const places = fields.flatMap(([name, length]) => {
      const at = bits;
      bits += length;
      return length % 8 === 0 ? [`__builtin_offsetof(struct ${struct}, ${name}) == ${at / 8}`] : [];
    });
    return [...places, `sizeof(struct ${struct}) == ${bits / 8}`];
  });
  expect(asserts.length).toBeGreaterThan(50);
  const source = [...includes, ...own, sctp, tag, ...asserts.map((each) => `_Static_assert(${each}, "");`)].join('\n');
  execFileSync('clang', ['-fsyntax-only', '-x', 'c', '-'], { input: source, stdio: ['pipe', 'pipe', 'inherit'] });
});

test('signature help counts the arguments', () => {
  const { source, offset } = at('bpf_map_update_elem(&flows, &key, |');
  expect(signatureAt(source, knowledge, offset)).toMatchObject({
    active: 2,
    label: expect.stringContaining('long bpf_map_update_elem('),
  });
});

test('packet pointers, map values, maps and helpers are told apart', () => {
  const { source } = at('if ((void *)(ip + 1) > data_end || !flow) bpf_map_delete_elem(&flows, &key);|');
  const named = tokensOf(source, knowledge).map(
    ({ start, length, type }) => `${source.text.slice(start, start + length)} ${type}`,
  );
  expect(new Set(named)).toEqual(
    new Set([
      'data packetPointer',
      'data_end packetPointer',
      'eth packetPointer',
      'ip packetPointer',
      'flow mapValue',
      'flows bpfMap',
      'bpf_map_lookup_elem bpfHelper',
      'bpf_map_delete_elem bpfHelper',
    ]),
  );
});

test('first kernels grow with the numbers of helpers, apart from the three that came late', () => {
  expect([1, 44, 51, 65, 130, 163, 188, 211].map(firstKernel)).toEqual([
    '3.19',
    '4.10',
    '4.14',
    '4.18',
    '5.8',
    '5.12',
    '5.18',
    '6.2',
  ]);
  expect(programTypesOf(44)).toEqual(['xdp']);
});

const checks = `#include <linux/bpf.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
`;

test.each([
  [
    'byte-order',
    'struct ethhdr *eth = data; if ((void *)(eth + 1) > data_end) return 1; if (eth->h_proto == ETH_P_IP) return 2; return 1;',
  ],
  [
    'stale-pointer',
    'struct ethhdr *eth = data; if ((void *)(eth + 1) > data_end) return 1; if (bpf_xdp_adjust_head(ctx, -4)) return 0; return eth->h_proto;',
  ],
  ['map-size', '__u16 key = 1; return bpf_map_lookup_elem(&counts, &key) ? 1 : 2;'],
  ['kernel-too-old', 'return bpf_xdp_get_buff_len(ctx) > 100 ? 1 : 2;'],
  ['hot-printk', '__u32 one = 1; bpf_printk("a packet"); return 2;'],
  ['', 'if (data == data_end) bpf_printk("nothing in it"); return 2;'],
  ['', 'if (data == data_end) return 1; bpf_printk("not every packet"); return 2;'],
  ['', 'for (int i = 0; i < 2; i++) bpf_printk("a loop"); return 2;'],
  [
    '',
    'struct ethhdr *eth = data; if ((void *)(eth + 1) > data_end) return 1; if (eth->h_proto == bpf_htons(ETH_P_IP)) return 2; return 1;',
  ],
  [
    '',
    'struct ethhdr *eth = data; if (bpf_xdp_adjust_head(ctx, -4)) return 0; data = (void *)(long)ctx->data; eth = data; return eth->h_proto;',
  ],
  [
    '',
    'struct ethhdr *eth = data; if (ctx->rx_queue_index) { bpf_xdp_adjust_head(ctx, -4); return 3; } return eth->h_proto;',
  ],
  ['', '__u32 key = 1; return bpf_map_lookup_elem(&counts, &key) ? 1 : 2;'],
])('diagnostics without a kernel: %s %s', (code, body) => {
  const text = `${checks}SEC("xdp") int prog(struct xdp_md *ctx) { void *data = (void *)(long)ctx->data; void *data_end = (void *)(long)ctx->data_end; ${body} }\n`;
  const found = check(scanSource(text), knowledge, { targetKernel: '5.15' }).map((each) => each.code);
  expect(found).toEqual(code === '' ? [] : [code]);
});

test('a packet that nobody compares, and a licence that does not fit', () => {
  const text = `${checks}SEC("xdp") int prog(struct xdp_md *ctx) { struct ethhdr *eth = (void *)(long)ctx->data; bpf_trace_printk("x", 2); return eth->h_proto; }
char _license[] SEC("license") = "Proprietary";\n`;
  expect(check(scanSource(text), knowledge).map((each) => each.code)).toEqual(['licence', 'unchecked-packet']);
});

test('what libbpf 1.0 dropped is said where it stands, and what others call so is not', () => {
  const program = 'SEC("xdp") int prog(struct xdp_md *ctx) { return 2; }';
  const old =
    'struct bpf_map_def SEC("maps") hits = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };';
  const text = `${old}\nBPF_ANNOTATE_KV_PAIR(hits, __u32, __u64);\n${program}`;
  const found = check(scanSource(text), knowledge);
  expect(found.map(({ code, start, end }) => `${code} ${text.slice(start, end)}`)).toEqual([
    'deprecated struct bpf_map_def',
    'deprecated BPF_ANNOTATE_KV_PAIR',
  ]);
  // iproute2's own form, which its loader takes.
  const elf =
    'struct bpf_elf_map SEC("maps") hits = { .type = BPF_MAP_TYPE_ARRAY, .size_key = 4, .size_value = 8, .max_elem = 1 };';
  expect(check(scanSource(`${elf}\n${program}`), knowledge)).toEqual([]);
});

test('every helper of the kernel’s header has a first kernel', () => {
  const without = [...knowledge.helpers.values()].filter(({ id }) => id === undefined || firstKernel(id) === undefined);
  expect(without.map(({ name }) => name)).toEqual([]);
  expect(knowledge.helpers.size).toBeGreaterThan(200);
});

test('hostile text neither hangs nor breaks the analysis', () => {
  const nasty = [
    '('.repeat(20_000),
    '{'.repeat(20_000),
    'a = '.repeat(20_000),
    'SEC("xdp") int f(struct xdp_md *ctx) {'.repeat(500),
    '*'.repeat(50_000),
    'x,'.repeat(30_000),
    '"\\'.repeat(9000),
    'x = y;'.repeat(30_000),
    'if (ip->id == 5) eth = data;'.repeat(8_000),
    'bpf_xdp_adjust_head(ctx, 4);'.repeat(4_000),
    `}\n${'struct bpf_map_def '.repeat(20_000)}`,
  ];
  // Also closed, so that all of it is one function's body.
  for (const text of nasty.flatMap((each) => [each, `${each};\n}\n`])) {
    const source = scanSource(`${head}${text}`);
    for (const offset of [source.text.length, head.length + 5]) {
      completionsAt(source, knowledge, offset);
      hoverAt(source, knowledge, offset);
      signatureAt(source, knowledge, offset);
    }
    tokensOf(source, knowledge);
    check(source, knowledge, { targetKernel: '5.4' });
    expect(source.text.length).toBeGreaterThan(head.length);
  }
});

test('libbpf’s list of helpers says what this machine’s <linux/bpf.h> says', () => {
  const listed = parseHelperDefs(readFileSync('bpf/include/libbpf/bpf/bpf_helper_defs.h', 'utf8'));
  // Either may be newer; a number never changes, and texts seldom do.
  const both = [...helpers.values()].filter(({ name }) => listed.has(name));
  expect(both.length).toBeGreaterThan(150);
  expect(both.filter(({ name, id }) => listed.get(name)?.id !== id)).toEqual([]);
  const said = ({ description, returnText }: { description: string; returnText: string }): string =>
    `${description}\n${returnText}`;
  const same = both.filter((each) => said(listed.get(each.name) ?? each) === said(each));
  expect(same.length / both.length).toBeGreaterThan(0.8);
  // bpf_doc.py declares a pointer to a map as void *.
  const parameters = ['void *map', 'const void *key'];
  expect(listed.get('bpf_map_lookup_elem')).toEqual({ ...helpers.get('bpf_map_lookup_elem'), parameters });
});
