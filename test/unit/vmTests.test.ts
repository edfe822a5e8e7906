import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { vmTestEngine } from '../../extension/session/engine/vmTests.ts';
import { runPacketTests } from '../../extension/session/packetTest/packetTest.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { bundledInclude, project, repository } from '../support/toolchain.ts';

const examples = join(repository, 'bpf/examples');
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.xdptest.json'))
  .map((file) => join(examples, file));

test.for(files)("the example's own tests hold without a kernel: %s", async (file) => {
  const written = (JSON.parse(readFileSync(file, 'utf8')) as { tests: unknown[] }).tests.length;
  const engine = () => Promise.resolve(vmTestEngine([0, 1]));
  const outcomes: unknown[] = [];
  for await (const event of runPacketTests({ files: [file], build: { bundledInclude }, engine })) {
    if (event.kind === 'tested') outcomes.push(event.result);
  }
  expect(outcomes.length).toBe(written);
  expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ status: 'passed' })));
});

test('tests of a program that runs long are compiled after the first, and come to the same', async () => {
  const folder = project({
    'long.bpf.c': `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } sums SEC(".maps");
static long step(__u32 index, __u64 *sum) { *sum = *sum * 31 + index; return 0; }
SEC("xdp") int rounds(struct xdp_md *ctx) {
  __u32 zero = 0;
  __u64 local = 7, *sum = bpf_map_lookup_elem(&sums, &zero);
  bpf_loop(40000, step, &local, 0);
  if (sum) *sum += local;
  return local & 1 ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";`,
  });
  const object = await openObject(join(folder, 'long.bpf.c'), { bundledInclude });
  const instance = await vmTestEngine().open(object, 'rounds', []);
  const step = { packet: new Uint8Array(60), context: {}, readMaps: ['sums'] };
  const outcomes = await instance.runTests(
    [1, 2, 3].map(() => ({ setup: [], steps: [step, step], capturePrintk: false })),
  );
  await instance.close();
  const [first, ...later] = outcomes.map(({ steps, problem }) => ({ steps, problem }));
  expect(first?.problem).toBeUndefined();
  expect(later).toEqual([first, first]);
});
