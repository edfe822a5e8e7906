import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type FileCoverage, totalsOf } from '../../core/coverage/coverage.ts';
import { toCobertura, toLcov } from '../../core/coverage/formats.ts';
import { XdpError } from '../../core/errors.ts';
import { writeError } from '../../session/userFiles.ts';
import { CoverageRun } from '../../session/engine/coverage.ts';
import { bothTestEngine, machinesToCompare } from '../../session/engine/bothTests.ts';
import { possibleCpus } from '../../session/engine/target.ts';
import { vmTestEngine } from '../../session/engine/vmTests.ts';
import { kernelTestEngine } from '../../session/packetTest/kernel.ts';
import type { TestEngine } from '../../session/packetTest/engine.ts';
import { findTestFiles, testFileSuffix } from '../../session/packetTest/files.ts';
import { type FileReport, runPacketTests } from '../../session/packetTest/packetTest.ts';
import { adviseMachine, type Context, type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../command.ts';
import { exitCodeOf, Output } from '../output.ts';
import { jsonReporter } from './reporters/json.ts';
import { junitReporter } from './reporters/junit.ts';
import type { Report, Reporter } from './reporters/report.ts';
import { specReporter } from './reporters/spec.ts';

const reporters = { spec: specReporter, json: jsonReporter, junit: junitReporter } as const;
const reporterNames = ['spec', 'json', 'junit'] as const;

export const test: Verb = {
  summary: 'run packet tests (*.xdptest.json)',
  usage:
    'test [PATH…] [--engine kernel|vm|both] [--bench [--repeat N]] [--coverage FILE] [--reporter spec|json|junit]\n' +
    '       xdp test [PATH…] --mutate',
  async run(args, context) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        engine: { type: 'string', default: 'kernel' },
        bench: { type: 'boolean', default: false },
        repeat: { type: 'string', default: defaultRepeat },
        coverage: { type: 'string' },
        mutate: { type: 'boolean', default: false },
        reporter: { type: 'string' },
      },
      { min: 0, max: 1000 },
    );
    const reporter = oneOf('--reporter', values.reporter ?? (context.output.json ? 'json' : 'spec'), reporterNames);
    if (context.output.json && reporter !== 'json') {
      throw new XdpError('usage', `--json and --reporter ${reporter} contradict each other.`, {
        fix: 'Give one of the two.',
      });
    }
    try {
      const engine = oneOf('--engine', values.engine, ['kernel', 'vm', 'both'] as const);
      const repeat = wholeNumber('--repeat', values.repeat, { min: 1, max: 10_000_000 });
      if (values.bench && engine === 'vm') throw noBenchmark();
      const files = await findTestFiles(positionals.length === 0 ? ['.'] : positionals);
      if (files.length === 0) throw noTests(positionals);
      if (values.mutate) {
        const { mutate } = await import('./mutate.ts');
        return await mutate(files, context);
      }
      const runs = values.bench ? { repeat, batches: 5 } : undefined;
      return await testAll(files, { engine, runs, reporter: reporters[reporter], coverage: values.coverage }, context);
    } catch (error) {
      if (reporter !== 'json' || context.output.json) throw error;
      // The document of this reporter, although --json was not given.
      new Output(true).error(error);
      return exitCodeOf(error);
    }
  },
};

type EngineName = 'kernel' | 'vm' | 'both';

/** Of each of the batches that a time is measured in. */
const defaultRepeat = '1000';

function noBenchmark(): XdpError {
  return new XdpError('usage', 'The time of the built-in machine says nothing about the kernel: it has no benchmark.', {
    fix: 'Leave out --bench, or use --engine kernel.',
  });
}

function noTests(paths: readonly string[]): XdpError {
  const where = paths.length === 0 ? 'this folder' : paths.join(', ');
  return new XdpError('usage', `There is no packet test file in ${where}.`, {
    fix: `A test file is named NAME${testFileSuffix} and stands beside its source; docs/test-file.md shows one.`,
  });
}

interface TestPlan {
  engine: EngineName;
  /** Of --bench. */
  runs: { repeat: number; batches: number } | undefined;
  reporter: Reporter;
  /** The file of --coverage. */
  coverage: string | undefined;
}

async function testAll(
  files: readonly string[],
  { engine: engineName, runs, reporter, coverage: coverageFile }: TestPlan,
  context: Context,
): Promise<ExitCode> {
  const { build, signal } = context;
  const startedAt = new Date();
  const startedMs = performance.now();
  const reports: FileReport[] = [];
  const coverage = coverageFile === undefined ? undefined : new CoverageRun(build, possibleCpus());
  const engine = async (file: string): Promise<TestEngine> => {
    const started = await startEngine(engineName, context);
    return coverage?.around(started, file) ?? started;
  };
  const benchmark = runs === undefined ? {} : { benchmark: runs };
  const stdout = new Batches();
  try {
    for await (const event of runPacketTests({ files, build, signal, engine, ...benchmark })) {
      if (event.kind === 'fileEnded') reports.push(event.report);
      stdout.write(reporter.onEvent(event));
    }
  } finally {
    stdout.flush();
  }
  if (signal.aborted) throw new XdpError('cancelled', 'The tests were interrupted.');
  if (coverage !== undefined && coverageFile !== undefined) await writeCoverage(coverage, coverageFile, context.output);
  const report: Report = { engine: engineName, files: reports, durationMs: performance.now() - startedMs, startedAt };
  stdout.write(reporter.onEnd(report));
  stdout.flush();
  return exitCode(reports);
}

async function writeCoverage(coverage: CoverageRun, file: string, output: Output): Promise<void> {
  for (const remark of coverage.remarks) output.note(`coverage: ${remark}`);
  const files = coverage.files();
  const text = /\.xml$/i.test(file) ? toCobertura(files, Date.now()) : toLcov(files, namedTests(coverage));
  await writeFile(file, text).catch((cause: unknown) => {
    throw writeError(file, cause);
  });
  for (const each of files) {
    const { lines, branches } = totalsOf(each);
    const name = path.relative(process.cwd(), each.file);
    output.note(
      `coverage: ${name}: ${lines.covered} of ${lines.total} lines, ${branches.covered} of ${branches.total} branches`,
    );
  }
}

/** A test's name says less where several files have tests of that name. */
function namedTests(coverage: CoverageRun): { name: string; files: readonly FileCoverage[] }[] {
  return coverage.byTest().map(({ testFile, test, files }) => ({
    name: `${path.basename(testFile, testFileSuffix)} ${test}`,
    files,
  }));
}

async function startEngine(name: EngineName, { kernel }: Context): Promise<TestEngine> {
  if (name === 'vm') return vmTestEngine(possibleCpus());
  const client = await kernel.own().catch((error: unknown) => {
    throw adviseMachine(error);
  });
  const { onlineCpus, possibleCpus: possible } = client.hello;
  const ours = kernelTestEngine(client);
  return name === 'kernel' ? ours : bothTestEngine(ours, machinesToCompare(possible), onlineCpus[0] ?? 0);
}

/** Text for stdout, at most 20 times a second: a write for each of a thousand tests costs as much as the tests. */
class Batches {
  #text = '';
  #flushedMs = 0;

  write(text: string): void {
    this.#text += text;
    if (performance.now() - this.#flushedMs > 50) this.flush();
  }

  flush(): void {
    if (this.#text !== '') process.stdout.write(this.#text);
    this.#text = '';
    this.#flushedMs = performance.now();
  }
}

/** A file that cannot be used weighs more than a test that fails: nobody may take the rest for everything. */
function exitCode(reports: readonly FileReport[]): ExitCode {
  const codes = reports.map(({ problem, results }): ExitCode => {
    // An engine that could not run it is no answer about the program.
    if (problem?.details['engine'] !== undefined) return 2;
    if (problem !== undefined) return exitCodeOf(problem);
    if (results.some((result) => result.problem?.engine !== undefined)) return 2;
    return results.some(({ status }) => status === 'failed' || status === 'error') ? 1 : 0;
  });
  return codes.includes(2) ? 2 : codes.includes(1) ? 1 : 0;
}
