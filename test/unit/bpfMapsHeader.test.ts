import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  bundledInclude,
  clangs,
  compileFile,
  compileText,
  describeDiagnostics,
  project,
} from '../support/toolchain.ts';

const fixture = `#include <xdp_maps.h>
#include <xdp_parse.h>
BPF_HASH(kconfig_map, u32, u32, 10240);
BPF_HASH(without_semicolon, u32, u32, 10240)
BPF_LPM_TRIE(trie, struct { __u32 prefixlen; be32 addr; }, s64, 16);
BPF_ARRAY_OF_MAPS(outer, kconfig_map, 4);
u8 a; u16 b; u32 c; u64 d; s8 e; s16 f; s32 g; s64 h; be16 i; be32 j; be64 k;
`;

const orders = {
  'linux/bpf.h first': `#include <linux/bpf.h>\n${fixture}`,
  'linux headers afterwards': `${fixture}#include <linux/bpf.h>\n#include <linux/types.h>\n#include <linux/in6.h>\n`,
  'nothing before': fixture,
  'vmlinux.h first': `#include "vmlinux.h"\n${fixture}`,
  'own types of the same meaning': `#include <linux/types.h>\ntypedef unsigned int u32;\ntypedef __u64 u64;\n${fixture}typedef __u8 u8;\n`,
  'types as macros': `#include <linux/types.h>\n#define u32 __u32\n${fixture}`,
  'C library as well': `#include <stdint.h>\n#include <netinet/in.h>\n${fixture}`,
};

test.each(Object.entries(orders))('the headers get on with: %s', async (_, text) => {
  for (const clangPath of clangs) {
    const result = await compileText(text, { clangPath });
    expect(describeDiagnostics(result), clangPath).toEqual([]);
  }
});

test('warnings are silent even under -Wextra, in every standard that clang has for C', async () => {
  // The headers are the system's for clang when they are included; here they are looked at as our own code.
  const root = project({ 'a.c': `#include <linux/bpf.h>\n${fixture}` });
  const result = await compileFile(join(root, 'a.c'), { includeDirs: [bundledInclude] });
  expect(describeDiagnostics(result, 'a.c')).toEqual([]);
});

test('too many arguments, and too few for BPF_MAP, say what to write', async () => {
  const forms = {
    'BPF_MAP(a, BPF_MAP_TYPE_HASH)': 'BPF_MAP(name, type, key, value, max)',
    'BPF_HASH(a, u32, u32, 1, 2)': 'BPF_HASH(name, key, value, max)',
    'BPF_HASH(a, u32, u32, 1, 2, 3, 4)': 'BPF_HASH(name, key, value, max)',
    'BPF_ARRAY(a, u32, u32, 1)': "BPF_ARRAY(name, value, max): an array's keys are always u32",
    'BPF_QUEUE(a)': 'BPF_QUEUE(name, value, max)',
    'BPF_STACK(a, u32, u32, 1)': 'BPF_STACK(name, value, max)',
    'BPF_XSKMAP(a, u32, 1)': 'BPF_XSKMAP(name, max)',
  };
  const text = `#include <xdp_maps.h>\n${Object.keys(forms).join(';\n')};\nint x;\n`;
  for (const clangPath of clangs) {
    const result = await compileText(text, { clangPath });
    expect(describeDiagnostics(result), clangPath).toEqual(
      Object.values(forms).map((want, index) => `${index + 2}:1 error: wrong number of arguments. Write ${want}`),
    );
  }
});

test('a project that has such macros of its own keeps them', async () => {
  const text = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define BPF_MAP(name) int name
#define BPF_HASH(name) BPF_MAP(name)
#include <xdp_maps.h>
BPF_HASH(mine);
`;
  expect(describeDiagnostics(await compileText(text))).toEqual([]);
});

test('the bundled headers carry the licence that lets programs include them', () => {
  for (const name of ['xdp_maps.h', 'xdp_parse.h']) {
    const text = readFileSync(join(bundledInclude, name), 'utf8');
    expect(text.startsWith('/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n')).toBe(true);
  }
});
