import { join } from 'node:path';
import { expect, test } from 'vitest';
import { convertBccMethod, findBccForms } from '../../extension/toolchain/bcc.ts';
import { explainDiagnostic } from '../../extension/toolchain/hints.ts';
import { findLegacyMaps } from '../../extension/core/c/legacyMaps.ts';
import { compileFile, compileText, describeDiagnostics, project } from '../support/toolchain.ts';

const header = '#include <linux/bpf.h>\n#include <xdp_maps.h>\n';

test.each([
  ['BPF_HASH(counts)', 'BPF_HASH(counts, u64, u64, 10240)'],
  ['BPF_HASH(counts, u32)', 'BPF_HASH(counts, u32, u64, 10240)'],
  ['BPF_HASH(counts, u32, struct xdp_md)', 'BPF_HASH(counts, u32, struct xdp_md, 10240)'],
  ['BPF_LPM_TRIE(routes, u64)', 'BPF_LPM_TRIE(routes, u64, u64, 10240)'],
  ['BPF_ARRAY(table)', 'BPF_ARRAY(table, u64, 10240)'],
  ['BPF_PERCPU_ARRAY(table, u32)', 'BPF_PERCPU_ARRAY(table, u32, 10240)'],
  ['BPF_PERF_OUTPUT(events)', 'BPF_PERF_OUTPUT(events, 1024)'],
])("BCC's %s is reported with its conversion, which compiles", async (short, full) => {
  const result = await compileText(`${header}${short};\nint x;\n`);
  expect(describeDiagnostics(result)).toEqual([
    `3:1 error: ${short} is BCC's short form: libbpf programs name everything. Write ${full}`,
  ]);
  expect(await compileText(`${header}${full};\nint x;\n`)).toMatchObject({ ok: true, diagnostics: [] });
  // Without our header clang has no idea: the same is said beside its words.
  const bare = await compileText(`#include <linux/bpf.h>\n${short};\nint x;\n`);
  expect(bare.ok).toBe(false);
  expect(describeDiagnostics(bare)).toContainEqual(expect.stringContaining(`#include <xdp_maps.h>, and write ${full}`));
});

test('a map in the short form is declared all the same: one message, not one for each use', async () => {
  const result = await compileText(
    `${header}BPF_HASH(counts);\nint f(void) { __u64 k = 0; return bpf_map_lookup_elem(&counts, &k) != 0; }\n`,
  );
  expect(result.diagnostics).toHaveLength(1);
});

test.each([
  ['counts.lookup(&key)', 'bpf_map_lookup_elem(&counts, &key)'],
  ['counts.update(&key, &value)', 'bpf_map_update_elem(&counts, &key, &value, BPF_ANY)'],
  ['counts.insert(&key, &(u64){1})', 'bpf_map_update_elem(&counts, &key, &(u64){1}, BPF_NOEXIST)'],
  ['counts.delete(&key)', 'bpf_map_delete_elem(&counts, &key)'],
  [
    'events.perf_submit(ctx, &data, sizeof(data))',
    'bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &data, sizeof(data))',
  ],
  ['progs.call(ctx, 2)', 'bpf_tail_call(ctx, &progs, 2)'],
  ['devs.redirect_map(0, 0)', 'bpf_redirect_map(&devs, 0, 0)'],
])('%s', (call, replacement) => {
  const method = /\.(\w+)/.exec(call)?.[1] ?? '';
  expect(convertBccMethod(`int f() {\n  x = ${call};\n}`, method, { line: 2, column: 7 })).toBe(replacement);
});

test('a method call of BCC is explained where clang stumbles over it', async () => {
  const result = await compileText(
    `${header}BPF_HASH(counts, u32, u64, 8);\nint f(void) {\n\tu32 key = 0;\n\treturn counts.lookup(&key) != 0;\n}\n`,
  );
  expect(describeDiagnostics(result).filter((line) => line.includes('BCC'))).toEqual([
    expect.stringMatching(/^6:\d+ note: this is a method call of BCC.*write bpf_map_lookup_elem\(&counts, &key\)$/),
  ]);
});

test('BCC forms in comments, and full forms, are left alone', () => {
  expect(findBccForms('// BPF_HASH(a);\n/*\nBPF_HASH(b);\n*/\nBPF_HASH(c, u32, u32, 4);\nBPF_HISTOGRAM(d);\n')).toEqual(
    [{ line: 6, column: 1, text: 'BPF_HISTOGRAM(d)', replacement: 'BPF_ARRAY(d, u64, 64)' }],
  );
});

const legacy = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };
struct value { __u64 packets; };
struct bpf_map_def SEC("maps") counts = {
	.type = BPF_MAP_TYPE_HASH, // comment, with = { braces
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct value),
	.max_entries = 64 * (2 + 2),
	.map_flags = BPF_F_NO_PREALLOC,
};
struct bpf_map_def events SEC("maps") = { .type = BPF_MAP_TYPE_PERF_EVENT_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2 };
SEC("xdp") int f(struct xdp_md *c) { return XDP_PASS; }
`;

test('legacy maps compile, and are warned about with a definition that compiles in their place', async () => {
  const result = await compileText(legacy);
  expect(result.ok).toBe(true);
  expect(describeDiagnostics(result).filter((line) => line.includes('warning'))).toEqual([
    "5:1 warning: map 'counts' is defined in the legacy form (struct bpf_map_def), which libbpf 1.0 and newer refuse to load",
    "12:1 warning: map 'events' is defined in the legacy form (struct bpf_map_def), which libbpf 1.0 and newer refuse to load",
  ]);
  expect(result.diagnostics[0]).toMatchObject({ column: 1, endColumn: 42 });
  const [counts, events] = findLegacyMaps(legacy).map((map) => map.replacement);
  expect(counts).toBe(`struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct value);
	__uint(max_entries, 64 * (2 + 2));
	__uint(map_flags, BPF_F_NO_PREALLOC);
} counts SEC(".maps");`);
  const modern = `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nstruct value { __u64 packets; };\n${counts}\n${events}\n`;
  expect(await compileText(modern)).toMatchObject({ ok: true, diagnostics: [] });
});

test.each([
  ['asm/types.h', 'linux-libc-dev'],
  ['linux/bpf.h', 'linux-libc-dev'],
  ['bpf/bpf_helpers.h', 'libbpf-dev'],
  ['bpf_endian.h', 'libbpf-dev'],
  ['gnu/stubs-32.h', 'libc6-dev'],
  ['uapi/linux/bpf.h', '<linux/bpf.h>'],
  ['firewall.skel.h', 'bpftool gen skeleton'],
  ['mine.h', 'xdp.compile.includePath'],
])('%s not found', (name, words) => {
  const diagnostic = {
    file: '/a.c',
    line: 1,
    column: 1,
    severity: 'error',
    message: `'${name}' file not found`,
  } as const;
  expect(explainDiagnostic(diagnostic, { main: '/a.c', source: '', osRelease: 'ID=debian' })).toContain(words);
});

test.each([
  ['int x = ETH_P_IP;', '<linux/if_ether.h>'],
  ['int x = XDP_PASS;', '<linux/bpf.h>'],
  ['int f(void *p) { struct iphdr *ip = p; return ip->ttl; }', '<linux/ip.h>'],
  ['__u32 x;', '<linux/types.h>'],
  ['u32 x;', '<xdp_maps.h>'],
])('%s names the header', async (text, words) => {
  const result = await compileText(`${text}\n`);
  expect(
    result.diagnostics.find((one) => one.severity === 'note' && one.message.includes('#include'))?.message,
  ).toContain(words);
});

test('vmlinux.h together with linux headers is said as such', async () => {
  const root = project({
    'a.c': '#include "vmlinux.h"\n#include <linux/bpf.h>\nint x;\n',
    'vmlinux.h': '#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\nenum xdp_action { XDP_ABORTED };\n#endif\n',
  });
  const result = await compileFile(join(root, 'a.c'));
  expect(result.ok).toBe(false);
  expect(describeDiagnostics(result, 'a.c')).toContainEqual(expect.stringContaining('drop the includes of <linux/…>'));
});

test('what clang says well enough gets no hint', async () => {
  expect(describeDiagnostics(await compileText('int x = y;\n'))).toEqual([
    "1:9 error: use of undeclared identifier 'y'",
  ]);
});
