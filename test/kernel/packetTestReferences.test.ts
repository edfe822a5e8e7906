import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestResult } from '../../extension/core/packetTest/result.ts';
import { bothTestEngine, machinesToCompare } from '../../extension/session/engine/bothTests.ts';
import { vmTestEngine } from '../../extension/session/engine/vmTests.ts';
import type { HelperClient } from '../../extension/session/kernelAccess.ts';
import type { TestEngine } from '../../extension/session/packetTest/engine.ts';
import { kernelTestEngine } from '../../extension/session/packetTest/kernel.ts';
import { runPacketTests, type PacketTestOptions } from '../../extension/session/packetTest/packetTest.ts';
import { helper, openFilesAtRest } from '../support/kernelHelper.ts';

/** Packet tests with programs and maps in maps, with events, fragments and times: on the kernel and on the built-in machine. */
const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-references-'));
let client: HelperClient;
let engines: Record<'kernel' | 'vm' | 'both', TestEngine>;

beforeAll(async () => {
  client = await helper();
  const vm = vmTestEngine(client.hello.possibleCpus);
  const kernel = kernelTestEngine(client);
  engines = {
    kernel,
    vm,
    both: bothTestEngine(kernel, machinesToCompare(client.hello.possibleCpus), client.hello.onlineCpus[0] ?? 0),
  };
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const head = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "GPL";
`;

const source = `${head}
struct event { __u32 length; __u16 port; __u16 unused; };
struct event *unused_event;
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } calls SEC(".maps");
struct per_service { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); };
struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, __u32); __array(values, struct per_service); } services SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, __u32); __type(value, __u32); } perf SEC(".maps");
__u64 seen;
SEC("xdp") int dispatch(struct xdp_md *ctx) { seen++; bpf_tail_call(ctx, &calls, 2); return XDP_PASS; }
SEC("xdp") int drop_it(struct xdp_md *ctx) { return XDP_DROP; }
SEC("xdp") int service(struct xdp_md *ctx) {
  __u32 id = 7, key = 3; __u64 *value; void *inner = bpf_map_lookup_elem(&services, &id);
  if (!inner) return XDP_ABORTED;
  value = bpf_map_lookup_elem(inner, &key);
  if (!value) return XDP_DROP;
  (*value)++;
  return *value == 42 ? XDP_TX : XDP_PASS;
}
SEC("xdp") int events(struct xdp_md *ctx) {
  struct event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0), other = { ctx->data_end - ctx->data, 53, 0 };
  if (!event) return XDP_ABORTED;
  event->length = ctx->data_end - ctx->data; event->port = 80; event->unused = 0;
  /* A reader gets records in the order in which they were reserved. */
  bpf_ringbuf_output(&ring, &other, sizeof(other), 0);
  bpf_ringbuf_submit(event, 0);
  return bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU | (14ULL << 32), &other, sizeof(other)) ? XDP_DROP : XDP_PASS;
}
SEC("xdp.frags") int frags(struct xdp_md *ctx) { return ctx->data_end - ctx->data == 100 && bpf_xdp_get_buff_len(ctx) == 300 ? XDP_TX : XDP_PASS; }
SEC("xdp") int clock(struct xdp_md *ctx) { seen = bpf_ktime_get_ns(); return XDP_PASS; }
SEC("xdp") int conntrack(struct xdp_md *ctx) { struct bpf_fib_lookup fib = {}; return bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) ? XDP_PASS : XDP_DROP; }
`;

const packet = { hex: '00'.repeat(60) };

async function run(
  tests: Record<string, unknown>[],
  { engine = engines.kernel, ...options }: { engine?: TestEngine; benchmark?: PacketTestOptions['benchmark'] } = {},
): Promise<TestResult[]> {
  writeFileSync(path.join(folder, 'a.bpf.c'), source);
  const file = path.join(folder, 'a.xdptest.json');
  writeFileSync(file, JSON.stringify({ source: 'a.bpf.c', tests }));
  const results: TestResult[] = [];
  const build = { bundledInclude: path.join(root, 'bpf/include') };
  for await (const event of runPacketTests({ files: [file], build, engine: async () => engine, ...options })) {
    if (event.kind === 'tested') results.push(event.result);
    if (event.kind === 'fileEnded') expect(event.report.problem).toBeUndefined();
  }
  return results;
}

const shown = ({ status, failures, problem }: TestResult): unknown =>
  status === 'passed' ? status : (problem?.message ?? failures);

const entries = [{ key: 3, value: 41 }];
const record = '3c00000050000000';
const other = '3c00000035000000';

const good = [
  {
    name: 'no program',
    program: 'dispatch',
    packet,
    expect: { action: 'XDP_PASS', maps: { '.bss': [{ key: 0, value: { seen: 1 } }] } },
  },
  {
    name: 'a program',
    program: 'dispatch',
    packet,
    maps: { calls: [{ key: 2, value: 'drop_it' }] },
    expect: { action: 'XDP_DROP' },
  },
  {
    name: 'none again',
    program: 'dispatch',
    packet,
    expect: { action: 'XDP_PASS', maps: { '.bss': [{ key: 0, value: { seen: 1 } }] } },
  },
  { name: 'no inner map', program: 'service', packet, expect: { action: 'XDP_ABORTED' } },
  {
    name: 'a new inner map',
    program: 'service',
    packets: [
      { packet, expect: { action: 'XDP_TX' } },
      { packet, expect: { action: 'XDP_PASS' } },
    ],
    maps: { services: [{ key: 7, value: entries }] },
  },
  {
    name: 'an empty inner map',
    program: 'service',
    packet,
    maps: { services: [{ key: 7, value: [] }] },
    expect: { action: 'XDP_DROP' },
  },
  { name: 'no inner map again', program: 'service', packet, expect: { action: 'XDP_ABORTED' } },
  {
    name: 'events as bytes',
    program: 'events',
    packet,
    expect: { action: 'XDP_PASS', events: { ring: [record, `hex:${other}`], perf: [`${other}${'00'.repeat(14)}`] } },
  },
  {
    name: 'events by type',
    program: 'events',
    packet,
    expect: {
      events: {
        ring: { type: 'struct event', records: [{ length: 60, port: 80 }, { port: 53 }] },
        perf: { type: 'event', records: [{ port: 53 }] },
      },
    },
  },
  {
    name: 'events masked and counted',
    program: 'events',
    packets: [
      packet,
      {
        packet,
        expect: {
          events: {
            ring: { records: [{ hex: '0000000050000000', mask: '00000000ffffffff' }, other] },
            perf: { count: 1 },
          },
        },
      },
    ],
  },
  { name: 'no events', program: 'drop_it', packet, expect: { events: { ring: [], perf: { count: 0 } } } },
  {
    name: 'fragments',
    program: 'frags',
    packet: { hex: '00'.repeat(300) },
    context: { linear: 100 },
    expect: { action: 'XDP_TX', packet: 'unchanged' },
  },
];

test.for(['kernel', 'vm', 'both'] as const)('programs and maps in maps, events, fragments: %s', async (name) => {
  const results = await run(good, { engine: engines[name] });
  expect(results.map(shown)).toEqual(good.map(() => 'passed'));
});

test.for(['kernel', 'vm'] as const)('what is wrong is said where it stands: %s', async (name) => {
  const results = await run(
    [
      {
        name: 'program',
        program: 'dispatch',
        packet,
        maps: { calls: [{ key: 2, value: 'drop_i' }] },
        expect: { action: 'XDP_DROP' },
      },
      {
        name: 'map',
        program: 'service',
        packet,
        maps: { services: [{ key: 7, value: 'nothing' }] },
        expect: { action: 'XDP_DROP' },
      },
      {
        name: 'entry',
        program: 'service',
        packet,
        maps: { services: [{ key: 7, value: [{ key: 'x', value: 1 }] }] },
        expect: { action: 'XDP_DROP' },
      },
      { name: 'too few', program: 'events', packet, expect: { events: { ring: [record] } } },
      {
        name: 'another',
        program: 'events',
        packet,
        expect: { events: { ring: { type: 'event', records: [{ port: 81 }, {}] } } },
      },
      { name: 'no type', program: 'events', packet, expect: { events: { ring: { type: 'evnet', count: 2 } } } },
      { name: 'no events map', program: 'events', packet, expect: { events: { calls: [] } } },
    ],
    { engine: engines[name] },
  );
  expect(
    results.map(({ problem, failures }) => problem?.message ?? failures.map(({ message }) => message).join()),
  ).toEqual([
    expect.stringMatching(/calls: its values are programs of the source, not "drop_i"/),
    expect.stringMatching(/services: its values are maps, not "nothing"/),
    expect.stringMatching(/services: the key does not fit/),
    'ring got 2 events instead of 1.',
    'Event 1 of ring is not as expected.',
    expect.stringMatching(/the object has no type evnet\..*event.*struct evnet \*unused_evnet;/),
    expect.stringMatching(/no map named calls/),
  ]);
  expect(results[0]?.problem?.fix).toMatch(/drop_it/);
  expect(results[4]?.failures[0]?.differences).toEqual([{ what: 'port', expected: 81, actual: 80 }]);
});

test('engines that differ fail a test, time is no difference, and an engine that cannot run it is named', async () => {
  const [time, routes] = await run(
    [
      { name: 'time', program: 'clock', packet, expect: { action: 'XDP_PASS' } },
      { name: 'routes', program: 'conntrack', packet, expect: { action: 'XDP_PASS' } },
    ],
    { engine: engines.both },
  );
  expect(time?.status).toBe('passed');
  expect(routes).toMatchObject({
    status: 'error',
    problem: { engine: 'vm', message: expect.stringMatching(/^The built-in machine could not run it/) },
  });
  // A kernel that is not like the machine: it has one more packet in its counter.
  const odd: TestEngine = {
    ...engines.kernel,
    open: async (...args) => {
      const instance = await engines.kernel.open(...args);
      return {
        schemas: instance.schemas,
        initialValue: (map, key) => instance.initialValue(map, key),
        close: () => instance.close(),
        runTests: async (requests) => {
          const twice = requests.map((each) => ({ ...each, steps: [...each.steps.slice(0, 1), ...each.steps] }));
          const outcomes = await instance.runTests(twice);
          return outcomes.map((outcome) => ({ ...outcome, steps: outcome.steps.slice(1) }));
        },
      };
    },
  };
  const engine = bothTestEngine(odd, machinesToCompare(client.hello.possibleCpus), client.hello.onlineCpus[0] ?? 0);
  const [differ] = await run([{ name: 'counts', program: 'dispatch', packet, expect: { action: 'XDP_PASS' } }], {
    engine,
  });
  expect(differ).toMatchObject({
    status: 'failed',
    failures: [
      {
        path: 'engines',
        differences: [{ what: 'maps..bss["00000000"]', expected: { seen: '2' }, actual: { seen: '1' } }],
      },
    ],
  });
});

test('a bound on the time is looked at in benchmarks only', async () => {
  const tests = [
    { name: 'slow', program: 'clock', packet, expect: { durationNs: 1 } },
    { name: 'fast enough', program: 'clock', packet, expect: { action: 'XDP_PASS', durationNs: 1_000_000 } },
  ];
  expect((await run(tests)).map(({ status }) => status)).toEqual(['passed', 'passed']);
  const benchmark = { repeat: 100, batches: 3 };
  const measured = await run(tests, { benchmark });
  expect(measured.map(({ status }) => status)).toEqual(['failed', 'passed']);
  expect(measured[0]?.failures[0]?.message).toMatch(/^A run takes \d+ ns \(\d+ to \d+\), more than 1\.$/);
  const { minNs = 0, medianNs = 0, maxNs = 0 } = measured[1]?.times ?? {};
  expect(minNs).toBeGreaterThan(0);
  expect(medianNs).toBeGreaterThanOrEqual(minNs);
  expect(maxNs).toBeGreaterThanOrEqual(medianNs);
  expect((await run(tests, { benchmark, engine: engines.vm })).map(({ problem }) => problem?.message)).toEqual([
    expect.stringMatching(/Only the kernel can be measured/),
    expect.stringMatching(/Only the kernel can be measured/),
  ]);
});

test('nothing of it stays open in the helper', async () => {
  await run(good);
  const before = await openFilesAtRest(client.hello.pid);
  await run(good);
  expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
});
