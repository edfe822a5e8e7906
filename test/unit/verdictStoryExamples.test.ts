import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BranchTest, StoryStep } from '../../extension/core/debugger/story/types.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { storyOf, storyOfTest, type ToldStory } from '../../extension/session/engine/story.ts';
import { PacketSource } from '../../extension/session/packetTest/files.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { bundledInclude, project, repository } from '../support/toolchain.ts';

const examples = join(repository, 'bpf/examples');
const firewall = join(examples, 'firewall/xdp_firewall.bpf.c');
const blocked = '{"blocklist":[{"key":{"prefixlen":24,"addr":"10.0.0.0"},"value":1}]}';
const packet = 'Ether()/IP(src="10.0.0.66")/TCP(dport=80)';

let cli: CliBundle;
beforeAll(async () => {
  cli = await bundleCli('story');
});
afterAll(() => cli.remove());

function* testsOf(steps: readonly StoryStep[]): Generator<BranchTest> {
  for (const step of steps) {
    if (step.kind === 'branch') yield* step.tests;
    if (step.kind === 'repeat') yield* testsOf(step.steps);
  }
}

/** The story of the last packet of the first test that expects a verdict. */
async function storyOfFirst(file: string): Promise<{ told: ToldStory; expected: string } | undefined> {
  const { file: parsed } = parseTestFile(readFileSync(file, 'utf8'));
  const packets = new PacketSource(file);
  for (const { steps, maps, program = parsed?.program } of parsed?.tests ?? []) {
    const expected = steps.at(-1)?.expectations.find(({ action }) => action !== undefined)?.action?.value.name;
    if (parsed === undefined || expected === undefined) continue;
    for (const step of steps) await packets.load(step.packet);
    const request = {
      file: resolve(dirname(file), parsed.source.value),
      program: program?.value ?? '',
      setups: maps,
      packets: steps.map((step) => ({
        packet: packets.bytesOf(step.packet),
        context: {
          ...(step.context.cpu === undefined ? {} : { cpu: step.context.cpu }),
          ...(step.context.metadata === undefined ? {} : { metadata: step.context.metadata }),
        },
      })),
      action: expected,
    };
    return { told: await storyOf(request, { bundledInclude }, [0, 1]), expected };
  }
  return undefined;
}

test('the examples’ first tests have a story with their verdict, and nearly every operand has its value', async () => {
  const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.xdptest.json'),
  );
  const without: string[] = [];
  let count = 0;
  for (const file of files) {
    const story = await storyOfFirst(join(examples, file));
    if (story === undefined) continue;
    expect(story.told, file).toMatchObject({
      kind: 'told',
      story: { cut: false, end: { kind: 'verdict', action: story.expected } },
    });
    if (story.told.kind !== 'told') continue;
    for (const each of testsOf(story.told.story.steps)) {
      count++;
      if (each.values === undefined) without.push(`${file}: ${each.text}`);
    }
  }
  expect(count).toBeGreaterThan(100);
  expect(without.length, without.join('\n')).toBeLessThan(count / 50);
});

test('xdp run --story', () => {
  const run = (...more: string[]): string[] => [
    'run',
    firewall,
    '--engine',
    'vm',
    '--packet',
    packet,
    '--maps',
    blocked,
    '--story',
    ...more,
  ];
  const path = cli.text(run()).split('path:\n')[1]?.trimEnd().split('\n');
  expect(path?.map((line) => line.replace(/:\d+/, ''))).toEqual([
    '  xdp_firewall.bpf.c  if (!xdp_parse_eth_vlan(&cur, &ethertype))  xdp_parse_eth_vlan() = ethernet header at byte 0 → false',
    '  xdp_firewall.bpf.c  if (ethertype != bpf_htons(ETH_P_IP))  0x0800 = 0x0800 → false',
    '  xdp_firewall.bpf.c  if (!ip)  ip = ipv4 header at byte 14 → false',
    '  xdp_firewall.bpf.c  blocklist[{"prefixlen":32,"addr":"10.0.0.66"}]: found',
    '  xdp_firewall.bpf.c  if (blocked && *blocked)  blocked = value of blocklist, *blocked = 1 → XDP_DROP',
    '    xdp_firewall.bpf.c  dropped[0]: found',
    '    xdp_firewall.bpf.c  if (packets)  packets = value of dropped → true',
    '  xdp_firewall.bpf.c  return drop(DROP_BLOCKED);  → XDP_DROP',
  ]);
  const { status, json } = cli.run(run());
  expect(status).toBe(0);
  expect(json['action']).toBe('XDP_DROP');
  const steps = json['story'] as StoryStep[];
  expect(steps).toContainEqual(
    expect.objectContaining({
      kind: 'branch',
      file: firewall,
      function: 'xdp_firewall',
      text: 'blocked && *blocked',
      truth: true,
      verdict: 'XDP_DROP',
    }),
  );
  const refused = cli.run(['run', firewall, '--packet', packet, '--story', '--live', '5']);
  expect(refused.status).toBe(2);
});

test('a packet test: its first packet with another verdict than expected, else its last', async () => {
  const folder = project({ 'xdp_firewall.bpf.c': readFileSync(firewall, 'utf8') });
  const testFile = join(folder, 'xdp_firewall.xdptest.json');
  const maps = (JSON.parse(`{"maps":${blocked}}`) as { maps: unknown }).maps;
  const steps = ['10.0.1.1', '10.0.0.66', '10.0.0.67'].map((src) => ({
    packet: `Ether()/IP(src='${src}')`,
    expect: { action: 'XDP_PASS' },
  }));
  const tests = [
    { name: 'wrong', maps, packets: steps },
    { name: 'right', maps, packets: steps.slice(0, 1) },
  ];
  writeFileSync(testFile, JSON.stringify({ source: 'xdp_firewall.bpf.c', tests }));
  const keyOf = async (test: string): Promise<string[]> => {
    const told = await storyOfTest({ testFile, test }, { bundledInclude }, [0]);
    const found = told.kind === 'told' ? told.story.steps : [];
    return found.flatMap((step) => (step.kind === 'call' && step.map === 'blocklist' ? [step.key ?? ''] : []));
  };
  expect(await keyOf('wrong')).toEqual(['{"prefixlen":32,"addr":"10.0.0.66"}']);
  expect(await keyOf('right')).toEqual(['{"prefixlen":32,"addr":"10.0.1.1"}']);
  await expect(storyOfTest({ testFile, test: 'gone' }, { bundledInclude }, [0])).rejects.toMatchObject({
    code: 'usage',
  });
});

test('another verdict than the one that was seen is no story; nor is an object without its source', async () => {
  const request = {
    file: firewall,
    program: 'xdp_firewall',
    setups: [],
    packets: [{ packet: new Uint8Array(14), context: {} }],
    action: 'XDP_TX',
  };
  expect(await storyOf(request, { bundledInclude }, [0])).toEqual({
    kind: 'differs',
    stepped: 'XDP_PASS',
    action: 'XDP_TX',
  });
  const object = join(project({}), 'xdp_firewall.bpf.o');
  expect(cli.run(['compile', firewall, '-o', object]).status).toBe(0);
  const { status, json } = cli.run(['run', object, '--engine', 'vm', '--packet', packet, '--story']);
  expect(status).toBe(0);
  expect(json).toMatchObject({ action: 'XDP_PASS', story: [] });
  expect(json['storyProblem']).toContain('an object was given, not a source');
});
