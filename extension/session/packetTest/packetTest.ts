import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import type { PacketTest } from '../../core/packetTest/model.ts';
import type { TestResult } from '../../core/packetTest/result.ts';
import { type BpfObject, type BuildOptions, openObject } from '../bpfObject.ts';
import { BatchSize, concernsEverything, Instances, programNamed, runBatch } from './batch.ts';
import type { TestEngine } from './engine.ts';
import { PacketSource, readTestFile } from './files.ts';

/** What became of one test file. */
export interface FileReport {
  /** Absolute. */
  file: string;
  /** Of the source or object, absolute; absent when the file could not be read. */
  source: string | undefined;
  program: string | undefined;
  /** Why no test of it could run. */
  problem: XdpError | undefined;
  results: TestResult[];
  durationMs: number;
}

export type PacketTestEvent =
  /** `program`: the file's; absent where every test names its own. */
  | { kind: 'fileStarted'; file: string; source: string; program: string | undefined; tests: number }
  | { kind: 'tested'; file: string; result: TestResult }
  | { kind: 'fileEnded'; report: FileReport };

export interface PacketTestOptions {
  /** Absolute paths, as findTestFiles gives them. */
  files: readonly string[];
  build: BuildOptions;
  /** Objects that are built already: their sources are not compiled again. */
  objects?: readonly BpfObject[];
  /** Asked for once for each file, and only when something of it is to be run. */
  engine: (file: string) => Promise<TestEngine>;
  /** Measures what has a bound on its time, as well. */
  benchmark?: { repeat: number; batches: number };
  /** Which tests to run; all by default. */
  select?: (test: PacketTest, file: string) => boolean;
  signal?: AbortSignal;
}

/**
 * Runs test files one after the other, and tells what happens as it happens. Each source is compiled once. What a file or a
 * test does wrong is in the reports; only what concerns all of them (no privilege, no helper) is thrown.
 */
export async function* runPacketTests(options: PacketTestOptions): AsyncGenerator<PacketTestEvent> {
  const objects = new Map((options.objects ?? []).map((object) => [object.file, Promise.resolve(object)]));
  const openOnce = (source: string): Promise<BpfObject> => {
    const known = objects.get(source) ?? openObject(source, options.build);
    objects.set(source, known);
    return known;
  };
  for (const file of options.files) {
    if (options.signal?.aborted === true) return;
    const startedMs = performance.now();
    const report: FileReport = {
      file,
      source: undefined,
      program: undefined,
      problem: undefined,
      results: [],
      durationMs: 0,
    };
    try {
      yield* runFile(report, openOnce, options);
    } catch (error) {
      if (!(error instanceof XdpError) || concernsEverything(error)) throw error;
      report.problem = error;
    }
    report.durationMs = performance.now() - startedMs;
    yield { kind: 'fileEnded', report };
  }
}

async function* runFile(
  report: FileReport,
  openOnce: (source: string) => Promise<BpfObject>,
  { engine: start, select = () => true, signal, benchmark }: PacketTestOptions,
): AsyncGenerator<PacketTestEvent> {
  const { file } = report;
  const testFile = await readTestFile(file);
  report.source = path.resolve(path.dirname(file), testFile.source.value);
  const object = await openOnce(report.source);
  const tests = testFile.tests.filter((test) => select(test, file));
  const usesDefault = tests.some(({ program, skip }) => program === undefined && skip === undefined);
  const program = testFile.program || usesDefault ? programNamed(object, testFile.program?.value) : undefined;
  report.program = program;
  yield { kind: 'fileStarted', file, source: report.source, program, tests: tests.length };
  const instances = new Instances(await start(file), object, tests);
  const packets = new PacketSource(file);
  try {
    // A program that the verifier refuses is said once, not for every test.
    if (program !== undefined && usesDefault) await instances.open(program);
    const size = new BatchSize();
    for (let at = 0; at < tests.length && signal?.aborted !== true; ) {
      const batch = tests.slice(at, at + size.tests);
      at += batch.length;
      const startedMs = performance.now();
      const results = await runBatch({ tests: batch, object, program, instances, packets, benchmark });
      size.took(performance.now() - startedMs);
      for (const result of results) {
        report.results.push(result);
        yield { kind: 'tested', file, result };
      }
    }
  } finally {
    await instances.close();
  }
}
