import { XdpError } from '../../core/errors.ts';
import type { Value } from '../../core/maps/value.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import { parseTestFile } from '../../core/packetTest/parseTestFile.ts';
import { newTestFile, type TestJson } from '../../core/packetTest/record.ts';
import type { Failure, TestResult } from '../../core/packetTest/result.ts';
import type { BpfObject } from '../bpfObject.ts';
import { Instances, runBatch } from '../packetTest/batch.ts';
import type { TestEngine } from '../packetTest/engine.ts';
import { PacketSource } from '../packetTest/files.ts';

/** What became of tests that were run to see whether they hold. */
export interface Held {
  tests: TestJson[];
  /** Those that are left out, and why. */
  dropped: { name: string; why: string }[];
}

/**
 * Runs tests by other engines, and takes out of them what does not hold there: what depends on time or chance is not what a
 * test may expect. A test whose verdict does not hold is left out.
 */
export async function keepWhatHolds(
  tests: readonly TestJson[],
  { object, program, engines }: { object: BpfObject; program: string; engines: readonly TestEngine[] },
): Promise<Held> {
  let held: Held = { tests: [...tests], dropped: [] };
  for (const engine of engines) {
    const results = await runTests(held.tests, { object, program, engine });
    const kept: TestJson[] = [];
    for (const [index, test] of held.tests.entries()) {
      const result = results[index];
      const left = result === undefined ? undefined : without(test, result);
      if (left !== undefined) kept.push(left);
      else held.dropped.push({ name: test.name, why: whyNot(result) });
    }
    held = { tests: kept, dropped: held.dropped };
  }
  return held;
}

/** Results in the order of the tests. */
export async function runTests(
  tests: readonly TestJson[],
  { object, program, engine }: { object: BpfObject; program: string; engine: TestEngine },
): Promise<TestResult[]> {
  const { file, problems } = parseTestFile(newTestFile('generated', program, tests));
  if (file === undefined)
    throw new XdpError('test-file-invalid', problems[0]?.message ?? 'The tests are no test file.');
  const instances = new Instances(engine, object, file.tests);
  try {
    const packets = new PacketSource(object.file);
    return await runBatch({ tests: file.tests, object, program, instances, packets, benchmark: undefined });
  } finally {
    await instances.close();
  }
}

function whyNot(result: TestResult | undefined): string {
  return result?.problem?.message ?? result?.failures[0]?.message ?? 'it did not run';
}

/** undefined: nothing that is worth a test holds. */
function without(test: TestJson, { status, failures }: TestResult): TestJson | undefined {
  if (status === 'passed') return test;
  if (status !== 'failed' || failures.some(({ path }) => path === 'expect.action' || path === 'engines'))
    return undefined;
  const before = test['expect'] ?? null;
  const expect = isRecord(before) ? { ...before } : {};
  for (const failure of failures) takeOut(expect, failure);
  return { ...test, expect };
}

function takeOut(expect: { [field: string]: Value }, { path }: Failure): void {
  const [, field = '', rest = ''] = /^expect\.(\w+)(?:\.(.*))?$/.exec(path) ?? [];
  const group = expect[field] ?? null;
  if (!isRecord(group) || rest === '') {
    delete expect[field];
    return;
  }
  // `expect.maps.NAME[2]`: names of sections have dots in them.
  const name = Object.keys(group).find(
    (each) => rest === each || rest.startsWith(`${each}[`) || rest.startsWith(`${each}.`),
  );
  const left = Object.fromEntries(Object.entries(group).filter(([each]) => each !== name));
  if (name === undefined || Object.keys(left).length === 0) delete expect[field];
  else expect[field] = left;
}
