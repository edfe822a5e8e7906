import { expect, test } from 'vitest';
import { clangs, compileText, describeDiagnostics } from '../support/toolchain.ts';
import { expand, fileAround, readSnippets, sourceOf } from '../support/toolchainSnippets.ts';

const snippets = readSnippets();

/** The map macros as the product promises them. */
const mapMacros = [
  'BPF_MAP',
  'BPF_HASH',
  'BPF_LRU_HASH',
  'BPF_ARRAY',
  'BPF_PERCPU_ARRAY',
  'BPF_PERCPU_HASH',
  'BPF_LRU_PERCPU_HASH',
  'BPF_LPM_TRIE',
  'BPF_QUEUE',
  'BPF_STACK',
  'BPF_PROG_ARRAY',
  'BPF_PERF_OUTPUT',
  'BPF_RINGBUF',
  'BPF_DEVMAP',
  'BPF_DEVMAP_HASH',
  'BPF_CPUMAP',
  'BPF_XSKMAP',
  'BPF_ARRAY_OF_MAPS',
  'BPF_HASH_OF_MAPS',
];

test('every map macro is offered under its own name, and no two snippets share a prefix', () => {
  const prefixes = Object.values(snippets).map((snippet) => snippet.prefix);
  expect(prefixes).toEqual(expect.arrayContaining(mapMacros));
  expect(new Set(prefixes).size).toBe(prefixes.length);
});

test.each(Object.keys(snippets))('%s compiles as it is inserted', async (name) => {
  const source = sourceOf(name, snippets);
  expect(source).not.toMatch(/\$\{|\$\d/);
  for (const clangPath of clangs) {
    const result = await compileText(source, { clangPath });
    // A parsed header that nothing reads yet is what the user goes on from.
    const trouble = describeDiagnostics(result).filter((line) => !/-Wunused-(?:but-set-)?variable/.test(line));
    expect(trouble, clangPath).toEqual([]);
  }
});

test('the parsing snippets fit into one another as a user would chain them', async () => {
  const part = (name: string, inner = ''): string => {
    const snippet = snippets[name];
    if (snippet === undefined) throw new Error(`there is no snippet ${name}`);
    return expand(snippet, inner);
  };
  const l4 = ['Parse TCP', 'Parse UDP', 'Parse ICMP'].map((name) => part(name)).join('\n');
  const body = part('Parse Ethernet', [part('Parse VLAN'), part('Parse IPv4', l4), part('Parse IPv6')].join('\n'));
  expect(await compileText(fileAround(body))).toMatchObject({ ok: true });
});
