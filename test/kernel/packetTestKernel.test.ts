import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestResult } from '../../extension/core/packetTest/result.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { runPacketTests } from '../../extension/session/packetTest/packetTest.ts';
import { kernelTestEngine } from '../../extension/session/packetTest/kernel.ts';
import type { HelperClient } from '../../extension/session/kernelAccess.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { buildHelper, helper, openFilesAtRest, vethLab } from '../support/kernelHelper.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-packet-test-'));
let bundle: CliBundle;
let client: HelperClient;

beforeAll(async () => {
  client = await helper();
  bundle = await bundleCli('packet-test');
  await buildHelper();
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true, force: true });
  bundle.remove();
});

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } ports SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } plain SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1); __type(key, __u32); __array(values, struct inner); } outer SEC(".maps") = { .values = { [0] = &first } };
__u32 limit = 2;
__u32 total;
/* Counts packets, forgets key 1, and passes up to the limit. */
SEC("xdp") int count(struct xdp_md *ctx) {
  __u32 key = 5, one = 1; __u64 start = 1, *value = bpf_map_lookup_elem(&seen, &key);
  bpf_map_delete_elem(&seen, &one);
  total++;
  if (value) (*value)++; else bpf_map_update_elem(&seen, &key, &start, 0);
  return total > limit ? XDP_DROP : XDP_PASS;
}
SEC("xdp") int meta(struct xdp_md *ctx) {
  __u32 *data, *mark;
  if (bpf_xdp_adjust_meta(ctx, -4)) return XDP_ABORTED;
  data = (void *)(long)ctx->data; mark = (void *)(long)ctx->data_meta;
  if ((void *)(mark + 1) > (void *)data) return XDP_ABORTED;
  *mark = 0x04030201;
  bpf_printk("meta for queue %d on %d", ctx->rx_queue_index, ctx->ingress_ifindex);
  return 7;
}
SEC("xdp") int redirect(struct xdp_md *ctx) { return bpf_redirect_map(&ports, 0, XDP_DROP); }
SEC("xdp") int nested(struct xdp_md *ctx) {
  __u32 zero = 0, *value; void *map = bpf_map_lookup_elem(&outer, &zero);
  if (!map) return XDP_ABORTED;
  value = bpf_map_lookup_elem(map, &zero);
  return value ? *value : XDP_ABORTED;
}
char _license[] SEC("license") = "GPL";
`;
/** Its queue cannot be set back: the object is loaded again for each test. */
const queueSource = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } waiting SEC(".maps");
__u32 first = 3, second = 5;
SEC("xdp") int sum(struct xdp_md *ctx) { return first + second; }
SEC("xdp") int push(struct xdp_md *ctx) { __u32 one = 1; return bpf_map_push_elem(&waiting, &one, 0) ? XDP_DROP : XDP_PASS; }
char _license[] SEC("license") = "GPL";
`;

interface Given {
  name: string;
  [field: string]: unknown;
}

async function run(given: Given[], { text = source, engine = client } = {}): Promise<TestResult[]> {
  const name = text === source ? 'many' : 'queue';
  writeFileSync(path.join(folder, `${name}.bpf.c`), text);
  const file = path.join(folder, `${name}.xdptest.json`);
  writeFileSync(
    file,
    JSON.stringify({ source: `${name}.bpf.c`, program: name === 'many' ? 'count' : 'push', tests: given }),
  );
  const results: TestResult[] = [];
  const events = runPacketTests({
    files: [file],
    build: { bundledInclude: path.join(root, 'bpf/include') },
    engine: () => Promise.resolve(kernelTestEngine(engine)),
  });
  for await (const event of events) {
    if (event.kind === 'tested') results.push(event.result);
    if (event.kind === 'fileEnded') expect(event.report.problem).toBeUndefined();
  }
  return results;
}

async function passes(given: Given[], options: Parameters<typeof run>[1] = {}): Promise<void> {
  const results = await run(given, options);
  expect(results.map(({ failures, problem }) => problem?.message ?? failures)).toEqual(given.map(() => []));
  expect(results.map(({ status }) => status)).toEqual(given.map(() => 'passed'));
}

const packet = { hex: '00'.repeat(60) };

test('maps are fresh for every test, and keep their content between the packets of one', async () => {
  const once = {
    action: 'XDP_PASS',
    maps: { seen: { entries: [{ key: 5, value: 1 }], count: 1 }, '.bss': [{ key: 0, value: { total: 1 } }] },
  };
  const sequence = {
    packets: [
      { packet, expect: { action: 'XDP_PASS', maps: { seen: [{ key: 5, value: 1 }] } } },
      packet,
      { packet, expect: { action: 'XDP_DROP' } },
    ],
    expect: { maps: { seen: [{ key: 5, value: '3' }], '.bss': [{ key: 0, value: { total: 3 } }] } },
  };
  await passes([
    { name: 'first', packet, expect: once },
    { name: 'second', packet, expect: once },
    { name: 'sequence', ...sequence },
    { name: 'after it', packet, expect: once },
    {
      name: 'set up',
      packet,
      maps: {
        seen: [
          { key: 5, value: 41 },
          { key: 1, value: 1 },
          { key: 2, value: 2 },
        ],
      },
      expect: {
        maps: {
          seen: {
            count: 2,
            entries: [
              { key: 5, value: 42 },
              { key: 1, absent: true },
            ],
          },
        },
      },
    },
    {
      name: 'global variables',
      packet,
      maps: { '.data': [{ key: 0, value: { limit: 0 } }] },
      expect: { action: 'XDP_DROP' },
    },
    { name: 'and as they were', packet, expect: once },
  ]);
});

test('a test that cannot be set up leaves nothing behind', async () => {
  const results = await run([
    {
      name: 'full',
      packet,
      maps: { seen: Array.from({ length: 9 }, (_, key) => ({ key: key + 10, value: 1 })) },
      expect: { action: 'XDP_PASS' },
    },
    {
      name: 'out of range',
      packet,
      maps: {
        plain: [
          { key: 0, value: 9 },
          { key: 7, value: 1 },
        ],
      },
      expect: { action: 'XDP_PASS' },
    },
    { name: 'no such map', packet, maps: { sene: [] }, expect: { action: 'XDP_PASS' } },
    { name: 'wrong type', packet, maps: { seen: [{ key: 'x', value: 1 }] }, expect: { action: 'XDP_PASS' } },
    { name: 'a map of maps', packet, maps: { outer: [{ key: 0, value: 'frist' }] }, expect: { action: 'XDP_PASS' } },
    { name: 'too short', packet: { hex: '00' }, expect: { action: 'XDP_PASS' } },
    { name: 'no such interface', packet, context: { ingress_ifindex: 'nowhere0' }, expect: { action: 'XDP_PASS' } },
    { name: 'after all', packet, expect: { maps: { seen: { count: 1 }, plain: [{ key: 0, value: 0 }] } } },
  ]);
  expect(results.map(({ status }) => status)).toEqual([...Array.from({ length: 7 }, () => 'error'), 'passed']);
  expect(results.map(({ problem }) => problem?.message ?? '')).toEqual([
    expect.stringMatching(/seen \(hash\).*full/),
    expect.stringMatching(/plain \(array\).*max_entries/),
    expect.stringMatching(/no map named sene/),
    expect.stringMatching(/seen: the key does not fit/),
    expect.stringMatching(/outer: its values are maps, not "frist"/),
    expect.stringMatching(/1 bytes|1 byte/),
    expect.stringMatching(/no interface named nowhere0/),
    '',
  ]);
});

test('metadata, printk, and an action that nobody knows', async () => {
  const expectation = { action: 7, metadata: '01020304', packet: 'unchanged', printk: ['meta for queue 0 on 1'] };
  await passes([
    {
      name: 'meta',
      program: 'meta',
      packet,
      context: { ingress_ifindex: 'lo', rx_queue_index: 0 },
      expect: expectation,
    },
    { name: 'none', packet, expect: { printk: [], metadata: '' } },
  ]);
  const [wrong] = await run([
    { name: 'meta', program: 'meta', packet, expect: { action: 'XDP_PASS', metadata: '', printk: 'nothing of this' } },
  ]);
  expect(wrong?.failures.map(({ path: at }) => at)).toEqual(['expect.action', 'expect.metadata', 'expect.printk']);
  expect(wrong?.failures[0]?.actual).toBe('unknown(7)');
});

test('inner maps are filled by their own names', async () => {
  await passes([
    {
      name: 'drop',
      program: 'nested',
      packet,
      maps: { first: [{ key: 0, value: 1 }] },
      expect: { action: 'XDP_DROP' },
    },
    { name: 'aborted, as it is fresh', program: 'nested', packet, expect: { action: 'XDP_ABORTED' } },
  ]);
});

test('a device map takes the name of an interface, and is empty again', async () => {
  const lab = vethLab();
  const inLab = await helper({ netns: lab.ns });
  try {
    await passes(
      [
        {
          name: 'redirect',
          program: 'redirect',
          packet,
          maps: { ports: [{ key: 0, value: lab.near }] },
          expect: { action: 'XDP_REDIRECT', maps: { ports: [{ key: 0, value: lab.ifindex }] } },
        },
        { name: 'nowhere to', program: 'redirect', packet, expect: { action: 'XDP_DROP' } },
      ],
      { engine: inLab },
    );
  } finally {
    await inLab.dispose();
    lab.remove();
  }
});

test('what cannot be set back is loaded again', async () => {
  const fill = { packets: [packet, packet, packet, packet, { packet, expect: { action: 'XDP_DROP' } }] };
  await passes(
    [
      { name: 'full', ...fill },
      { name: 'empty again', packet, expect: { action: 'XDP_PASS' } },
      { name: 'and again', ...fill },
      // What a test leaves out of a value is as it was after loading, here too.
      {
        name: 'global variables',
        program: 'sum',
        packet,
        maps: { '.data': [{ key: 0, value: { first: 4 } }] },
        expect: { action: 9 },
      },
    ],
    { text: queueSource },
  );
});

test('packets of a capture file', async () => {
  const second = Uint8Array.from({ length: 60 }, (_, index) => index);
  writeFileSync(path.join(folder, 'two.pcapng'), writePcapng([{ data: new Uint8Array(60) }, { data: second }]));
  const [good, missing] = await run([
    { name: 'second', packet: { pcap: 'two.pcapng', index: 2 }, expect: { packet: { pcap: 'two.pcapng', index: 2 } } },
    { name: 'third', packet: { pcap: 'two.pcapng', index: 3 }, expect: { action: 'XDP_PASS' } },
  ]);
  expect(good?.status).toBe('passed');
  expect(good?.steps[0]?.packetIn).toEqual(second);
  expect(missing?.problem?.message).toBe('two.pcapng has no packet 3: it holds 2.');
});

test('nothing stays open in the helper', async () => {
  await run([{ name: 'once', packet, expect: { action: 'XDP_PASS' } }]);
  const before = await openFilesAtRest(client.hello.pid);
  for (let round = 0; round < 3; round++) {
    await run([{ name: 'fails', packet, expect: { action: 'XDP_DROP' } }]);
    await run([{ name: 'again', packet, expect: { action: 'XDP_PASS' } }], { text: queueSource });
  }
  expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
});

function cli(args: string[], cwd = root): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [bundle.file, 'test', ...args], { cwd, encoding: 'utf8' });
}

test('the examples pass on both engines, in one JSON document', () => {
  const { status, stdout, stderr } = cli(['bpf/examples', '--engine', 'both', '--json']);
  const document = JSON.parse(stdout) as {
    ok: boolean;
    passed: number;
    files: { file: string; ok: boolean; error?: unknown }[];
  };
  expect(
    document.files.filter(({ ok }) => !ok),
    stderr,
  ).toEqual([]);
  expect(status).toBe(0);
  expect(document).toMatchObject({ ok: true, engine: 'both', failed: 0, errors: 0 });
  expect(document.passed).toBeGreaterThan(30);
});

test('exit codes', () => {
  const box = mkdtempSync(path.join(folder, 'exit-'));
  const write = (name: string, content: unknown): string => {
    const file = path.join(box, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  const testFile = (action: string, from = 'a.bpf.c'): unknown => ({
    source: from,
    program: 'count',
    tests: [{ name: 't', packet, expect: { action } }],
  });
  write('a.bpf.c', source);
  write('broken.bpf.c', 'int f( {');
  const passing = write('passing.xdptest.json', testFile('XDP_PASS'));
  const failing = write('failing.xdptest.json', testFile('XDP_DROP'));
  const invalid = write('invalid.xdptest.json', '{ "source": 1 }');
  const broken = write('broken.xdptest.json', testFile('XDP_PASS', 'broken.bpf.c'));
  const missing = write('missing.xdptest.json', testFile('XDP_PASS', 'nowhere.bpf.c'));
  const empty = mkdtempSync(path.join(folder, 'empty-'));
  mkdirSync(path.join(empty, 'node_modules'));
  writeFileSync(path.join(empty, 'node_modules', 'x.xdptest.json'), '{}');
  const codes = (...args: string[]): number | null => cli(args).status;
  expect(codes(passing)).toBe(0);
  expect(codes(passing, failing)).toBe(1);
  expect(codes(broken)).toBe(1);
  expect(codes(passing, invalid)).toBe(2);
  expect(codes(missing)).toBe(2);
  expect(codes(empty)).toBe(2);
  expect(codes(path.join(box, 'not-there'))).toBe(2);
  expect(codes(passing, '--engine', 'vm')).toBe(0);
  expect(codes(passing, '--engine', 'both')).toBe(0);
  expect(codes(failing, '--engine', 'both')).toBe(1);
  expect(codes(passing, '--engine', 'vm', '--bench')).toBe(2);
  const measured = path.join(box, 'coverage.info');
  expect(codes(passing, '--coverage', measured)).toBe(0);
  expect(readFileSync(measured, 'utf8')).toMatch(/^TN:\w+\nSF:\/.*\.bpf\.c\n(?:.*\n)*DA:\d+,[1-9]/);
  expect(codes(passing, '--coverage', path.join(box, 'not-there', 'x'))).toBe(2);
  expect(codes(passing, '--reporter', 'tap')).toBe(2);
  expect(existsSync(path.join(root, 'x'))).toBe(false);

  const whole = cli(['--json'], box);
  expect(whole.status).toBe(2);
  expect((JSON.parse(whole.stdout) as { files: unknown[] }).files).toHaveLength(5);
  const none = cli(['--reporter', 'json'], empty);
  expect(JSON.parse(none.stdout)).toMatchObject({
    ok: false,
    error: { code: 'usage', message: expect.stringContaining('no packet test file') },
  });
  const junit = cli([failing, '--reporter', 'junit']);
  expect(junit.status).toBe(1);
  execFileSync('python3', ['-c', 'import sys, xml.etree.ElementTree as E; E.fromstring(sys.stdin.read())'], {
    input: junit.stdout,
  });
});
