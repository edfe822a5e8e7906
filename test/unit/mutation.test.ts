import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkByMutation, type MutationReport } from '../../extension/session/mutation/mutationCheck.ts';
import { bundledInclude, project } from '../support/toolchain.ts';

const head = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "GPL";
static __attribute__((always_inline)) int is_small(unsigned char byte) {
if (byte < 10) return 1;
return 0;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
if (data + 20 > end) return XDP_ABORTED;
`;

interface Case {
  /** The byte at offset 14, and the verdict that is expected. */
  tests: readonly (readonly [byte: number, action: string])[];
  body: string;
}

async function check({ tests, body }: Case): Promise<MutationReport> {
  const folder = project({ 'prog.bpf.c': `${head}${body}}\n` });
  const file = join(folder, 'prog.xdptest.json');
  const packet = (byte: number): string => `${'00'.repeat(14)}${byte.toString(16).padStart(2, '0')}${'00'.repeat(5)}`;
  const listed = tests.map(([byte, action]) => ({
    name: `${byte} ${action}`,
    packet: packet(byte),
    expect: { action },
  }));
  writeFileSync(file, JSON.stringify({ source: 'prog.bpf.c', program: 'prog', tests: listed }));
  return await checkByMutation({ file, build: { bundledInclude }, timeMs: 60_000 });
}

const firstLine = head.split('\n').length;

/** `line: from → to status`, of what follows the head. */
function told({ mutants }: MutationReport): string[] {
  return mutants
    .filter(({ line }) => line >= firstLine || line === 5)
    .map(
      ({ line, from, to, status }) => `${line < firstLine ? 'head' : line - firstLine + 1}: ${from} → ${to} ${status}`,
    );
}

test('only a test at the boundary notices that < became <=', async () => {
  const body = 'if (data[14] < 10)\nreturn XDP_DROP;\nreturn XDP_PASS;\n';
  const far = [
    [3, 'XDP_DROP'],
    [50, 'XDP_PASS'],
  ] as const;
  expect(told(await check({ body, tests: far }))).toEqual([
    '1: < → >= killed',
    '1: < → <= survived',
    '2: XDP_DROP → XDP_PASS killed',
    '3: XDP_PASS → XDP_DROP killed',
  ]);
  const near = await check({ body, tests: [...far, [10, 'XDP_PASS']] });
  expect(told(near)).toContain('1: < → <= killed');
  expect(near.mutants.find(({ line, to }) => line === firstLine && to === '<=')?.killedBy).toEqual(['10 XDP_PASS']);
});

test.for([
  ['data[14] > 10', '>=', 10],
  ['data[14] >= 10', '>', 10],
  ['data[14] <= 10', '<', 10],
  ['10 > data[14]', '>=', 10],
  ['10 <= data[14]', '<', 10],
  ['(signed char)data[14] < -3', '<=', 253],
  ['data[14] < data[15] + 9', '<=', 9],
  ['(data[14] | 0x7fff00000000ULL) >= 0x7fff00000009ULL', '>', 9],
] as const)('the limit of %s moves to the side that C says', async ([condition, to, value]) => {
  const report = async (expected: string) =>
    await check({
      body: `if (${condition})\nreturn XDP_DROP;\nreturn XDP_PASS;\n`,
      tests: [
        [value, expected],
        [value === 253 ? 252 : value - 1, 'XDP_PASS'],
        [value === 253 ? 254 : value + 1, 'XDP_PASS'],
        [value === 253 ? 252 : value - 1, 'XDP_DROP'],
        [value === 253 ? 254 : value + 1, 'XDP_DROP'],
      ].map(([byte, action]) => [Number(byte), String(action)] as const),
    });
  // Whichever of the two the program does: the test at the limit notices, and only that one.
  for (const action of ['XDP_DROP', 'XDP_PASS']) {
    const { mutants, failing } = await report(action);
    if (failing.some(({ name }) => name === `${value} ${action}`)) continue;
    const moved = mutants.find((each) => each.line === firstLine && each.kind === 'boundary');
    // A constant of 64 bits is not in the jump: nothing is said rather than something wrong.
    if (moved === undefined) expect(condition).toContain('ULL');
    else expect([moved.to, moved.killedBy]).toEqual([to, [`${value} ${action}`]]);
  }
});

test('where no test comes is said, and which parts of a condition no test looks at', async () => {
  const body =
    'if (data[14] == 1 && data[15] == 0 || data[14] == 2)\nreturn XDP_TX;\nif (!data[14])\nreturn XDP_DROP;\nreturn XDP_PASS;\n';
  const report = await check({
    body,
    tests: [
      [1, 'XDP_TX'],
      [7, 'XDP_PASS'],
    ],
  });
  expect(told(report)).toEqual([
    '1: == → != killed',
    '1: == → != killed',
    '1: == → != killed',
    '2: XDP_TX → XDP_DROP killed',
    '3: !data[14] → data[14] killed',
    '4: XDP_DROP → XDP_PASS unreached',
    '5: XDP_PASS → XDP_DROP killed',
  ]);
  // Columns tell which comparison it is.
  expect(report.mutants.filter(({ line }) => line === firstLine).map(({ column }) => column)).toEqual([14, 31, 48]);
  expect(report.mutants.filter(({ line }) => line === firstLine).map(({ killedBy }) => killedBy)).toEqual([
    ['1 XDP_TX', '7 XDP_PASS'],
    ['1 XDP_TX'],
    ['7 XDP_PASS'],
  ]);
});

test('a function that was inlined twice changes in both places', async () => {
  const body =
    'if (is_small(data[14]) && !is_small(data[14]))\nreturn XDP_ABORTED;\nif (is_small(data[14])) return XDP_DROP;\nreturn XDP_PASS;\n';
  const report = await check({ body, tests: [[10, 'XDP_PASS']] });
  expect(told(report).filter((line) => line.startsWith('head'))).toEqual([
    'head: < → >= killed',
    'head: < → <= killed',
  ]);
});

test('a change that never ends is noticed, and a test that fails as it is does not count', async () => {
  const body = 'volatile int i = 0;\nwhile (i < 5) i++;\nreturn XDP_PASS;\n';
  const report = await check({
    body,
    tests: [
      [1, 'XDP_PASS'],
      [2, 'XDP_DROP'],
    ],
  });
  expect(report.failing.map(({ name }) => name)).toEqual(['2 XDP_DROP']);
  expect(told(report)).toEqual(['2: < → >= survived', '2: < → <= survived', '3: XDP_PASS → XDP_DROP killed']);
});
