import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { type Verdict, verifyObject } from '../../extension/session/verify.ts';
import { verifierFixes } from '../../extension/core/verifier/fixes/fixes.ts';
import { applyFix } from '../../extension/core/verifier/fixes/edits.ts';
import { compileBpf, fixtureDir } from '../support/bpfFixture.ts';
import { helper } from '../support/kernelHelper.ts';
import { type Case, casesOf } from '../support/verifierCases.ts';

/** Programs that fail, each loaded for real: the failure must stand where the marker in the source says, with its code. */

const folder = join(fixtureDir, 'verifier/cases');

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const files = readdirSync(folder).filter((name) => name.endsWith('.bpf.c'));

test.each(files)('%s', async (file) => {
  const source = readFileSync(join(folder, file), 'utf8');
  const elf = compileBpf(source, { flags: ['-g', '-O2', `-I${folder}`] });
  const spec = parseObject(elf);
  const verdicts = await verifyObject(client, { file, name: 'cases', elf, spec, compiled: undefined });
  const cases = casesOf(source);
  expect(cases.map((each) => each.program).toSorted()).toEqual(spec.programs.map((each) => each.name).toSorted());
  const found = verdicts.map((verdict) => describe(cases, verdict, source));
  expect(found).toEqual(verdicts.map(({ name }) => expected(cases.find((each) => each.program === name))));
});

/** A quick fix that is offered cures: the program loads with it. The snapshot says which failures have one. */
test.each(files)('what a quick fix makes of %s loads', async (file) => {
  const source = readFileSync(join(folder, file), 'utf8');
  const flags = ['-g', '-O2', `-I${folder}`];
  const name = 'cases';
  const load = async (text: string): Promise<Verdict[]> => {
    const elf = compileBpf(text, { flags });
    return await verifyObject(client, { file, name, elf, spec: parseObject(elf), compiled: undefined });
  };
  const verdicts = await load(source);
  const outcomes: string[] = [];
  for (const { name: program, failure } of verdicts) {
    if (failure === undefined || failure.line === null || failure.column === null) continue;
    const { line, column } = failure;
    for (const fix of verifierFixes(source, { ...failure, line, column })) {
      const fixed = (await load(applyFix(source, fix))).find((each) => each.name === program);
      outcomes.push(`${program}: ${fix.title}: ${fixed?.verdict}${fixed?.failure ? ` ${fixed.failure.message}` : ''}`);
    }
  }
  expect(outcomes.filter((each) => !each.endsWith(': accepted'))).toEqual([]);
  expect(outcomes).toMatchSnapshot();
});

/** Place and code; the column is that of the marker when it lies inside of it. */
function describe(cases: readonly Case[], verdict: Verdict, source: string): string {
  const { failure, name } = verdict;
  if (failure === undefined) return `${name}: ${verdict.verdict}`;
  const marker = cases.find((each) => each.program === name);
  const inside = marker !== undefined && failure.column !== null && marker.columns.includes(failure.column);
  const expression = marker?.expression === undefined ? '' : ` ${failure.expression}`;
  const text = source.split('\n')[(failure.line ?? 0) - 1];
  expect(failure.file, `${name}: ${failure.message}`).toMatch(/\.bpf\.c$/);
  expect(text, `${name}: ${failure.message}`).toBeDefined();
  return `${name}: ${failure.code} at ${failure.line}:${inside ? 'marker' : failure.column}${expression}`;
}

function expected(each: Case | undefined): string {
  if (each === undefined) return 'a marker';
  return `${each.program}: ${each.code} at ${each.line}:marker${each.expression === undefined ? '' : ` ${each.expression}`}`;
}
