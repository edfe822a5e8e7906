import { join } from 'node:path';
import { expect, test } from 'vitest';
import { binary, type Expression, joined, leaf, unary } from '../../extension/core/generate/provenance.ts';
import { solve } from '../../extension/core/generate/solve.ts';
import { type Generated, generate } from '../../extension/session/generate/generate.ts';
import { bundledInclude, project } from '../support/toolchain.ts';

const head = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } rules SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } limits SEC(".maps");
int threshold = 7;
const volatile int fixed = 3;
char _license[] SEC("license") = "GPL";
SEC("xdp") int prog(struct xdp_md *ctx) {
unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
`;

/** What a search finds in the body of a function, whose first line is 1. */
async function search(body: string, options: { seed?: number } = {}): Promise<Generated> {
  const folder = project({ 'prog.bpf.c': `${head}${body}\nreturn XDP_PASS;\n}\n` });
  const file = join(folder, 'prog.bpf.c');
  const found = await generate({
    file,
    program: undefined,
    build: { bundledInclude },
    seed: options.seed ?? 1,
    timeMs: 60_000,
    idleRuns: 400,
  });
  return found;
}

const firstLine = head.split('\n').length;

function unreachedLines({ unreached }: Generated): { line: number; reason: string | undefined }[] {
  return unreached.map(({ line, reason }) => ({ line: line - firstLine + 1, reason }));
}

const whole = 'if (data + 40 > end) return XDP_DROP;\n';

test.for([
  [
    'a magic number of 32 bits in network order',
    `${whole}if (*(__u32 *)(data + 20) == bpf_htonl(0xdeadbeef)) return XDP_TX;`,
  ],
  [
    'a number put together from bytes',
    `${whole}if ((data[20] << 8 | data[21]) == 0x1234 && data[22] >> 4 == 6) return XDP_TX;`,
  ],
  [
    'arithmetic that can be undone',
    `${whole}if (((*(__u32 *)(data + 24) ^ 0x5555aaaa) + 17) * 3 == 0x12345678 * 3u) return XDP_TX;`,
  ],
  [
    'a length that the packet says',
    `${whole}__u32 n = (data[14] & 15) * 4; if (n < 20 || data + 14 + n > end) return XDP_DROP; if (n == 24) return XDP_TX;`,
  ],
  ['an exact length', `if (end - data == 777) return XDP_TX;`],
  ['the context', `if (ctx->ingress_ifindex == 42 && ctx->rx_queue_index == 3) return XDP_TX;`],
  [
    'an entry of a map, and its value',
    `${whole}__u32 key = *(__u32 *)(data + 26); __u64 *rule = bpf_map_lookup_elem(&rules, &key); if (!rule) return XDP_DROP; if (*rule == 0x1122334455667788ULL) return XDP_TX;`,
  ],
  [
    'a value in an array',
    `__u32 key = 2; __u32 *limit = bpf_map_lookup_elem(&limits, &key); if (limit && *limit > 1000) return XDP_TX; `,
  ],
  ['a global variable', `if (threshold == 0x5eed) return XDP_TX;`],
  [
    'a comparison of two places in the packet',
    `${whole}if (*(__u32 *)(data + 14) == *(__u32 *)(data + 20) + 5) return XDP_TX;`,
  ],
])('the search reaches %s', async ([, body]) => {
  const found = await search(body ?? '');
  expect(found.verdicts).toContain('XDP_TX');
  const verdicts = found.tests.map((each) => (each['expect'] as { action: string }).action);
  // The kernel takes an interface of that number only where there is one, the machine always.
  expect(verdicts).toContain('XDP_TX');
});

test('what chance alone does not find, the search does not find without looking at comparisons either', async () => {
  const { Search } = await import('../../extension/core/generate/search.ts');
  const { openObject } = await import('../../extension/session/bpfObject.ts');
  const { linkForVm } = await import('../../extension/session/engine/vm.ts');
  const body = `${whole}if (*(__u32 *)(data + 20) == 0xdeadbeef && *(__u32 *)(data + 30) == 0x01020304 * data[18]) return XDP_TX;`;
  const folder = project({ 'prog.bpf.c': `${head}${body}\nreturn XDP_PASS;\n}\n` });
  const object = await openObject(join(folder, 'prog.bpf.c'), { bundledInclude });
  const target = { linked: linkForVm(object, [0]), btf: object.spec.btf, program: 'prog', options: { cpuCount: 1 } };
  const reaches = (guided: boolean): number => {
    const each = new Search(target, { seed: 5, idleRuns: 300, guided });
    while (each.step());
    return each.reached.size;
  };
  expect(reaches(true)).toBeGreaterThan(reaches(false));
});

test('the same seed gives the same tests, another one a search of its own', async () => {
  const body = `${whole}if (data[20] == 9) return XDP_DROP; if (*(__u16 *)(data + 30) == 77) return XDP_TX;`;
  const [one, other] = [await search(body, { seed: 3 }), await search(body, { seed: 3 })];
  expect(one.text).toBe(other.text);
  expect(one.runs).toBe(other.runs);
});

test.for([
  ['every lookup in limits succeeds', `__u32 key = 1; if (!bpf_map_lookup_elem(&limits, &key))\n return XDP_ABORTED;`],
  ['shorter than 14 bytes', `if (data + 14 > end)\n return XDP_ABORTED;`],
  ['fixed when the program is loaded', `if (fixed == 4)\n return XDP_ABORTED;`],
  ['bpf_get_smp_processor_id() decides it', `if (bpf_get_smp_processor_id() == 77)\n return XDP_ABORTED;`],
])('it says why a way may not be reached: %s', async ([reason, body]) => {
  const found = unreachedLines(await search(body ?? ''));
  expect(found).toEqual([{ line: 1, reason: expect.stringContaining(reason ?? '') as string }]);
});

test.for([
  [
    'fault',
    /read of 1 byte at offset 30 of the packet/,
    `if (data + 20 > end) return XDP_DROP; if (data[14] == 0x99) return\n data[30] ? XDP_DROP : XDP_TX;`,
    2,
  ],
  ['division', /divisor is 0/, `${whole}if (data[15] == 3) return\n 100 / data[20] > 5 ? XDP_DROP : XDP_TX;`, 3],
] as const)('a %s is reported with its line and a packet', async ([kind, message, body, line]) => {
  const { problems } = await search(body);
  const found = problems.find((each) => each.kind === kind);
  expect(found?.message).toMatch(message);
  expect((found?.line ?? 0) - firstLine + 1).toBe(line);
  expect(found?.input['packet']).toBeDefined();
});

const packet = { kind: 'packet' } as const;

function withValue(expression: Expression, value: bigint): Expression {
  expression.value = value;
  return expression;
}

test('the inverse of a byte swap, a mask, and of bytes put together', () => {
  const word = withValue(leaf(packet, 12, 2), 0x0008n);
  const swapped = withValue(unary('swap', 16, word), 0x0800n);
  expect(solve(swapped, 0x86ddn)).toEqual([[{ source: packet, offset: 12, size: 2, value: 0xdd86n }]]);
  const byte = withValue(leaf(packet, 14, 1), 0x45n);
  const masked = binary('and', 64, { expression: byte, value: 0x45n }, { expression: undefined, value: 0x0fn });
  // The other bits stay.
  expect(masked && solve(withValue(masked, 5n), 7n)).toEqual([[{ source: packet, offset: 14, size: 1, value: 0x47n }]]);
  expect(masked && solve(masked, 0x17n)).toEqual([]);
  const pair = joined([
    { expression: withValue(leaf(packet, 3, 1), 1n), index: 0 },
    { expression: withValue(leaf(packet, 9, 1), 2n), index: 0 },
  ]);
  expect(pair && solve(withValue(pair, 0x0201n), 0x0507n)).toEqual([
    [
      { source: packet, offset: 3, size: 1, value: 7n },
      { source: packet, offset: 9, size: 1, value: 5n },
    ],
  ]);
});
