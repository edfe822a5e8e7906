import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { Coverage } from '../../extension/core/coverage/coverage.ts';
import { ProgramImage } from '../../extension/core/debugger/image.ts';
import { notesOf } from '../../extension/core/debugger/story/notes.ts';
import { tellStory } from '../../extension/core/debugger/story/recorder.ts';
import { readSources } from '../../extension/core/debugger/story/sources.ts';
import { storyText } from '../../extension/core/debugger/story/text.ts';
import type { BranchStep, StoryStep, VerdictStory } from '../../extension/core/debugger/story/types.ts';
import { Timeline } from '../../extension/core/debugger/timeline.ts';
import { Machine } from '../../extension/core/vm/machine.ts';
import { buildForDebugger, type DebugBuild, debuggerMachine } from '../../extension/session/engine/debugBuild.ts';
import { linkForVm } from '../../extension/session/engine/vm.ts';
import { seeded } from '../support/bpfFixture.ts';
import { nativeBranches } from '../support/nativeBranches.ts';
import { bundledInclude, project, repository } from '../support/toolchain.ts';

const fixture = join(repository, 'test/fixtures/bpf/story.bpf.c');
const source = readFileSync(fixture, 'utf8');
const lineOf = (text: string): number => source.split('\n').findIndex((line) => line.includes(text)) + 1;

let build: DebugBuild;
let image: ProgramImage;
beforeAll(async () => {
  build = await buildForDebugger(fixture, { bundledInclude });
  image = new ProgramImage(build.object.elf, linkForVm(build.object, [0]));
});

/** kind, flags, port and addr as the bytes of the packet have them. */
function packetOf(kind: number, flags: number, port: number, addr = 0): Uint8Array {
  const packet = new Uint8Array(22);
  const view = new DataView(packet.buffer);
  packet.set([kind, flags], 14);
  view.setUint16(16, port, true);
  view.setUint32(18, addr, true);
  return packet;
}

function told(packet: Uint8Array): VerdictStory {
  const timeline = new Timeline({
    linked: image.linked,
    options: { ...debuggerMachine },
    setUp: () => undefined,
    packets: [{ request: { program: 'story', packet }, inputs: {} }],
  });
  const sources = readSources(new Map([[fixture, source]]));
  return tellStory({ timeline, image, spec: build.object.spec, cpus: [0], sources });
}

function* branchesOf(steps: readonly StoryStep[]): Generator<BranchStep> {
  for (const step of steps) {
    if (step.kind === 'branch') yield step;
    if (step.kind !== 'repeat') continue;
    for (let round = 0; round < step.times; round++) yield* branchesOf(step.steps);
  }
}

const actions = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];

test('every condition goes the way that gcc’s build of the same source goes', () => {
  const random = seeded(20);
  const ports = [0x5000, 0x3500, 0x3501, 0, 7];
  const packets = [new Uint8Array(14), packetOf(1, 0, 0x3500), packetOf(220, 7, 0x3500), packetOf(9, 0, 0x3500)];
  for (let count = 0; count < 60; count++) {
    const kind = [1, 2, 9, 201, random(256)][random(5)] ?? 0;
    packets.push(packetOf(kind, random(256), ports[random(5)] ?? 0, [0, 0x0100007f][random(2)]));
  }
  const expected = nativeBranches(project({}), source, packets);
  expect(expected).toHaveLength(packets.length);
  packets.forEach((packet, index) => {
    const story = told(packet);
    const branches = [...branchesOf(story.steps)].filter(({ form }) => form !== 'switch' && form !== 'value');
    const { branches: wanted, verdict } = expected[index]!;
    expect(branches.map(({ line, truth }) => `${line}:${Number(truth)}`)).toEqual(wanted);
    expect(story.end).toMatchObject({ kind: 'verdict', action: actions[verdict] });
    // A value that was told makes its test true or false by itself: all of them are known here.
    for (const { tests, text } of branches) for (const each of tests) expect(each.values, text).toBeDefined();
  });
});

test('the lines that ran are those that the coverage counts', () => {
  for (const packet of [packetOf(1, 3, 0x5000), packetOf(250, 255, 7), packetOf(9, 1, 0x3500), new Uint8Array(14)]) {
    const machine = new Machine(image.linked, { ...debuggerMachine, engine: 'wasm', coverage: true });
    machine.runXdp({ program: 'story', packet });
    const coverage = new Coverage();
    coverage.add(image, machine);
    const [file] = coverage.files();
    const counted = [...(file?.lines ?? [])].filter(([, count]) => count > 0).map(([line]) => line);
    const isCode = (line: number): boolean => !/^\s*[{}]\s*$/.test(source.split('\n')[line - 1] ?? '');
    expect(notesOf(told(packet), fixture).lines.filter((line) => counted.includes(line))).toEqual(
      counted.filter(isCode).sort((a, b) => a - b),
    );
  }
});

const options = {
  isOwn: () => true,
  nameOf: () => 's',
  lineText: (_: string, line: number) => source.split('\n')[line - 1]?.trim(),
};

/** The story of a packet, without the numbers of its lines. */
function check(packet: Uint8Array, expected: readonly string[]): void {
  expect(storyText(told(packet), options).map((line) => line.replace(/s:\d+ {2}/, ''))).toEqual(expected);
}

test('a packet that is too short', () =>
  check(new Uint8Array(20), [
    'if ((void *)(head + 1) > end)  2 bytes beyond the end of the packet > end of the packet, byte 20 → XDP_ABORTED',
    'return 0;  → XDP_ABORTED',
  ]));

test('values of operands, calls with their results, loops that are folded', () =>
  check(packetOf(9, 2, 0x3500), [
    'if ((void *)(head + 1) > end)  end of the packet, byte 22 ≤ end of the packet, byte 22 → false',
    '×2, the last time:',
    '  loop while (i < (head->flags & 7))  1 < 2 → true',
    '  if (i == 3)  1 ≠ 3 → false',
    '  if (i == 5)  1 ≠ 5 → false',
    'loop while (i < (head->flags & 7))  2 ≥ 2 → false',
    'loop while (sum > TWICE(LIMIT) || sum == 6)  1 ≤ 80, 1 ≠ 6 → false',
    '  if (value & 1)  value & 1 = 0 → false',
    'if (is_even(sum))  is_even() = 1 → true',
    'loop while (sum < 4 && sum)  2 < 4, sum = 2 → true',
    '  if (value & 1)  value & 1 = 1 → true',
    'if (is_even(sum))  is_even() = 0 → false',
    'loop while (sum < 4 && sum)  3 < 4, sum = 3 → true',
    '  if (value & 1)  value & 1 = 0 → false',
    'if (is_even(sum))  is_even() = 1 → true',
    'loop while (sum < 4 && sum)  4 ≥ 4 → false',
    '  if (head->kind == 1 || head->kind == 2)  9 ≠ 1, 9 ≠ 2 → false',
    '  if (head->kind > 200 && head->flags != 0)  9 ≤ 200 → false',
    '  if (depth < 3)  0 < 3 → true',
    ...[1, 2].flatMap((depth) => called(depth, `${depth} < 3 → true`)),
    ...called(3, '3 ≥ 3 → false'),
    'if (!kind)  kind = -3 → false',
    ...called(0, '2 < 3 → true'),
    ...called(1, '3 ≥ 3 → false'),
    'if (classify(head, 2) < 0)  -3 < 0 → true',
    'if (unlikely(head->port == 0x3500))  13568 = 13568 → XDP_DROP',
    'return 1;  → XDP_DROP',
  ]));

/** classify() on a kind of 9, so many calls deep. */
function called(depth: number, last: string): string[] {
  const indent = '  '.repeat(depth + 1);
  return [
    `${indent}if (head->kind == 1 || head->kind == 2)  9 ≠ 1, 9 ≠ 2 → false`,
    `${indent}if (head->kind > 200 && head->flags != 0)  9 ≤ 200 → false`,
    `${indent}if (depth < 3)  ${last}`,
  ];
}

test('nothing is told of a file that is not there', () => {
  const packet = packetOf(9, 1, 0x3500);
  const timeline = new Timeline({
    linked: image.linked,
    options: { ...debuggerMachine },
    setUp: () => undefined,
    packets: [{ request: { program: 'story', packet }, inputs: {} }],
  });
  const none = tellStory({ timeline, image, spec: build.object.spec, cpus: [0], sources: readSources(new Map()) });
  expect(none).toMatchObject({ steps: [], end: { kind: 'verdict', action: 'XDP_DROP' } });
});

test('what an editor says behind the lines', () => {
  const { notes } = notesOf(told(packetOf(1, 3, 0x5000)), fixture);
  const behind = (text: string): string | undefined => notes.get(lineOf(text))?.text;
  expect(behind('if (head->kind == 1')).toBe('true ×2; last: 1 = 1 → true');
  expect(behind('for (int i = 0')).toBe('true ×3, false ×1; last: 3 ≥ 3 → false');
  expect(behind('if (sum != LIMIT)')).toBeUndefined();
  expect(behind('if (!(sum > LIMIT')).toBe('4 ≤ 39, 0 ≠ 16777343 → XDP_PASS');
  expect(notes.get(lineOf('if (!(sum > LIMIT') + 1)).toEqual({
    text: '→ XDP_PASS',
    details: ['→ XDP_PASS'],
    isEnd: true,
  });
});

test('a loop of very many rounds: the first 5000 have their values, and a run of millions of instructions its verdict', async () => {
  const told = async (rounds: number): Promise<string[]> => {
    const text = [
      '#include <linux/bpf.h>',
      '__attribute__((section("xdp"), used)) int story(struct xdp_md *ctx)',
      '{',
      '  unsigned int sum = 0;',
      `  for (int i = 0; i < ${rounds}; i++)`,
      '    sum += ctx->rx_queue_index + 1;',
      '  return sum > 1000 ? XDP_DROP : XDP_PASS;',
      '}',
    ].join('\n');
    return (await storyOfText(text, new Uint8Array(14))).map((line) => line.replace(/^( *)s:\d+ {2}/, '$1'));
  };
  expect(await told(7000)).toEqual([
    '×5000, the last time:',
    '  loop while (i < 7000)  4999 < 7000 → true',
    '×2000, the last time:',
    '  loop while (i < 7000)  → true',
    'loop while (i < 7000)  → false',
    '→ XDP_DROP',
  ]);
  expect((await told(3)).at(-2)).toBe('sum > 1000 ?  3 ≤ 1000 → XDP_PASS');
  expect((await told(200_000)).slice(-2)).toEqual(['… (the rest of this long run is not told)', '→ XDP_DROP']);
});

/** What is told of one packet through a program named story. */
async function storyOfText(text: string, packet: Uint8Array): Promise<string[]> {
  const file = join(project({ 'told.bpf.c': text }), 'told.bpf.c');
  const { object } = await buildForDebugger(file, { bundledInclude });
  const own = new ProgramImage(object.elf, linkForVm(object, [0]));
  const timeline = new Timeline({
    linked: own.linked,
    options: { ...debuggerMachine },
    setUp: () => undefined,
    packets: [{ request: { program: 'story', packet }, inputs: {} }],
  });
  const sources = readSources(new Map([[file, text]]));
  const story = tellStory({ timeline, image: own, spec: object.spec, cpus: [0], sources });
  return storyText(story, { ...options, lineText: () => undefined });
}

test('a condition over several lines, macros with several meanings, strings with brackets in them', async () => {
  const text = [
    '#include <linux/bpf.h>',
    '#ifdef NEVER',
    '#define EDGE 3',
    '#else',
    '#define EDGE 20',
    '#endif',
    '__attribute__((section("xdp"), used)) int story(struct xdp_md *ctx)',
    '{',
    '  unsigned char *data = (unsigned char *)(long)ctx->data, *end = (unsigned char *)(long)ctx->data_end;',
    '  if (data + 16 > end ||',
    "      data[14] == '(' || /* ) */",
    '      data[15] < EDGE)',
    '    return XDP_PASS;',
    '  return data[14] == 7 ? XDP_DROP : XDP_TX;',
    '}',
  ].join('\n');
  const tell = (...tail: number[]): Promise<string[]> =>
    storyOfText(text, new Uint8Array([...new Uint8Array(14), ...tail]));
  const head = "if (data + 16 > end || data[14] == '(' || data[15] < EDGE)";
  expect(await tell(0x28, 0)).toEqual([
    `s:10  ${head}  end of the packet, byte 16 ≤ end of the packet, byte 16, 40 = 40 → XDP_PASS`,
    's:13  → XDP_PASS',
  ]);
  // EDGE may be 3 or 20: its test went the way that the program went, without a value.
  expect((await tell(7, 12))[0]).toBe(
    `s:10  ${head}  end of the packet, byte 16 ≤ end of the packet, byte 16, 7 ≠ 40 → XDP_PASS`,
  );
  expect((await tell(7, 30)).slice(1)).toEqual(['s:14  data[14] == 7 ?  7 = 7 → XDP_DROP', 's:14  → XDP_DROP']);
});
