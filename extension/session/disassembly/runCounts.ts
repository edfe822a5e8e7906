import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { BpfObject, BuildOptions } from '../bpfObject.ts';
import { possibleCpus } from '../engine/target.ts';
import { vmTestEngine } from '../engine/vmTests.ts';
import { readTestFile, testFileSuffix } from '../packetTest/files.ts';
import { runPacketTests } from '../packetTest/packetTest.ts';

/** How often each instruction of a program ran in packet tests, in the built-in machine, by the slots of the object's listing. */
export interface TestCounts {
  counts: Float64Array;
  /** Tests that ran the program. */
  tests: number;
  /** Names of the test files. */
  files: readonly string[];
}

/** In a folder with more test files than this, those behind are left out. */
const mostFiles = 50;

/** They run in the editor's own process at each save: of very many, the first ones tell enough. */
const mostTests = 300;

/** The test files beside a source that are about it. */
export async function testFilesOf(source: string): Promise<string[]> {
  const folder = path.dirname(source);
  const names = await readdir(folder).catch(() => []);
  const files: string[] = [];
  for (const name of names
    .filter((each) => each.endsWith(testFileSuffix))
    .sort()
    .slice(0, mostFiles)) {
    const file = path.join(folder, name);
    // One that cannot be read says so where tests are run.
    const parsed = await readTestFile(file).catch(() => undefined);
    if (parsed !== undefined && path.resolve(folder, parsed.source.value) === source) files.push(file);
  }
  return files;
}

/** Runs tests of an object that is built; undefined when none of them ran the program. */
export async function countTests(
  object: BpfObject,
  program: string,
  files: readonly string[],
  build: BuildOptions,
): Promise<TestCounts | undefined> {
  let counts = new Float64Array(0);
  let tests = 0;
  const used = new Set<string>();
  let file = '';
  const engine = vmTestEngine(possibleCpus(), {}, (machine, ran) => {
    if (ran !== program) return;
    const length = machine.linked.programs.get(program)?.code.length ?? 0;
    if (counts.length !== length) counts = new Float64Array(length);
    for (const { start, end, count } of machine.blockCounts(program)) {
      for (let slot = start; slot < end; slot++) counts[slot] = counts[slot]! + count;
    }
    tests++;
    used.add(path.basename(file));
  });
  let chosen = 0;
  const select = (): boolean => chosen++ < mostTests;
  for (const each of files) {
    file = each;
    const options = { files: [each], build, objects: [object], select };
    const events = runPacketTests({ ...options, engine: () => Promise.resolve(engine) });
    for await (const event of events) void event;
  }
  return tests === 0 ? undefined : { counts, tests, files: [...used] };
}
