import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapClient, type Stopped } from '../support/dapClient.ts';
import { repository } from '../support/toolchain.ts';

const program = join(repository, 'test/fixtures/bpf/debugCalls.bpf.c');
const lines = readFileSync(program, 'utf8').split('\n');
const at = (text: string): number => lines.findIndex((line) => line.includes(text)) + 1;
const packet = 'Ether(dst="02:00:00:00:00:01")/IP(src="10.1.2.3", dst="10.0.0.9", ttl=64)/UDP(dport=53)/Raw(b"hello")';

let client: DapClient;
afterEach(() => client.close());

interface Options {
  breakpoints?: DebugProtocol.SourceBreakpoint[];
  filters?: string[];
}

async function launch(configuration: object = {}, { breakpoints = [], filters }: Options = {}): Promise<Stopped> {
  client = new DapClient();
  return await client.launch({ program, packet, stopOnEntry: false, ...configuration }, async () => {
    await client.breakAt(program, breakpoints);
    if (filters !== undefined) await client.request('setExceptionBreakpoints', { filters });
  });
}

const values = async (...path: string[]): Promise<Record<string, string>> =>
  Object.fromEntries((await client.variables(path)).map(({ name, value }) => [name, value]));

test('a callback is a frame of its own, and is stepped over with its helper', async () => {
  await launch({}, { breakpoints: [{ line: at('*sum += index;'), condition: 'index == 2' }] });
  expect((await client.frames()).map(({ name, line }) => `${name}:${line}`)).toEqual([
    `add [called back by bpf_loop]:${at('*sum += index;')}`,
    `debug_calls:${at('bpf_loop(4')}`,
  ]);
  expect(await client.evaluate('*sum')).toBe('1');
  expect(await client.evaluate('sum', 'watch', 2)).toBe('1');
  await client.breakAt(program, [{ line: at('bpf_loop(4') }]);
  await client.moved('reverseContinue');
  expect(await client.moved('next')).toMatchObject({ line: at('if ((void *)(ip + 1)') });
  expect(await client.evaluate('sum')).toBe('6');
});

test.for([
  ['mapMiss', 'bpf_map_lookup_elem() found nothing', 'struct flow *flow = bpf_map_lookup'],
  ['helperFailure', 'bpf_xdp_adjust_head() returned -22', 'if (bpf_xdp_adjust_head'],
] as const)('pauses when asked to: %s', async ([filter, text, line]) => {
  expect(await launch({}, { filters: [filter] })).toMatchObject({ reason: 'exception', text, line: at(line) });
});

test('pauses before another verdict than expected is returned', async () => {
  const stop = await launch({ expect: 'XDP_DROP' }, { filters: ['verdict'] });
  expect(stop).toMatchObject({ reason: 'exception', text: 'the program returns XDP_TX, and XDP_DROP is expected' });
  await client.moved('continue');
  expect(client.output).toContainEqual(
    expect.stringMatching(/^XDP_TX, where XDP_DROP is expected; the packet leaves with 47 bytes;/),
  );
});

test('a fault stops where it happens, and one can go back from it', async () => {
  const stop = await launch({ packet: packet.replace('ttl=64', 'ttl=1') }, { filters: ['fault'] });
  expect(stop).toMatchObject({ reason: 'exception', line: at('a read beyond the end') });
  expect(stop.text).toContain('read of 1 byte at offset 48 of the packet, which has 47 bytes');
  expect(await client.moved('stepBack')).toMatchObject({ reason: 'step', line: at('a read beyond the end') });
  expect(await client.moved('stepBack')).toMatchObject({ line: at('if (ip->ttl == 1)') });
  expect(await client.evaluate('ip->ttl')).toBe('1');
});

/** Goes on to a data breakpoint. As everywhere the program stands behind the write, which may be on the next line. */
async function expectWrite(line: string): Promise<string> {
  const stop = await client.moved('continue');
  expect(stop.reason).toBe('data breakpoint');
  expect([at(line), at(line) + 1]).toContain(stop.line);
  return stop.text;
}

test('data breakpoints: a packet field, a map value, a variable', async () => {
  await launch({}, { breakpoints: [{ line: at('if ((void *)(ip + 1)') }] });
  const ids: string[] = [];
  const locals = await client.scopeReference('Locals');
  const layers = await client.variables(['Packet']);
  const ipv4 = layers.find(({ name }) => name.startsWith('ipv4 header'));
  for (const [variablesReference, name] of [
    [locals, 'flow'],
    [ipv4?.variablesReference, 'ttl'],
  ] as const) {
    const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', {
      variablesReference,
      name,
    });
    ids.push(info.dataId ?? '');
  }
  const { breakpoints } = await client.request<DebugProtocol.SetDataBreakpointsResponse['body']>('setDataBreakpoints', {
    breakpoints: ids.map((dataId) => ({ dataId })),
  });
  expect(breakpoints.map(({ verified }) => verified)).toEqual([true, true]);
  await expectWrite('/* found now */');
  expect(await expectWrite('ip->ttl--')).toBe('ttl: 40 → 3f');
  // A map's entry, where it is now.
  const entries = await client.scopeReference('Maps');
  const flows = (await client.list(entries)).find(({ name }) => name === 'flows');
  const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', {
    variablesReference: flows?.variablesReference,
    name: '[7]',
  });
  await client.breakAt(program, [{ line: at('if (flow)') }]);
  await client.request('setDataBreakpoints', { breakpoints: [{ dataId: info.dataId }] });
  await client.moved('reverseContinue');
  await expectWrite('flow->packets += sum');
});

test('the packet is shown by layers, with what was touched last, and can be changed', async () => {
  await launch({}, { breakpoints: [{ line: at('ip->ttl--') }] });
  expect(Object.keys(await values('Packet'))).toEqual([
    'ethernet header, byte 0',
    'ipv4 header, byte 14',
    'udp header, byte 34',
    'payload, byte 42',
    'bytes',
  ]);
  expect((await values('Packet', 'ipv4 header, byte 14'))['ttl']).toBe('64 (0x40) ◀ last read');
  const ipv4 = (await client.variables(['Packet'])).find(({ name }) => name.startsWith('ipv4'));
  for (const [name, value, shown] of [
    ['ttl', '9', '9 ◀ last read'],
    ['dst', '192.0.2.7', '192.0.2.7'],
  ] as const) {
    const set = await client.request<DebugProtocol.SetVariableResponse['body']>('setVariable', {
      variablesReference: ipv4?.variablesReference,
      name,
      value,
    });
    expect(set.value).toBe(shown);
  }
  expect(await client.evaluate('ip->ttl')).toBe('9');
  expect(await client.evaluate('$packet[30]')).toBe('192');
  await client.moved('continue');
  expect(client.output).toContainEqual(expect.stringMatching(/^XDP_TX; the packet leaves with 47 bytes;/));
});

test('variables, registers, context and maps can be set; going back undoes it', async () => {
  await launch({}, { breakpoints: [{ line: at('if (flow)') }] });
  const set = async (scope: string, name: string, value: string): Promise<string> => {
    const variablesReference = await client.scopeReference(scope);
    const body = await client.request<DebugProtocol.SetVariableResponse['body']>('setVariable', {
      variablesReference,
      name,
      value,
    });
    return body.value;
  };
  expect(await set('Locals', 'sum', '40 + 2')).toBe('42');
  expect(await set('Context', 'rx_queue_index', '3')).toBe('3');
  expect(await set('Registers', 'r9', '0x10')).toBe('16');
  await client.request('setExpression', { expression: 'flow->saddr', value: '192.0.2.1', frameId: 1 });
  expect(await client.evaluate('flow->saddr')).toBe('192.0.2.1 (network order)');
  expect(await client.evaluate('key = 5', 'repl')).toBe('5');
  expect(await values('Maps', 'flows')).toEqual({ '[7]': '{"saddr":"192.0.2.1","packets":1}' });
  await client.moved('next');
  await client.moved('next');
  expect(await client.evaluate('flow->packets')).toBe('43');
  await client.breakAt(program, [{ line: at('bpf_loop(4') }]);
  await client.moved('reverseContinue');
  await client.breakAt(program, [{ line: at('if (flow)') }]);
  await client.moved('continue');
  expect(await client.evaluate('sum')).toBe('6');
});

test('maps by CPU, context, registers and helper calls', async () => {
  await launch({}, { breakpoints: [{ line: at('ip->ttl--') }] });
  const perCpu = await values('Maps', 'counts', '[1]');
  expect(perCpu['CPU 0']).toBe('1');
  expect(Object.keys(perCpu).length).toBeGreaterThan(0);
  expect(await values('Context')).toMatchObject({ data: 'packet + 0', data_end: 'packet + 47', ingress_ifindex: '1' });
  expect((await values('Registers'))['r10']).toContain('stack of the program');
  const calls = Object.values(await values('Helper calls'));
  expect(calls[0]).toMatch(
    /^bpf_map_lookup_elem\(map counts \(percpu_array\), stack of the program, r10-\d+\) = value of counts$/,
  );
  expect(calls).toContainEqual('bpf_xdp_adjust_head(context, 4000) = -22');
});

const expressions = [
  ['ip->saddr', '10.1.2.3 (network order)'],
  ['bpf_ntohl(ip->saddr)', String(0x0a010203)],
  ['bpf_ntohs(eth->h_proto) == ETH_P_IP', '1'],
  ['((struct iphdr *)(data + 14))->tot_len', '33 (0x0021, network order)'],
  ['(struct udphdr *)(ip + 1)', 'Error: there is no type struct udphdr'],
  ['(struct iphdr *)(data + 14)', 'ipv4 header at byte 14'],
  ['data + 15', 'tos of the ipv4 header, byte 15'],
  ['(void *)(ip + 1) > data_end', '0'],
  ['data_end - data', '47'],
  ['eth->h_dest', '02:00:00:00:00:01'],
  ['eth->h_dest[5]', '1'],
  ['*(__u16 *)&eth->h_dest[4]', '256'],
  ['ip->ihl * 4', '20'],
  ['ip->ihl << 2 | 1', '21'],
  ['-1 < 1u', '0'],
  ['-1 / 2', '0'],
  ['(__u8)300 + 1', '45'],
  ['sizeof(struct iphdr) + sizeof ip', '28'],
  ['flow ? flow->packets : 0', '7'],
  ["'A' + 0x10", '81'],
  ['!flow || !(flow->packets == 7 && key)', '0'],
  ['XDP_TX', 'XDP_TX (3)'],
  ['flows', 'map flows (hash)'],
  ['$r10', /^\d+$/],
  ['nothing', 'Error: there is no variable nothing here'],
  ['flow->nothing', 'Error: struct flow has no member nothing'],
  ['key +', 'Error: the expression is not complete'],
  ['1 / 0', 'Error: it divides by zero'],
  ['*(int *)0', '<4 bytes cannot be read there>'],
  ['key = 3', 'Error: an assignment is not possible here'],
  ['bpf_redirect(1)', 'Error: bpf_redirect() cannot be called here: only bpf_ntohs() and its like can'],
] as const;

test('expressions in C', async () => {
  await launch({}, { breakpoints: [{ line: at('if (ip->ttl == 1)') }] });
  for (const [expression, result] of expressions) {
    const shown = await client.evaluate(expression).catch((error: unknown) => String(error));
    if (typeof result === 'string') expect(shown, expression).toBe(result);
    else expect(shown, expression).toMatch(result);
  }
});
