import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { type Verdict, verifyObject } from '../../extension/session/verify.ts';
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
