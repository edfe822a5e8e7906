import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { DapClient, type Stopped } from '../support/dapClient.ts';
import { repository } from '../support/toolchain.ts';

const program = join(repository, 'test/fixtures/bpf/debugShapes.bpf.c');
const lines = readFileSync(program, 'utf8').split('\n');
/** Number of the line that holds this text. */
const at = (text: string): number => lines.findIndex((line) => line.includes(text)) + 1;
const packet = 'Ether()/IP(src="10.1.2.3", dst="10.0.0.9")/UDP(dport=53)/Raw(b"hello")';

let client: DapClient;
afterEach(() => client.close());

async function launch(configuration: object = {}, breakpoints: object[] = []): Promise<Stopped> {
  client = new DapClient();
  return await client.launch({ program, packet, ...configuration }, () =>
    client.breakAt(program, breakpoints as never),
  );
}

test('stops at the first statement when there is no breakpoint, and runs to the end', async () => {
  const stop = await launch();
  expect(stop).toMatchObject({
    reason: 'entry',
    name: 'debug_shapes',
    line: at('void *data = (void *)(long)ctx->data;'),
  });
  expect(await client.moved('continue')).toMatchObject({ reason: 'terminated' });
  expect(client.output).toContainEqual(
    expect.stringMatching(/^XDP_PASS; the packet is unchanged; \d+ instructions\.$/),
  );
  expect(client.output).toContainEqual('The optimised object, as the kernel gets it, comes to the same.');
});

test('locals have their types, also bit-fields, unions, enums, arrays and pointers', async () => {
  await launch({}, [{ line: at('int weight = weigh') }]);
  const locals = Object.fromEntries((await client.variables(['Locals'])).map(({ name, value }) => [name, value]));
  expect(locals).toMatchObject({
    ctx: 'context',
    data: 'ethernet header at byte 0',
    data_end: 'end of the packet, byte 47',
    eth: 'ethernet header at byte 0',
    key: '1',
    protocol: '2048',
  });
  const text = async (...path: string[]): Promise<Record<string, string>> =>
    Object.fromEntries((await client.variables(['Locals', ...path])).map(({ name, value }) => [name, value]));
  expect(await text('shape', 'flags')).toEqual({ first: '5', second: '1000', third: '-2', rest: '9' });
  expect(await text('shape', 'number')).toMatchObject({
    whole: String(0x1122334455667788n),
    halves: `[${0x55667788}, ${0x11223344}]`,
  });
  expect(await text('shape', 'number', '{struct}')).toEqual({
    low: String(0x7788),
    network: '26197 (0x6655, network order)',
  });
  expect(await text('shape')).toMatchObject({
    verdict: 'VERDICT_BAD (-3)',
    name: '"square"',
    yes: 'true',
    callback: 'null',
  });
  expect(await text('shape', 'grid', '[1]')).toEqual({ '[0]': '4', '[1]': '5', '[2]': '6' });
  expect((await text('eth'))['h_proto']).toBe('2048 (0x0800, network order)');
});

test('speaks the language of the client, but for what the program has', async () => {
  client = new DapClient('', undefined, 'zh-cn');
  await client.launch({ program, packet }, () => client.breakAt(program, [{ line: at('int weight = weigh') }]));
  const locals = await client.variables(['局部变量']);
  expect(Object.fromEntries(locals.map(({ name, value }) => [name, value]))).toMatchObject({
    ctx: 'context',
    data: 'ethernet 头部，位于字节 0',
    data_end: '数据包末尾，第 47 字节',
    protocol: '2048',
  });
  expect(await client.moved('continue')).toMatchObject({ reason: 'terminated' });
  expect(client.output).toContainEqual(expect.stringMatching(/^XDP_PASS；数据包没有改变；\d+ 条指令。$/));
  expect(client.output).toContainEqual('内核所用的优化后对象得到相同的结果。');
});

test('steps in, over and out, through called and inlined functions', async () => {
  await launch({}, [{ line: at('__u16 protocol = protocol_of(eth);') }]);
  expect(await client.moved('stepIn')).toMatchObject({
    name: 'protocol_of [inlined]',
    line: at('bpf_ntohs(eth->h_proto)'),
  });
  expect((await client.frames()).map(({ name, line }) => `${name}:${line}`)).toEqual([
    `protocol_of [inlined]:${at('bpf_ntohs(eth->h_proto)')}`,
    `debug_shapes:${at('__u16 protocol = protocol_of(eth);')}`,
  ]);
  expect(await client.moved('stepOut')).toMatchObject({ name: 'debug_shapes' });
  await client.breakAt(program, [{ line: at('int weight = weigh') }]);
  await client.moved('continue');
  expect(await client.moved('stepIn')).toMatchObject({ name: 'weigh', line: at('int weight = 0;') });
  expect(await client.evaluate('factor')).toBe('10');
  expect(await client.evaluate('shape->grid[1][2] * factor')).toBe('60');
  // The caller's variables are there as well.
  expect(await client.evaluate('key', 'watch', 2)).toBe('1');
  expect(await client.moved('stepOut')).toMatchObject({ name: 'debug_shapes', line: at('int weight = weigh') });
  expect(await client.moved('next')).toMatchObject({ name: 'debug_shapes', line: at('shape.self = 0;') });
});

test('steps back: over calls, into the caller, and to the start', async () => {
  await launch({}, [{ line: at('shape.self = 0;') }]);
  expect(await client.evaluate('weight')).toBe('150');
  expect(await client.moved('stepBack')).toMatchObject({ line: at('int weight = weigh') });
  // The end of the block has code of its own.
  expect(await client.moved('stepBack')).toMatchObject({ line: at('seen += length;') + 1 });
  expect(await client.moved('stepBack')).toMatchObject({ line: at('seen += length;') });
  expect(await client.evaluate('length')).toBe('33');
  expect(await client.evaluate('seen')).toBe('1');
  expect(await client.moved('next')).toMatchObject({ line: at('seen += length;') + 1 });
  expect(await client.evaluate('seen')).toBe('34');
  expect(await client.moved('reverseContinue')).toMatchObject({ reason: 'entry' });
  expect(await client.moved('continue')).toMatchObject({ reason: 'breakpoint', line: at('shape.self = 0;') });
  await client.breakAt(program, [{ line: at('seen++;') }]);
  expect(await client.moved('reverseContinue')).toMatchObject({ reason: 'breakpoint', line: at('seen++;') });
});

test('a step back at the beginning of a function goes to its call', async () => {
  await launch({}, [{ line: at('int weight = 0;') }]);
  expect(await client.moved('stepBack')).toMatchObject({ name: 'debug_shapes', line: at('int weight = weigh') });
});

test.for([
  ['condition', { condition: 'i == 2' }, '2'],
  ['condition with C in it', { condition: '(shape->flags.first & 4) && part == 0 && i > 0' }, '2'],
  ['hit count', { hitCondition: '2' }, '1'],
  ['exact hit count', { hitCondition: '== 3' }, '2'],
] as const)('conditional breakpoints: %s', async ([, options, i]) => {
  const line = at('int part = shape');
  const stop = await launch({}, [{ line, ...options }]);
  const wanted = 'condition' in options && options.condition.includes('part') ? undefined : i;
  if (wanted === undefined) {
    expect(stop).toMatchObject({ reason: 'terminated' });
    return;
  }
  expect(stop).toMatchObject({ reason: 'breakpoint', line });
  expect(await client.evaluate('i')).toBe(wanted);
});

test('log points print and do not stop', async () => {
  const stop = await launch({ stopOnEntry: false }, [
    { line: at('weight += part;'), logMessage: 'part {i} is {part}, {nothing}' },
  ]);
  expect(stop).toMatchObject({ reason: 'terminated' });
  expect(client.output.filter((line) => line.startsWith('part'))).toEqual([
    'part 0 is 40, <there is no variable nothing here>',
    'part 1 is 50, <there is no variable nothing here>',
    'part 2 is 60, <there is no variable nothing here>',
  ]);
});
