import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { objectLines } from '../../extension/core/verifier/locate.ts';
import { placeIn, placeOfStep, sameFile } from '../../extension/core/verifier/steps/places.ts';
import { placeTable } from '../../extension/core/verifier/steps/placeTable.ts';
import { valueWords } from '../../extension/core/verifier/steps/words.ts';
import { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { walksIn } from '../../extension/session/verifierSteps.ts';
import { firstShown } from '../../webview/verifier/findStep.ts';
import { Rows, RowsMaker } from '../../webview/verifier/rows.ts';
import { momentAt } from '../../webview/verifier/moment.ts';
import { compileBpf, fixtureDir } from '../support/bpfFixture.ts';

const read = (name: string): string => readFileSync(`${fixtureDir}verifier/${name}`, 'utf8');

test('a text with several logs has a walk for each', () => {
  const text = [
    "libbpf: prog 'first': -- BEGIN PROG LOAD LOG --",
    read('packetBounds.log'),
    '-- END PROG LOAD LOG --',
    "libbpf: prog 'second': -- BEGIN PROG LOAD LOG --",
    read('accepted.log'),
    '-- END PROG LOAD LOG --',
    'libbpf: failed to load object',
  ].join('\n');
  expect(walksIn(text).map(({ program, verdict, failure }) => [program, verdict, failure?.code])).toEqual([
    ['first', 'rejected', 'packet-bounds'],
    ['second', 'unknown', undefined],
  ]);
  expect(walksIn('nothing of a verifier\nat all')).toEqual([]);
});

test('the places of an object are those that the kernel notes, with columns', () => {
  const table = placeTable(objectLines(compileBpf(read('packetBounds.bpf.c'))), 'packet_bounds');
  const log = new StepLog(read('packetBounds.log'));
  for (let step = 0; step < log.count; step++) {
    const noted = placeOfStep(log, step, undefined);
    const known = placeOfStep(log, step, table);
    expect(known?.line).toBe(noted?.line);
    expect(known?.column).toBeGreaterThan(0);
  }
  expect(placeIn({ files: [], rows: [] }, 3)).toBeUndefined();
  expect(placeIn(table, 1_000_000)?.line).toBeGreaterThan(0);
});

test.each([
  ['/src/a.bpf.c', '/src/a.bpf.c', true],
  ['/src/a.bpf.c', 'a.bpf.c', true],
  ['b.bpf.c', '/src/a.bpf.c', false],
  ['/other/a.bpf.c', '/src/a.bpf.c', false],
  ['/src/xa.bpf.c', 'a.bpf.c', false],
])('%s and %s', (left, right, same) => {
  expect(sameFile(left, right)).toBe(same);
});

function rowsOf(name: string, filter = ''): { log: StepLog; rows: Rows } {
  const log = new StepLog(read(name));
  const maker = new RowsMaker(log, undefined, filter);
  while (!maker.run(3));
  return { log, rows: maker.finish() };
}

test('every step is a row once, below its C line, and found again', () => {
  const { log, rows } = rowsOf('steps/firewall.log');
  const steps = Array.from({ length: rows.count }, (_, at) => rows.at(at)).filter((row) => row?.kind === 'step');
  expect(steps.map((row) => row?.step)).toEqual(Array.from({ length: log.count }, (_, step) => step));
  for (let step = 0; step < log.count; step++) expect(rows.at(rows.rowOf(step))).toEqual({ kind: 'step', step });
  const branches = log.lines.returns.filter(({ step }) => step !== undefined).length;
  expect(
    Array.from({ length: rows.count }, (_, at) => rows.at(at)?.kind).filter((kind) => kind === 'branch'),
  ).toHaveLength(branches);
});

test.each([
  ['r1', /\b[rw]1\b/],
  ['call', /^call /],
  ['R10 -', /r10 -/],
])('a filter of %s', (filter, pattern) => {
  const { log, rows } = rowsOf('steps/rateLimiter.log', filter);
  const texts = Array.from({ length: log.count }, (_, step) => log.step(step).text);
  const expected = texts.flatMap((text, step) => (pattern.test(text) ? [step] : []));
  const shown = Array.from({ length: rows.count }, (_, at) => rows.at(at)).flatMap((row) =>
    row?.kind === 'step' ? [row.step] : [],
  );
  expect(shown).toEqual(expect.arrayContaining(expected));
  expect(rows.steps).toBe(shown.length);
  expect(shown.length).toBeLessThan(log.count);
});

test('a refused program is shown as it was before the step that failed', () => {
  const log = new StepLog(read('packetBounds.log'));
  const moment = momentAt(log, log.count - 1);
  expect(moment.when).toBe('failed');
  expect(
    moment.frames[0]?.rows.map(({ place, held }) => [place.kind === 'register' && place.register, held?.text]),
  ).toEqual([
    [0, '2'],
    [1, 'pkt(r=14)'],
    [2, 'pkt_end()'],
    [3, 'pkt(off=14,r=14)'],
  ]);
});

test.each([
  ['packetBounds', 18],
  ['endlessLoop', 14],
])('%s opens at the line that is at fault', (name, line) => {
  const [walk] = walksIn(read(`${name}.log`));
  const log = new StepLog(read(`${name}.log`));
  const { failure, verdict = 'unknown', program = '' } = walk ?? {};
  if (failure === undefined) throw new Error('no failure');
  const message = { kind: 'walk' as const, title: name, programs: [program], selected: 0, log: '', leftOut: 0 };
  const step = firstShown(log, { ...message, verdict, failure });
  expect(placeOfStep(log, step, undefined)?.line).toBe(line);
});

/** As Linux 5.15 writes it: whole states on lines of their own, numbers as `inv`. */
const old = `0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; void *data_end = (void *)(long)ctx->data_end;
0: (61) r2 = *(u32 *)(r1 +4)
1: R1=ctx(id=0,off=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R10=fp0
1: (61) r1 = *(u32 *)(r1 +0)
2: R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R10=fp0
2: (b7) r0 = 1
3: R0_w=inv1 R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R10=fp0
3: (bf) r3 = r1
4: R0_w=inv1 R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=0,r=0,imm=0) R10=fp0
4: (07) r3 += 14
5: R0_w=inv1 R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=0,imm=0) R10=fp0
5: (2d) if r3 > r2 goto pc+2
 R0_w=inv1 R1_w=pkt(id=0,off=0,r=14,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=14,imm=0) R10=fp0
6: R0_w=inv1 R1_w=pkt(id=0,off=0,r=14,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=14,imm=0) R10=fp0
6: (71) r1 = *(u8 *)(r1 +12)
7: R0_w=inv1 R1_w=inv(id=0,umax_value=255,var_off=(0x0; 0xff)) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=14,imm=0) R10=fp0
7: (95) exit
from 5 to 8: R0_w=inv1 R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=0,imm=0) R10=fp0
8: (95) exit
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test('a log of an old kernel has the same walk', () => {
  const log = new StepLog(old);
  const words = (step: number): (string | false)[] =>
    momentAt(log, step).frames[0]?.rows.map(
      ({ place, held }) => place.kind === 'register' && `r${place.register} ${valueWords(held?.text ?? '')}`,
    ) ?? [];
  expect(words(5)).toEqual([
    'r0 1',
    'r1 packet pointer at byte 0, 14 bytes from here proven',
    'r2 the end of the packet (data_end)',
    'r3 packet pointer at byte 14, nothing proven behind it',
  ]);
  expect(words(6)[1]).toBe('r1 a number 0…255');
  expect([log.previous(8), log.isBranch(8)]).toEqual([5, true]);
  expect(words(8)[1]).toBe('r1 packet pointer at byte 0, nothing proven behind it');
});

test('a change that the instruction does not say has its reason', () => {
  const log = new StepLog(read('steps/rateLimiter.log'));
  const reasons = (insn: number): string[] =>
    momentAt(log, log.lines.insns.indexOf(insn)).frames[0]?.rows.flatMap(({ place, why }) =>
      why !== undefined && place.kind === 'register' ? [`r${place.register} ${why}`] : [],
    ) ?? [];
  expect(reasons(45)).toEqual(expect.arrayContaining(['r1 cleared', 'r2 cleared']));
  expect(reasons(42)).toContain('r4 compared');
  expect(reasons(46)).toEqual([]);
});
