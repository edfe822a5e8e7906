import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { programFacts } from '../../extension/core/preflight/programFacts.ts';
import { xdpActions } from '../../extension/core/xdp.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-preflight-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const head = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __type(key, int); __type(value, int); __uint(max_entries, 4); } ports SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, int); __type(value, int); __uint(max_entries, 4); } verdicts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __type(key, int); __type(value, int); __uint(max_entries, 4); } next SEC(".maps");
`;

/** The object's bytes. */
function compile(source: string, name: string): Uint8Array {
  const out = path.join(folder, `${name}.o`);
  const include = ['-I/usr/include/x86_64-linux-gnu', '-I', path.join(root, 'bpf/include')];
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', ...include, '-c', source, '-o', out]);
  return readFileSync(out);
}

let objects = 0;
function factsOf(section: string, body: string, before = '') {
  objects++;
  const source = path.join(folder, `p${objects}.bpf.c`);
  const program = `SEC("${section}")\nint prog(struct xdp_md *ctx)\n{\n${body}\n}`;
  writeFileSync(source, `${head}${before}\n${program}\nchar _license[] SEC("license") = "GPL";\n`);
  const elf = compile(source, `p${objects}`);
  return programFacts(elf, parseObject(elf), 'prog');
}

const random = 'bpf_get_prandom_u32()';
const actions: [name: string, body: string, actions: string[], before?: string][] = [
  ['one constant', 'return XDP_PASS;', ['XDP_PASS']],
  ['a branch', `return ${random} & 1 ? XDP_TX : XDP_DROP;`, ['XDP_DROP', 'XDP_TX']],
  [
    'a switch',
    `switch (${random} & 7) { case 1: return XDP_TX; case 2: return XDP_ABORTED; default: return XDP_PASS; }`,
    ['XDP_ABORTED', 'XDP_PASS', 'XDP_TX'],
  ],
  ['bpf_redirect', 'return bpf_redirect(3, 0);', ['XDP_ABORTED', 'XDP_REDIRECT']],
  ['bpf_redirect_map with a fallback', 'return bpf_redirect_map(&ports, 0, XDP_PASS);', ['XDP_PASS', 'XDP_REDIRECT']],
  [
    'a subprogram',
    `return pick(ctx) ;`,
    ['XDP_PASS', 'XDP_TX'],
    `static __noinline int pick(struct xdp_md *ctx) { return ctx->rx_queue_index ? XDP_TX : XDP_PASS; }`,
  ],
  ['a mask', `return ${random} & 1;`, ['XDP_ABORTED', 'XDP_DROP']],
];
test.for(actions)('what it may return: %s', ([, body, expected, before]) => {
  const facts = factsOf('xdp', body, before);
  expect([...facts.actions]).toEqual(expected);
  expect(facts.actionsKnown).toBe(true);
});

const unknown: [name: string, body: string][] = [
  [
    'written by a helper to where it stands on the stack',
    'int verdict = XDP_PASS; bpf_xdp_load_bytes(ctx, 0, &verdict, sizeof(verdict)); return verdict;',
  ],
  [
    'written through an address that went into memory',
    'int verdict = XDP_PASS, *volatile at = &verdict; *at = bpf_get_prandom_u32(); return verdict;',
  ],
  [
    'read from a map',
    'int key = 0, *verdict = bpf_map_lookup_elem(&verdicts, &key); return verdict ? *verdict : XDP_PASS;',
  ],
  ['left to a tail call', 'bpf_tail_call(ctx, &next, 0); return XDP_PASS;'],
];
test.for(unknown)('a verdict that the object does not show: %s', ([, body]) => {
  const facts = factsOf('xdp', body);
  expect(facts.actionsKnown).toBe(false);
  expect([...facts.actions]).toEqual([...xdpActions]);
});

test('frags, helpers, and whether it looks for VLAN headers', () => {
  const vlan =
    'void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end; struct ethhdr *eth = data; if ((void *)(eth + 1) > end) return XDP_PASS; return eth->h_proto == bpf_htons(ETH_P_8021Q) ? XDP_DROP : XDP_PASS;';
  expect(factsOf('xdp.frags', vlan)).toMatchObject({ frags: true, looksForVlan: true });
  const grows = factsOf('xdp', 'return bpf_xdp_adjust_tail(ctx, 8) ? XDP_DROP : XDP_PASS;');
  expect(grows).toMatchObject({ frags: false, looksForVlan: false });
  expect([...grows.calls]).toEqual(['bpf_xdp_adjust_tail']);
});

/** What their sources say that they return, and what their tests see. */
const examples: [folder: string, program: string, actions: string[]][] = [
  ['counter', 'xdp_counter', ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS']],
  ['firewall', 'xdp_firewall', ['XDP_DROP', 'XDP_PASS']],
  ['icmp_echo', 'xdp_icmp_echo', ['XDP_ABORTED', 'XDP_PASS', 'XDP_TX']],
  ['multi', 'xdp_reflect', ['XDP_ABORTED', 'XDP_TX']],
  ['pass', 'xdp_pass', ['XDP_PASS']],
  ['router', 'xdp_router', ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_REDIRECT']],
  ['vlan', 'xdp_vlan_pop', ['XDP_ABORTED', 'XDP_PASS']],
];
test.for(examples)('bpf/examples/%s: %s', ([name, program, actions]) => {
  const source = path.join(root, 'bpf/examples', name);
  const file = readdirSync(source).find((each) => each.endsWith('.bpf.c')) ?? '';
  const elf = compile(path.join(source, file), name);
  const spec = parseObject(elf);
  const facts = programFacts(elf, spec, program);
  expect([facts.actionsKnown, ...facts.actions]).toEqual([true, ...actions]);
  const tests = JSON.parse(readFileSync(path.join(source, file.replace('.bpf.c', '.xdptest.json')), 'utf8')) as {
    program?: string;
    tests: { program?: string; expect?: { action?: string } }[];
  };
  for (const each of tests.tests) {
    if ((each.program ?? tests.program) !== program || each.expect?.action === undefined) continue;
    expect(actions).toContain(each.expect.action);
  }
});

test('bytes that are no program tell nothing, and nothing is thrown', () => {
  const spec = { license: undefined, programs: [], maps: [], btf: undefined, btfBytes: undefined, warnings: [] };
  expect(programFacts(new Uint8Array(10), spec, 'x')).toMatchObject({ actionsKnown: false, calls: new Set() });
});
