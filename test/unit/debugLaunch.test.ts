import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { DebugProtocol } from '@vscode/debugprotocol';
import * as v from 'valibot';
import { askKernel, type KernelAnswer, kernelAnswer, KernelQuestion } from '../../extension/protocol/debug.ts';
import { bundleCli } from '../support/cliBundle.ts';
import { DapClient } from '../support/dapClient.ts';
import { project, repository } from '../support/toolchain.ts';

const program = join(repository, 'test/fixtures/bpf/debugShapes.bpf.c');
const firewall = join(repository, 'bpf/examples/firewall/xdp_firewall.xdptest.json');
const at = (file: string, text: string): number =>
  readFileSync(file, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text)) + 1;

let client: DapClient;
afterEach(() => client.close());

test('a packet test is debugged with its packet, maps and expectation', async () => {
  client = new DapClient();
  const file = JSON.parse(readFileSync(firewall, 'utf8')) as { tests: { name: string; expect: { action: string } }[] };
  const [blocked] = file.tests.filter((each) => each.expect.action === 'XDP_DROP');
  const stop = await client.launch({ testFile: firewall, test: blocked?.name });
  expect(stop).toMatchObject({ reason: 'entry', name: 'xdp_firewall' });
  expect(await client.moved('continue')).toMatchObject({ reason: 'terminated' });
  expect(client.output).toContainEqual(expect.stringMatching(/^XDP_DROP; the packet is unchanged;/));
  expect(client.output).toContainEqual('The optimised object, as the kernel gets it, comes to the same.');
});

test('the optimised object can be stepped, with what its debug information has', async () => {
  client = new DapClient();
  await client.launch({ program, build: 'kernel' }, () =>
    client.breakAt(program, [{ line: at(program, 'shape.self = 0;') }]),
  );
  expect(client.output[0]).toContain('Stepping through the optimised object of debug_shapes');
  const locals = await client.variables(['Locals']);
  expect(locals.map(({ name }) => name)).toContain('weight');
  // What the compiler did away with says so; nothing is made up.
  expect(locals.filter(({ value }) => value.startsWith('<')).length).toBeGreaterThan(0);
});

test('differences between the two builds are said', async () => {
  const root = project({
    'undefined.bpf.c': `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int undefined_shift(struct xdp_md *ctx) {
  int number = (int)ctx->ingress_ifindex + 2147483646;
  if (number + 1 < number) return XDP_DROP; /* signed overflow, which the optimiser takes for impossible */
  return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
  });
  client = new DapClient();
  await client.launch({ program: join(root, 'undefined.bpf.c'), stopOnEntry: false });
  const said = client.output.join('\n');
  expect(said).toContain('comes to something else');
  expect(said).toContain('verdict: XDP_DROP here, XDP_PASS in the optimised object');
});

test.for<[string, (packet: string) => KernelAnswer, RegExp[]]>([
  [
    'which agrees',
    (packetOut) => ({ kind: 'ran', steps: [{ retval: 1, packetOut, metadataOut: '' }] }),
    [/^This kernel comes to the same\.$/],
  ],
  [
    'which does not agree',
    () => ({ kind: 'ran', steps: [{ retval: 2, packetOut: '00', metadataOut: '' }] }),
    [/verdict: XDP_DROP here, XDP_PASS in the kernel/, /packet: [0-9a-f]+ here, 00 in the kernel/],
  ],
  [
    'which refuses',
    () => ({ kind: 'failed', message: 'no such luck' }),
    [/^The kernel could not be asked: no such luck/],
  ],
  ['without a helper', () => ({ kind: 'noHelper' }), [/^The kernel was not asked: that needs privilege\./]],
])('where the adapter has no privilege the extension asks the kernel, %s', async ([, answer, expected]) => {
  client = new DapClient();
  const launch = {
    testFile: firewall,
    test: 'blocked source is dropped',
    stopOnEntry: false,
    extensionAsksKernel: true,
  };
  const ended = client.launch(launch);
  const asked = v.parse(KernelQuestion, (await client.event(askKernel)).body);
  expect(asked).toMatchObject({ program: 'xdp_firewall', steps: [{ context: {} }] });
  expect(asked.setup).toContainEqual({
    map: 'blocklist',
    key: '200000000a000042',
    value: { kind: 'bytes', hex: '01000000' },
  });
  await client.request(kernelAnswer, answer(asked.steps[0]?.packet ?? ''));
  expect(await ended).toMatchObject({ reason: 'terminated' });
  const last = client.output.slice(-expected.length);
  expected.forEach((words, index) => expect(last[index]).toMatch(words));
});

test('disassembly: every line asked for, with source, and breakpoints on instructions', async () => {
  client = new DapClient();
  await client.launch({ program });
  const [frame] = await client.frames();
  const memoryReference = frame?.instructionPointerReference ?? '';
  const { instructions } = await client.request<NonNullable<DebugProtocol.DisassembleResponse['body']>>('disassemble', {
    memoryReference,
    instructionOffset: -100,
    instructionCount: 300,
  });
  expect(instructions).toHaveLength(300);
  const index = instructions.findIndex(({ address }) => address === memoryReference);
  expect(index).toBe(100);
  expect(instructions[0]?.presentationHint).toBe('invalid');
  expect(instructions[index]).toMatchObject({
    instruction: expect.stringMatching(/^ +\d+: r\d+ = /),
    line: frame?.line,
  });
  const call = instructions.find(({ instruction }) => /call(x r\d+)?/.test(instruction));
  const set = await client.request<DebugProtocol.SetInstructionBreakpointsResponse['body']>(
    'setInstructionBreakpoints',
    {
      breakpoints: [{ instructionReference: call?.address }],
    },
  );
  expect(set.breakpoints).toMatchObject([{ verified: true }]);
  expect(await client.moved('continue')).toMatchObject({ reason: 'breakpoint' });
  const [stopped] = await client.frames();
  expect(stopped?.instructionPointerReference).toBe(call?.address);
  await client.moved('next', { granularity: 'instruction' });
  const [after] = await client.frames();
  expect(after?.instructionPointerReference).not.toBe(call?.address);
  await client.moved('stepBack', { granularity: 'instruction' });
  const [before] = await client.frames();
  expect(before?.instructionPointerReference).toBe(call?.address);
});

test('memory is read and written by reference', async () => {
  client = new DapClient();
  await client.launch({ program, packet: 'Ether()/IP(ttl=7)/UDP()' });
  const bytes = (await client.variables(['Packet'])).find(({ name }) => name === 'bytes');
  const memoryReference = bytes?.memoryReference ?? '';
  const read = async (offset: number, count: number): Promise<string> => {
    const body = await client.request<NonNullable<DebugProtocol.ReadMemoryResponse['body']>>('readMemory', {
      memoryReference,
      offset,
      count,
    });
    return `${Buffer.from(body.data ?? '', 'base64').toString('hex')} ${body.unreadableBytes ?? 0}`;
  };
  expect(await read(14, 2)).toBe('4500 0');
  expect(await read(40, 10)).toMatch(/^[0-9a-f]{4} 8$/);
  await client.request('writeMemory', { memoryReference, offset: 22, data: Buffer.from([9]).toString('base64') });
  expect(await client.evaluate('$packet[22]')).toBe('9');
});

test.for([
  ['no program', {}, 'names no program'],
  ['no such file', { program: '/nowhere/x.bpf.c' }, 'Cannot open /nowhere/x.bpf.c'],
  ['a bad packet', { program, packet: 'Ether()/Nothing()' }, 'Nothing'],
  ['a bad map', { program, maps: { none: [{ key: 1, value: 1 }] } }, 'none'],
  ['a wrong type', { program: 5 }, 'The launch configuration is not valid: program'],
  ['no such test', { testFile: firewall, test: 'nothing' }, 'has no test named "nothing"'],
] as const)('a launch that cannot be is an error in words: %s', async ([, configuration, message]) => {
  client = new DapClient();
  await expect(client.launch(configuration)).rejects.toThrow(message);
});

test('a program that does not compile shows what clang says', async () => {
  const root = project({ 'bad.bpf.c': 'int main(void) { return nothing; }\n' });
  client = new DapClient();
  await expect(client.launch({ program: join(root, 'bad.bpf.c') })).rejects.toThrow();
  expect(client.output.join('\n')).toMatch(/bad\.bpf\.c:1: error: use of undeclared identifier/);
});

test('a program that never ends can be paused', async () => {
  const root = project({
    'endless.bpf.c': `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int endless(struct xdp_md *ctx) { volatile int i = 0; for (;;) i++; return 0; }
char _license[] SEC("license") = "GPL";`,
  });
  client = new DapClient();
  await client.launch({ program: join(root, 'endless.bpf.c') });
  await client.request('continue', { threadId: 1 });
  await client.request('pause', { threadId: 1 });
  expect(await client.stop()).toMatchObject({ reason: 'pause', name: 'endless' });
  expect(Number(await client.evaluate('i'))).toBeGreaterThan(0);
});

test('the built adapter speaks over its standard input and output', async () => {
  const body = JSON.stringify({
    seq: 1,
    type: 'request',
    command: 'initialize',
    arguments: { adapterID: 'xdp', pathFormat: 'path' },
  });
  const input = `Content-Length: ${body.length}\r\n\r\n${body}`;
  const bundles = await bundleCli('debug-launch-test');
  const output = execFileSync(process.execPath, [join(dirname(bundles.file), 'debug.mjs')], {
    input,
    encoding: 'utf8',
  });
  bundles.remove();
  expect(output).toContain('"supportsStepBack":true');
});
