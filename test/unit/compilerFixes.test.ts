import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { applyFix } from '../../extension/core/verifier/fixes/edits.ts';
import { compilerFixes } from '../../extension/core/verifier/fixes/fixes.ts';
import { compileFile, project } from '../support/toolchain.ts';

const legacy = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def SEC("maps") hits = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 16,
};
SEC("xdp") int f(struct xdp_md *ctx) { __u32 key = 1; return bpf_map_lookup_elem(&hits, &key) ? XDP_DROP : XDP_PASS; }
`;

/** What the first fix for what clang says makes of a program: its title, and the program when it compiles after that. */
async function fixed(text: string): Promise<{ title: string; object: ReturnType<typeof parseObject> }> {
  const root = project({ 'prog.bpf.c': text });
  const file = join(root, 'prog.bpf.c');
  const { diagnostics } = await compileFile(file);
  const fixes = diagnostics.flatMap((one, index) => {
    const rest = diagnostics.slice(index + 1);
    const end = rest.findIndex(({ severity }) => severity !== 'note');
    const notes = rest.slice(0, end < 0 ? rest.length : end).map(({ message }) => message);
    return one.severity === 'note' ? [] : compilerFixes(text, { ...one, notes });
  });
  const [fix] = fixes;
  if (fix === undefined) throw new Error(`no fix for ${JSON.stringify(diagnostics)}`);
  const after = join(project({ 'prog.bpf.c': applyFix(text, fix) }), 'prog.bpf.c');
  const result = await compileFile(after);
  expect(result.diagnostics.filter(({ severity }) => severity !== 'note')).toEqual([]);
  return { title: fix.title, object: parseObject(readFileSync(result.object ?? '')) };
}

test('a legacy map is defined with BTF, and keeps its types', async () => {
  const { title, object } = await fixed(legacy);
  expect(title).toBe('Define `hits` with BTF');
  expect(object.maps).toMatchObject([{ name: 'hits', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 16 }]);
});

test('a header whose names are used is included', async () => {
  const text =
    '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int f(struct xdp_md *c) { struct iphdr *ip = (void *)(long)c->data; return ip->ttl; }\n';
  expect((await fixed(text)).title).toBe('Add #include <linux/ip.h>');
});

test('what vmlinux.h holds already is dropped', async () => {
  const text =
    '#include "vmlinux.h"\n#include <linux/bpf.h>\n#include <linux/ip.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int f(struct xdp_md *c) { return XDP_PASS; }\n';
  expect((await fixed(text)).title).toBe('Drop the includes that vmlinux.h stands for');
});

const counter = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } left SEC(".maps");
SEC("xdp") int f(struct xdp_md *ctx) {
	__u32 key = 0, *tokens = bpf_map_lookup_elem(&left, &key);

	if (tokens)
		OPERATION;
	return XDP_PASS;
}
`;

test.each(['__sync_fetch_and_sub(tokens, 1)', '__sync_sub_and_fetch(tokens, ctx->rx_queue_index + 1)'])(
  'an atomic subtraction becomes an addition: %s',
  async (operation) => {
    const { title } = await fixed(counter.replace('OPERATION', operation));
    expect(title).toBe('Add the negative number: BPF has no atomic subtraction');
  },
);

test('what BPF has no instruction for is an error on its line', async () => {
  const root = project({ 'prog.bpf.c': counter.replace('OPERATION', '__sync_synchronize()') });
  const { ok, diagnostics } = await compileFile(join(root, 'prog.bpf.c'));
  expect(ok).toBe(false);
  expect(diagnostics).toMatchObject([{ line: 8, severity: 'error', message: expect.stringContaining('AtomicFence') }]);
});
