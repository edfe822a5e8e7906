import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

let objects = 0;
function factsOf(section: string, body: string, before = '') {
  objects++;
  const source = path.join(folder, `p${objects}.bpf.c`);
  writeFileSync(
    source,
    `${head}${before}\nSEC("${section}")\nint prog(struct xdp_md *ctx)\n{\n${body}\n}\nchar _license[] SEC("license") = "GPL";\n`,
  );
  const out = path.join(folder, `p${objects}.o`);
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', '-I/usr/include/x86_64-linux-gnu', '-c', source, '-o', out]);
  const elf = readFileSync(out);
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

/** The examples say in their tests what they return. */
test.for(['counter', 'firewall', 'multi', 'vlan'])(
  'every verdict of the tests of bpf/examples/%s is one it may return',
  (name) => {
    const source = path.join(root, 'bpf/examples', name);
    const [file] = execFileSync('ls', [source], { encoding: 'utf8' })
      .split('\n')
      .filter((each) => each.endsWith('.bpf.c'));
    const out = path.join(folder, `${name}.o`);
    execFileSync('clang', [
      '-g',
      '-O2',
      '-target',
      'bpf',
      '-I/usr/include/x86_64-linux-gnu',
      '-I',
      path.join(root, 'bpf/include'),
      '-c',
      path.join(source, file ?? ''),
      '-o',
      out,
    ]);
    const elf = readFileSync(out);
    const spec = parseObject(elf);
    const tests = JSON.parse(
      readFileSync(path.join(source, (file ?? '').replace('.bpf.c', '.xdptest.json')), 'utf8'),
    ) as { program?: string; tests: { program?: string; expect: { action?: string } }[] };
    for (const {
      program = tests.program ?? spec.programs[0]?.name ?? '',
      expect: { action },
    } of tests.tests) {
      const facts = programFacts(elf, spec, program);
      if (action !== undefined) expect([...facts.actions]).toContain(action);
    }
  },
);

test('bytes that are no program tell nothing, and nothing is thrown', () => {
  const spec = { license: undefined, programs: [], maps: [], btf: undefined, btfBytes: undefined, warnings: [] };
  expect(programFacts(new Uint8Array(10), spec, 'x')).toMatchObject({ actionsKnown: false, calls: new Set() });
});
