import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { corpus } from '../../extension/build/corpus.mjs';
import { startLanguageServer, type LanguageServerProcess } from '../support/languageServer.ts';
import { project } from '../support/toolchain.ts';

let server: LanguageServerProcess;
const published = new Map<string, { message: string; code: string; range: { start: { line: number } } }[]>();

beforeAll(async () => {
  server = await startLanguageServer({ targetKernel: '5.15' });
  server.connection.onNotification(
    'textDocument/publishDiagnostics',
    (params: { uri: string; diagnostics: never[] }) => {
      published.set(params.uri, params.diagnostics);
    },
  );
}, 60_000);
afterAll(() => server.end());

async function open(file: string, text: string, languageId = 'c'): Promise<string> {
  const uri = pathToFileURL(file).href;
  await server.connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId, version: 1, text },
  });
  return uri;
}

const source = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
	__u32 key = 1;
	struct sk_buff *skb = 0;
	bpf_map_delete_elem(&hits, &key);
	return bpf_xdp_get_buff_len(ctx) > 64 ? XDP_PASS : XDP_DROP;
}
`;
const place = (text: string, what: string, from = 0): { line: number; character: number } => {
  const offset = text.indexOf(what, from);
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
};

test('a map is found, and renamed, in its source and in the packet tests of it', async () => {
  const json = JSON.stringify({ source: 'a.bpf.c', tests: [{ name: 't', packet: 'Ether()', maps: { hits: [] } }] });
  const root = project({
    'a.bpf.c': source,
    'a.xdptest.json': json,
    'b.xdptest.json': json.replace('a.bpf.c', 'other.c'),
  });
  const uri = await open(join(root, 'a.bpf.c'), source);
  const position = place(source, 'hits, &key');
  const at = { textDocument: { uri }, position };
  const definition = await server.connection.sendRequest('textDocument/definition', at);
  expect(definition).toMatchObject([{ uri, range: { start: place(source, 'hits SEC') } }]);
  const references = (await server.connection.sendRequest('textDocument/references', {
    ...at,
    context: { includeDeclaration: true },
  })) as { uri: string }[];
  expect(references.map((each) => each.uri.split('/').at(-1))).toEqual(['a.bpf.c', 'a.bpf.c', 'a.xdptest.json']);
  const rename = (await server.connection.sendRequest('textDocument/rename', { ...at, newName: 'seen' })) as {
    changes: Record<string, unknown[]>;
  };
  expect(Object.entries(rename.changes).map(([file, edits]) => [file.split('/').at(-1), edits.length])).toEqual([
    ['a.bpf.c', 2],
    ['a.xdptest.json', 1],
  ]);
  // What is no map belongs to other extensions.
  const other = { textDocument: { uri }, position: place(source, 'key = 1') };
  expect(await server.connection.sendRequest('textDocument/prepareRename', other)).toBeNull();
  expect(await server.connection.sendRequest('textDocument/definition', other)).toEqual([]);
});

test('a map of a header in another folder is found, and tests in a folder for them', async () => {
  const maps = source.slice(source.indexOf('struct {'), source.indexOf('SEC("xdp")'));
  const text = `#include "../common/maps.h"\n${source.replace(maps, '')}`;
  const json = JSON.stringify({
    source: '../src/a.bpf.c',
    tests: [{ name: 't', packet: 'Ether()', maps: { hits: [] } }],
  });
  const root = project({
    'src/a.bpf.c': text,
    'common/maps.h': maps,
    'common/other.h': maps,
    'tests/a.xdptest.json': json,
    'tests/b.xdptest.json': json.replace('a.bpf.c', 'b.bpf.c'),
  });
  const uri = await open(join(root, 'src/a.bpf.c'), text);
  const at = { textDocument: { uri }, position: place(text, 'hits, &key') };
  const definition = (await server.connection.sendRequest('textDocument/definition', at)) as { uri: string }[];
  expect(definition.map((each) => each.uri)).toEqual([pathToFileURL(join(root, 'common/maps.h')).href]);
  const references = (await server.connection.sendRequest('textDocument/references', {
    ...at,
    context: { includeDeclaration: true },
  })) as { uri: string }[];
  expect(references.map((each) => each.uri.split('/').slice(-2).join('/'))).toEqual([
    'src/a.bpf.c',
    'common/maps.h',
    'tests/a.xdptest.json',
  ]);
});

const dispatcher = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define SECOND 1
int first(struct xdp_md *ctx);
int second(struct xdp_md *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __uint(key_size, 4); __array(values, int(struct xdp_md *)); } steps SEC(".maps") = {
	.values = { [0] = (void *)&first, [SECOND] = (void *)&second },
};
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &steps, 1); return XDP_PASS; }
SEC("xdp") int second(struct xdp_md *ctx) { bpf_tail_call_static(ctx, &steps, ctx->rx_queue_index); return XDP_PASS; }
`;

test.each([
  ['the index of a constant', '1); return', ['second']],
  ['the call itself', 'bpf_tail_call(', ['second']],
  ['an index that only the run knows', 'rx_queue_index', ['first', 'second']],
  ['the map', 'steps, 1', ['steps']],
])('a tail call leads to the programs in the map: %s', async (_, where, targets) => {
  const uri = await open(join(project({ 'd.bpf.c': dispatcher }), 'd.bpf.c'), dispatcher);
  const at = { textDocument: { uri }, position: place(dispatcher, where) };
  const found = (await server.connection.sendRequest('textDocument/definition', at)) as {
    range: { start: { line: number; character: number }; end: { character: number } };
  }[];
  const lines = dispatcher.split('\n');
  const names = found.map(({ range }) => lines[range.start.line]?.slice(range.start.character, range.end.character));
  expect(names).toEqual(targets);
  expect(found.every(({ range }) => range.start.line >= 5)).toBe(true);
});

test('kernel functions are completed with the prototype that the running kernel has', async () => {
  const text = source.replace('struct sk_buff *skb = 0;', 'bpf_xdp_metadata_rx_h');
  const uri = await open(join(project(), 'k.bpf.c'), text);
  const position = place(text, 'bpf_xdp_metadata_rx_h');
  position.character += 'bpf_xdp_metadata_rx_h'.length;
  const completion = (await server.connection.sendRequest('textDocument/completion', {
    textDocument: { uri },
    position,
  })) as { items: { label: string; documentation?: { value: string } }[] };
  const item = completion.items.find(({ label }) => label === 'bpf_xdp_metadata_rx_hash');
  // Kernels before 6.3 have no such function, and those built with an old pahole do not mark them.
  const btf = readFileSync('/sys/kernel/btf/vmlinux');
  const has = btf.includes('\0bpf_xdp_metadata_rx_hash\0') && btf.includes('\0bpf_kfunc\0');
  expect(item?.documentation?.value.includes('extern int bpf_xdp_metadata_rx_hash(') ?? false).toBe(has);
});

test('maps and programs are symbols, and what is wrong is published', async () => {
  const uri = await open(join(project(), 'b.bpf.c'), source);
  const symbols = (await server.connection.sendRequest('textDocument/documentSymbol', { textDocument: { uri } })) as {
    name: string;
  }[];
  expect(symbols.map(({ name }) => name)).toEqual(['hits', 'prog']);
  await expect.poll(() => published.get(uri)?.map(({ code }) => code), { timeout: 10_000 }).toEqual(['kernel-too-old']);
  await server.connection.sendNotification('xdp/targetKernel', '6.1');
  await expect.poll(() => published.get(uri), { timeout: 10_000 }).toEqual([]);
  await server.connection.sendNotification('xdp/targetKernel', '');
});

test('not one alarm on the XDP programs and samples of the kernel', { timeout: 120_000 }, async () => {
  const folders = ['linux/samples/bpf', 'linux/tools/testing/selftests/bpf/progs'].map((each) => join(corpus, each));
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(folder, name)),
  );
  const texts = files
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
    .filter(({ text }) => /xdp_md/.test(text));
  expect(texts.length).toBeGreaterThan(40);
  const uris: string[] = [];
  for (const { file, text } of texts) uris.push(await open(file, text));
  await expect.poll(() => uris.filter((uri) => !published.has(uri)), { timeout: 100_000 }).toEqual([]);
  const alarms = uris.flatMap((uri) =>
    (published.get(uri) ?? []).map(({ message }) => `${uri.split('/').at(-1)}: ${message}`),
  );
  expect(alarms).toEqual([]);
  for (const uri of uris) await server.connection.sendNotification('textDocument/didClose', { textDocument: { uri } });
});

test('completion answers each keystroke in a source of 3,000 lines, in less than 120 MB with the kernel’s types', {
  timeout: 60_000,
}, async () => {
  const more = Array.from(
    { length: 430 },
    (_, n) =>
      `static __always_inline int f${n}(struct xdp_md *ctx)\n{\n\t__u32 key = ${n};\n\n\tbpf_map_delete_elem(&hits, &key);\n\treturn 0;\n}\n`,
  );
  const long = source.replace('SEC("xdp")', `${more.join('')}SEC("xdp")`);
  expect(long.split('\n').length).toBeGreaterThan(3000);
  const alone = await startLanguageServer();
  onTestFinished(() => alone.end());
  const uri = pathToFileURL(join(project(), 'long.bpf.c')).href;
  const document = { uri, languageId: 'c', version: 1, text: long };
  await alone.connection.sendNotification('textDocument/didOpen', { textDocument: document });
  const position = place(long, 'skb = 0');
  const times: number[] = [];
  let labels: string[] = [];
  for (let n = 0; n < 80; n++) {
    // Each keystroke changes the text, so that nothing is answered from what was known.
    const typed = n % 2 === 0 ? 'bpf_xdp_' : 'skb->';
    const line = position.line + 1;
    const range = { start: { line, character: 0 }, end: { line, character: n === 0 ? 0 : n % 2 === 0 ? 5 : 8 } };
    const contentChanges = [{ range, text: typed }];
    await alone.connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version: 2 + n },
      contentChanges,
    });
    const startedAt = performance.now();
    const answer = (await alone.connection.sendRequest('textDocument/completion', {
      textDocument: { uri },
      position: { line, character: typed.length },
    })) as { items: { label: string }[] };
    times.push(performance.now() - startedAt);
    labels = answer.items.map(({ label }) => label);
    if (n % 2 === 0) expect(labels).toContain('bpf_xdp_adjust_head');
    else expect(labels).toEqual(expect.arrayContaining(['dev', 'head', 'data']));
  }
  const sorted = times.slice(10).toSorted((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  const megabytes = alone.memory() / 1e6;
  process.stdout.write(`completion p95 ${p95.toFixed(1)} ms, memory ${megabytes.toFixed(0)} MB\n`);
  expect(megabytes).toBeLessThan(120);
});

test('what it says is in the language of the editor, the code in it is not', async () => {
  const words = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../extension/host/l10n/bundle.l10n.zh-cn.json'), 'utf8'),
  ) as Record<string, string>;
  const own = await startLanguageServer({ words });
  onTestFinished(() => own.end());
  const uri = pathToFileURL(join(project({ 'zh.bpf.c': source }), 'zh.bpf.c')).href;
  await own.connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'c', version: 1, text: source },
  });
  const hover = (what: string): Promise<unknown> =>
    own.connection.sendRequest('textDocument/hover', { textDocument: { uri }, position: place(source, what) });
  expect(await hover('XDP_DROP')).toMatchObject({ contents: { value: '`XDP_DROP` 1：数据包被丢弃' } });
  expect(JSON.stringify(await hover('hits SEC'))).toContain('**map** `hits`: 哈希表 (`BPF_MAP_TYPE_HASH`)');
});
