import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explainLog, explainProgram } from '../../extension/core/verifier/explain.ts';
import { expressionAt } from '../../extension/core/verifier/expression.ts';
import { objectLines } from '../../extension/core/verifier/locate.ts';
import { registerIn } from '../../extension/core/verifier/values.ts';
import { compileBpf, fixtureDir, mutate, seeded } from '../support/bpfFixture.ts';

const read = (file: string): string => readFileSync(`${fixtureDir}verifier/${file}`, 'utf8');
const story = (text: string, object?: Parameters<typeof explainLog>[1]): string[] =>
  explainLog(text, object).flatMap(({ failure }) =>
    failure.story.map(({ place, text: told }) => `${place.line}: ${told}`),
  );

/** `^` is the column. */
test.each([
  ['if (ip->protocol == 17)', '        ^', 'ip->protocol'],
  ['pair->first += 1;', '            ^', 'pair->first'],
  ['*value += 1;', '       ^', '*value'],
  ['x = *bpf_iter_num_next(&it);', '    ^', '*bpf_iter_num_next(&it)'],
  ['return row[ctx->rx_queue_index];', '       ^', 'row[ctx->rx_queue_index]'],
  ['return row[ctx->rx_queue_index];', '                ^', 'ctx->rx_queue_index'],
  ['return *at;', '^', '*at'],
  ['return 0;', '^', undefined],
  ['return XDP_PASS;', '^', undefined],
  ['bpf_spin_lock(&value->lock);', '^', 'bpf_spin_lock(&value->lock)'],
  ['u32 a = table[i].rows[2].x + 1;', '                         ^', 'table[i].rows[2].x'],
  ['u32 a = (*p).x;', '             ^', '(*p).x'],
  ['__u8 *at = data + offset;', '                ^', 'data + offset'],
  ['u32 a = b * c;', '          ^', 'b * c'],
  ['f(a)->b = 1;', '        ^', 'f(a)->b'],
  ['count++;', '     ^', 'count'],
  ['for (;;)', '^', undefined],
  ['call(a,', '^', 'call'],
  ['', '^', undefined],
  ['x', '     ^', undefined],
])('the expression of %s', (line, mark, expected) => {
  expect(expressionAt(line, mark.indexOf('^') + 1)).toBe(expected);
});

test.each([
  ['R1=ctx() R2=pkt(off=14,r=14) R10=fp0', 2, 'pkt', 'off', '14'],
  ['R1_w=pkt(id=0,off=14,r=8,imm=0) R10=fp0', 1, 'pkt', 'r', '8'],
  ['frame1: R3=scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff)) R4=1', 3, 'scalar', 'umax', '255'],
  ['R1=map_value(map=rows,ks=8,vs=16,smin=smin32=0,smax=umax=16,var_off=(0x0; 0x1f))', 1, 'map_value', 'vs', '16'],
  ['R3_rw=inv(id=0,umax_value=9,var_off=(0x0; 0x9))', 3, 'scalar', 'umax_value', '9'],
])('a value in %s', (state, register, type, name, value) => {
  const found = registerIn(state, register);
  expect([found?.type, found?.args.get(name)]).toEqual([type, value]);
});

test('known numbers of all kernels', () => {
  for (const state of ['R1=5', 'R1_w=inv5', 'R1=P5', 'R1_w=invP5', 'R1=scalar5'])
    expect([state, registerIn(state, 1)?.constant]).toEqual([state, '5']);
  expect(registerIn('R1=fp-8', 1)).toMatchObject({ type: 'fp', constant: undefined });
  expect(registerIn('R10=fp0', 1)).toBeUndefined();
});

const fixtures = [
  'packetBounds',
  'mapNull',
  'mapIndex',
  'endlessLoop',
  'globalFunction',
  'wrongHelper',
  'notGpl',
  'uninitialised',
  'unreleased',
  'wrongReturn',
  'stackDepth',
  'unreachable',
];

test.each(fixtures)('%s at log level 2: the object gives the column, the log alone file and line', (name) => {
  const source = read(`${name}.bpf.c`);
  const log = read(`${name}.log`);
  const [alone] = explainLog(log);
  const [located, ...more] = explainLog(log, objectLines(compileBpf(source)));
  expect(more).toEqual([]);
  expect(located?.failure.code).toBe(alone?.failure.code);
  expect(located?.failure.code).not.toBe('unknown');
  expect(located?.failure.place?.column).toBeGreaterThan(0);
  if (alone?.failure.place !== undefined)
    expect(alone.failure.place).toEqual({ file: `${name}.bpf.c`, line: located?.failure.place?.line, column: null });
});

test('the story of a packet access', () => {
  const told = [
    '11: the packet pointer is read from the context here',
    '16: this comparison proves the first 14 bytes',
  ];
  expect(story(read('packetBounds.log'))).toEqual(told);
  expect(story(read('packetBounds.log'), objectLines(compileBpf(read('packetBounds.bpf.c'))))).toEqual(told);
});

test('the story of a lookup, of an index, of something held, of the stack', () => {
  expect(story(read('mapNull.log'))).toEqual(['19: `bpf_map_lookup_elem` gave the pointer here, and may give NULL']);
  expect(story(read('mapIndex.log')).at(-1)).toBe('23: a variable offset is added to the pointer here');
  expect(story(read('unreleased.log'))).toEqual(['16: `bpf_ringbuf_reserve` acquires it here']);
  expect(story(read('stackDepth.log'), objectLines(compileBpf(read('stackDepth.bpf.c'))))).toHaveLength(2);
});

/** The format of kernels before 5.16: states on lines of their own, `inv` for numbers, no places. */
const old = `libbpf: load bpf program failed: Permission denied
libbpf: -- BEGIN DUMP LOG ---
libbpf:
; void *data_end = (void *)(long)ctx->data_end;
0: (61) r7 = *(u32 *)(r1 +4)
; void *data = (void *)(long)ctx->data;
1: (61) r6 = *(u32 *)(r1 +0)
2: (bf) r3 = r6
3: (07) r3 += 14
; if (eth + 1 > data_end)
4: (2d) if r3 > r7 goto pc+6
 R1=ctx(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=14,imm=0) R6_w=pkt(id=0,off=0,r=14,imm=0) R7_w=pkt_end(id=0,off=0,imm=0) R10=fp0
; if (bpf_xdp_adjust_head(ctx, -4))
5: (b7) r2 = -4
6: (85) call bpf_xdp_adjust_head#44
7: (55) if r0 != 0x0 goto pc+3
 R0_w=inv0 R6=inv(id=0) R7=inv(id=0) R10=fp0
; return eth->h_proto;
8: (71) r0 = *(u8 *)(r6 +12)
R6 invalid mem access 'inv'
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0

libbpf: -- END LOG --
libbpf: failed to load program 'xdp_old'
`;

test('a log of Linux 5.15', () => {
  const [explained, ...more] = explainLog(old);
  expect(more).toEqual([]);
  expect(explained?.failure).toMatchObject({
    code: 'packet-pointer-invalidated',
    message: "R6 invalid mem access 'inv'",
    story: [],
  });
  expect(explained?.failure.explanation).toContain('`bpf_xdp_adjust_head`');
  expect(explained?.failure.explanation).toContain('The line `return eth->h_proto;`');
  const bounds = explainLog(
    old.replace(
      /; if \(bpf_xdp_adj[^]*processed/,
      '8: (71) r0 = *(u8 *)(r6 +14)\ninvalid access to packet, off=14 size=1, R6(id=0,off=14,r=14)\nR6 offset is outside of the packet\nprocessed',
    ),
  );
  expect(bounds[0]?.failure.code).toBe('packet-bounds');
});

test('the output of a loader with several programs names each', () => {
  const wrap = (name: string, log: string): string =>
    `libbpf: prog '${name}': BPF program load failed: Permission denied\nlibbpf: prog '${name}': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\nlibbpf: prog '${name}': failed to load: -13\n`;
  const text =
    wrap('one', read('packetBounds.log')) + wrap('two', read('accepted.log')) + wrap('three', read('mapNull.log'));
  expect(explainLog(text).map(({ program, failure }) => [program, failure.code])).toEqual([
    ['one', 'packet-bounds'],
    ['three', 'null-pointer'],
  ]);
  // Raw logs one after the other end with their figures.
  expect(explainLog(read('packetBounds.log') + read('mapNull.log')).map(({ failure }) => failure.code)).toEqual([
    'packet-bounds',
    'null-pointer',
  ]);
  // Carriage returns and indentation come with terminals and with Go's errors.
  expect(explainLog(read('mapNull.log').replaceAll('\n', '\r\n'))[0]?.failure.code).toBe('null-pointer');
  expect(explainLog(read('mapNull.log').replaceAll(/^/gm, '\t'))[0]?.failure.code).toBe('null-pointer');
});

test('an object of another program is not believed', () => {
  const [explained] = explainLog(read('mapNull.log'), objectLines(compileBpf(read('packetBounds.bpf.c'))));
  expect(explained?.failure.place).toEqual({ file: 'mapNull.bpf.c', line: 21, column: null });
});

test('what is no failure', () => {
  for (const text of ['', 'hello\n', read('accepted.log'), read('subprograms.log'), 'Error: no such file\n'])
    expect(explainLog(text)).toEqual([]);
});

test('a very long log, and a line without end', () => {
  const step =
    '5: (07) r1 += 1                       ; R1=scalar()\n6: (a5) if r1 < 0x10 goto pc-2        ; R1=scalar()\n';
  const [explained] = explainLog(
    `${step.repeat(200_000)}BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000)\n`,
  );
  expect(explained?.failure.code).toBe('too-complex');
  expect(explainLog(`0: (b7) r0 = ${'('.repeat(3_000_000)}\nR0=${'('.repeat(100_000)}\n`)).toEqual([]);
});

test('damaged logs and objects give an answer or nothing', () => {
  const random = seeded(11);
  const object = compileBpf(read('mapNull.bpf.c'));
  const log = new TextEncoder().encode(read('mapNull.log'));
  for (let round = 0; round < 300; round++) {
    const text = new TextDecoder().decode(mutate(log, random));
    for (const { failure } of explainLog(text, objectLines(object))) expect(failure.explanation).not.toBe('');
    explainProgram(text, objectLines(object), 'map_null');
  }
});
