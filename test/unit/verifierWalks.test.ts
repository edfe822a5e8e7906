import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { objectLines } from '../../extension/core/verifier/locate.ts';
import { placeIn, placeOfStep, sameFile } from '../../extension/core/verifier/steps/places.ts';
import { placeTable } from '../../extension/core/verifier/steps/placeTable.ts';
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
