import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProgramImage } from '../../core/debugger/image.ts';
import { XdpError } from '../../core/errors.ts';
import { describeFound, distinctNames } from '../../core/generate/describe.ts';
import { cover, type Kept, reaches, Shrinking, shows, withoutRedundant } from '../../core/generate/minimize.ts';
import { type Finding, Search } from '../../core/generate/search.ts';
import { freshMachine, initialValue, type Target } from '../../core/generate/target.ts';
import { type Way, waysOf } from '../../core/generate/unreached.ts';
import { mapSchema } from '../../core/maps/schema.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import { newTestFile, type TestJson, testOfRun } from '../../core/packetTest/record.ts';
import { actionName } from '../../core/xdp.ts';
import { type BpfObject, type BuildOptions, chooseProgram, openObject } from '../bpfObject.ts';
import { machinesToCompare } from '../engine/bothTests.ts';
import { isOwnSource } from '../engine/coverage.ts';
import { buildForDebugger, debuggerMachine, type DebugBuild } from '../engine/debugBuild.ts';
import { possibleCpus } from '../engine/target.ts';
import { linkForVm, openVmMap, runPacketVm } from '../engine/vm.ts';
import type { TestEngine } from '../packetTest/engine.ts';
import { recordRun } from '../run/record.ts';
import type { RunResult } from '../run/run.ts';
import { expressionOf, inputAsTest, type Schemas } from './asTest.ts';
import { absolute, type FoundProblem, problemsOf } from './problems.ts';
import { keepWhatHolds } from './stable.ts';

export interface GenerateOptions {
  /** A C source, or an object. */
  file: string;
  program: string | undefined;
  build: BuildOptions;
  seed: number;
  /** At most so long: milliseconds of searching. */
  timeMs: number;
  /** The search is over after so many runs that showed nothing new; see SearchOptions. */
  idleRuns?: number;
  /** Checks what was generated, too: the kernel and the machine together, for example. */
  engine?: TestEngine;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface Progress {
  phase: 'search' | 'shrink' | 'check';
  runs: number;
  /** Inputs that reached something new. */
  found: number;
}

/** One way of a condition that no packet went. */
export interface UnreachedWay {
  file: string;
  line: number;
  column: number;
  /** The line of the source, without the space around it. */
  code: string;
  /** Line where it leads to. */
  towards: number | undefined;
  reason: string | undefined;
  /** Nothing came to the condition at all. */
  behind: boolean;
}

export interface Generated {
  /** Absolute. */
  file: string;
  program: string;
  seed: number;
  runs: number;
  durationMs: number;
  /** `complete`: nothing new was found for long enough. */
  ended: 'complete' | 'time' | 'cancelled';
  /** Ways of conditions in the user's own files. */
  branches: { reached: number; total: number };
  verdicts: string[];
  tests: TestJson[];
  /** The test file, for the folder of the source. */
  text: string;
  unreached: UnreachedWay[];
  problems: FoundProblem[];
  remarks: string[];
}

/** How long the search goes on before others get a turn: an extension host has more to do. Milliseconds. */
const turnMs = 20;

/**
 * Searches packets, contexts and map contents that reach every branch of a program, and makes the fewest tests of them, with what
 * the program did as expectation. The search runs the unoptimised build, whose branches are the source's; the expectations
 * are those of the object that the kernel gets. Everything happens in the built-in machine.
 */
export async function generate(options: GenerateOptions): Promise<Generated> {
  const { build: buildOptions, seed, onProgress } = options;
  const cpus = possibleCpus();
  const object = await openObject(options.file, buildOptions);
  const program = chooseProgram(object, options.program);
  if (program.type !== 'xdp') {
    throw new XdpError('usage', `${program.name} is no XDP program but of type ${program.type}.`, {
      fix: 'Packets can be generated for XDP programs: choose one with --prog.',
    });
  }
  const build = await buildForDebugger(object.file, buildOptions);
  const target = targetOf(build, program.name, cpus);
  const startedMs = performance.now();
  const { search, ended } = await searchFor(target, options);
  const durationMs = performance.now() - startedMs;
  const report = (phase: Progress['phase']): void =>
    onProgress?.({ phase, runs: search.runs, found: search.found.length });
  report('shrink');
  // Programs with very large maps start slowly, and making packets small takes many starts.
  const patience: Patience = { signal: options.signal, endMs: performance.now() + options.timeMs };
  const kept = await shrunk(target, search, patience);
  const findings = await smallFindings(target, search, patience);
  report('check');
  const remarks: string[] = [];
  if (build.why !== undefined) remarks.push(`The optimised code was searched, whose branches are fewer: ${build.why}`);
  const schemas = schemasOf(build.object, target, cpus);
  const recorded = await record(kept, { object, program: program.name, schemas, cpus });
  const names = distinctNames(recorded.map(({ test }) => test.name));
  const named = recorded.map(({ test }, index) => ({ ...test, name: names[index] ?? test.name }));
  const { shifted } = machinesToCompare(cpus);
  const engines = options.engine === undefined ? shifted : [...shifted, options.engine];
  const { tests, dropped } = await keepWhatHolds(named, { object, program: program.name, engines });
  for (const { name, why } of dropped) remarks.push(`Left out, since it does not hold each time: ${name}: ${why}`);
  for (const { message } of search.stops.values()) remarks.push(`Runs ended without a verdict: ${message}.`);
  const image = new ProgramImage(build.object.elf, target.linked);
  const ways = waysOf(image, search).filter(({ place }) => isOwnSource(absolute(place.file, object), buildOptions));
  return {
    file: object.file,
    program: program.name,
    seed,
    runs: search.runs,
    durationMs,
    ended,
    branches: { reached: ways.filter(({ reached }) => reached).length, total: ways.length },
    verdicts: [...new Set(search.found.map(({ trace }) => actionName(trace.run.retval)))].sort(),
    tests,
    text: newTestFile(path.basename(object.file), program.name, tests),
    unreached: await describeWays(ways, object),
    problems: problemsOf(findings, { image, object, schemas, recorded }),
    remarks,
  };
}

function targetOf({ object, kind }: DebugBuild, program: string, cpus: readonly number[]): Target {
  const stack = kind === 'debugger' ? debuggerMachine : {};
  return {
    linked: linkForVm(object, cpus),
    btf: object.spec.btf,
    program,
    options: { cpuCount: cpus.length, inputs: { perfReaders: true }, ...stack },
  };
}

async function searchFor(
  target: Target,
  { seed, timeMs, idleRuns, signal, onProgress }: GenerateOptions,
): Promise<{ search: Search; ended: Generated['ended'] }> {
  const search = new Search(target, { seed, ...(idleRuns === undefined ? {} : { idleRuns }) });
  const startedMs = performance.now();
  let turnEndsMs = startedMs + turnMs;
  for (;;) {
    const more = search.step();
    const nowMs = performance.now();
    if (signal?.aborted === true) return { search, ended: 'cancelled' };
    if (!more) return { search, ended: 'complete' };
    if (nowMs - startedMs > timeMs) return { search, ended: 'time' };
    if (nowMs < turnEndsMs) continue;
    onProgress?.({ phase: 'search', runs: search.runs, found: search.found.length });
    await nextTurn();
    turnEndsMs = performance.now() + turnMs;
  }
}

interface Patience {
  signal: AbortSignal | undefined;
  /** By performance.now(). */
  endMs: number;
}

/** The simplest first. */
async function shrunk(target: Target, { found }: Search, patience: Patience): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const each of cover(found)) {
    const { input, trace = each.trace } = await small(new Shrinking(target, each.input, reaches(each)), patience);
    kept.push({ ...each, input, trace });
  }
  return withoutRedundant(kept).sort((a, b) => a.trace.features.size - b.trace.features.size);
}

async function smallFindings(target: Target, { findings }: Search, patience: Patience): Promise<Finding[]> {
  const made: Finding[] = [];
  for (const each of [...findings.values()].slice(0, maxFindings)) {
    const { input } = await small(new Shrinking(target, each.input, shows(each)), patience);
    made.push({ ...each, input });
  }
  return made;
}

/** Nobody reads more. */
const maxFindings = 50;

/** Whoever does not want to wait gets the packets as they were found. */
async function small(shrinking: Shrinking, { signal, endMs }: Patience): Promise<Shrinking> {
  let turnEndsMs = performance.now() + turnMs;
  while (signal?.aborted !== true && performance.now() < endMs && shrinking.step()) {
    if (performance.now() < turnEndsMs) continue;
    await nextTurn();
    turnEndsMs = performance.now() + turnMs;
  }
  return shrinking;
}

interface Recorded {
  test: TestJson;
  kept: Kept;
  run: RunResult;
}

/** What the object that the kernel gets does with each input. */
async function record(
  kept: readonly Kept[],
  { object, program, schemas, cpus }: { object: BpfObject; program: string; schemas: Schemas; cpus: readonly number[] },
): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  for (const each of kept) {
    const { packet, packetText, context, setups } = inputAsTest(each.input, schemas);
    const name = describeFound(each);
    const request = { program, packet, context, setups, repeat: 1 };
    try {
      const run = await runPacketVm(object, request, cpus);
      const test = readable(testOfRun(recordRun(request, run, { name, packetText })), run);
      recorded.push({ test, kept: each, run });
    } catch (error) {
      // The optimised program cannot take it, a global variable is not there, for example.
      if (!(error instanceof XdpError)) throw error;
    }
    await nextTurn();
  }
  return recorded;
}

/** The packet that comes out as an expression, where it says the same. */
function readable(test: TestJson, { packetOut }: RunResult): TestJson {
  const expected = test['expect'] ?? null;
  if (!isRecord(expected) || !isRecord(expected['packet'] ?? null)) return test;
  const text = expressionOf(packetOut);
  return text === undefined ? test : { ...test, expect: { ...expected, packet: text } };
}

function schemasOf(object: BpfObject, target: Target, cpus: readonly number[]): Schemas {
  const { maps } = freshMachine(target, 'interpreter');
  return {
    schemas: new Map(maps.map((map) => [map.definition.name, openVmMap(object, map, cpus).schema])),
    initial: (map) => initialValue(target, map),
    inner: (map) => {
      const spec = object.spec.maps.find(({ name }) => name === map)?.inner;
      return spec && mapSchema(spec, object.spec.btf, spec.keyTypeId, spec.valueTypeId, cpus);
    },
  };
}

async function describeWays(ways: readonly Way[], object: BpfObject): Promise<UnreachedWay[]> {
  const sources = new Map<string, string[]>();
  const described: UnreachedWay[] = [];
  for (const { place, towards, reached, reason, behind } of ways) {
    if (reached) continue;
    const file = absolute(place.file, object);
    const lines = sources.get(file) ?? (await readFile(file, 'utf8').catch(() => '')).split('\n');
    sources.set(file, lines);
    const code = (lines[place.line - 1] ?? '').trim();
    described.push({ file, line: place.line, column: place.column, code, towards, reason, behind });
  }
  return described;
}
