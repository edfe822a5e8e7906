import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProgramImage } from '../../core/debugger/image.ts';
import { readSources } from '../../core/debugger/story/sources.ts';
import { mutated } from '../../core/mutation/bytecode.ts';
import type { Mutant } from '../../core/mutation/mutant.ts';
import { mutantsOf } from '../../core/mutation/mutants.ts';
import type { PacketTest } from '../../core/packetTest/model.ts';
import type { TestResult } from '../../core/packetTest/result.ts';
import type { LinkedObject } from '../../core/vm/link/linkedObject.ts';
import type { Machine } from '../../core/vm/machine.ts';
import { type BpfObject, type BuildOptions, chooseProgram } from '../bpfObject.ts';
import { isOwnSource } from '../engine/coverage.ts';
import { buildForDebugger, debuggerMachine } from '../engine/debugBuild.ts';
import { possibleCpus } from '../engine/target.ts';
import { linkForVm } from '../engine/vm.ts';
import { type RunInstead, vmTestEngine } from '../engine/vmTests.ts';
import { Instances, runBatch } from '../packetTest/batch.ts';
import { PacketSource, readTestFile } from '../packetTest/files.ts';
import type { TestEngine } from '../packetTest/engine.ts';

export interface MutationOptions {
  /** The packet test file, absolute. */
  file: string;
  build: BuildOptions;
  /** At most so long: milliseconds. What is left then is `skipped`. */
  timeMs: number;
  signal?: AbortSignal;
  onProgress?: (done: number, all: number) => void;
}

/** What the tests make of one changed program. */
export interface MutantResult {
  /** Absolute. */
  file: string;
  line: number;
  column: number;
  kind: Mutant['kind'];
  /** The condition or statement as it is. */
  text: string;
  from: string;
  to: string;
  /**
   * `killed`: a test fails. `survived`: tests run it, and all pass. `unreached`: no test comes there. `skipped`: there was no
   * time for it.
   */
  status: 'killed' | 'survived' | 'unreached' | 'skipped';
  /** Names of the tests that fail. */
  killedBy: string[];
  /** Names of the tests that come there. */
  ranBy: string[];
}

export interface MutationReport {
  file: string;
  /** Absolute. */
  source: string;
  mutants: MutantResult[];
  /** Tests that do not pass as it is, and so tell nothing. */
  failing: { name: string; why: string }[];
  remarks: string[];
}

/** A changed program may run for ever, and many do. Instructions. */
const mutantFuel = 1 << 20;
const turnMs = 20;

/**
 * Changes one thing of a program at a time and runs its tests on it: which of them would notice? In the built-in machine, on the
 * source compiled without optimisation, where every comparison is one of the source's.
 */
export async function checkByMutation(options: MutationOptions): Promise<MutationReport> {
  const testFile = await readTestFile(options.file);
  const source = path.resolve(path.dirname(options.file), testFile.source.value);
  const { object, kind, why } = await buildForDebugger(source, options.build);
  const remarks = why === undefined ? [] : [`The optimised code is changed, which has lost comparisons: ${why}`];
  const cpus = possibleCpus();
  const linked = linkForVm(object, cpus);
  const image = new ProgramImage(object.elf, linked);
  const instead = (changed: LinkedObject): RunInstead => ({
    linked: changed,
    machine: { ...(kind === 'debugger' ? debuggerMachine : {}), fuel: mutantFuel },
  });
  const program = testFile.program?.value ?? defaultProgram(object, testFile.tests);
  const run = new TestRuns(testFile.tests, object, program, new PacketSource(options.file));
  const came = new Map<PacketTest, ReadonlySet<string>>();
  const counted = await run.counted((test, slots) => came.set(test, slots), {
    instead: instead(linked),
    cpus,
    signal: options.signal,
  });
  const untold = options.signal?.aborted === true;
  const usable = testFile.tests.filter((_, index) => counted[index]?.status === 'passed');
  const failing = counted
    .filter(({ status }) => status === 'failed' || status === 'error')
    .map((result) => ({ name: result.name, why: whyNot(result) }));
  const sources = readSources(await textsOf(image, object, options.build));
  const mutants = mutantsOf(image, sources);
  const results: MutantResult[] = [];
  const endMs = performance.now() + options.timeMs;
  let turnEndsMs = performance.now() + turnMs;
  for (const mutant of mutants) {
    const ran = usable.filter((test) =>
      mutant.edits.some(({ program: at, slot }) => came.get(test)?.has(`${at} ${slot}`)),
    );
    const late = performance.now() > endMs || options.signal?.aborted === true;
    const engine = vmTestEngine(cpus, {}, undefined, instead(mutated(linked, mutant)));
    const failed = late ? [] : (await run.on(ran, engine)).filter(({ status }) => status !== 'passed');
    results.push({
      ...wordsOf(mutant, object),
      // Of tests that were not run nothing is known.
      status: untold
        ? 'skipped'
        : ran.length === 0
          ? 'unreached'
          : late
            ? 'skipped'
            : failed.length > 0
              ? 'killed'
              : 'survived',
      killedBy: failed.map(({ name }) => name),
      ranBy: ran.map(({ name }) => name),
    });
    if (performance.now() < turnEndsMs) continue;
    options.onProgress?.(results.length, mutants.length);
    await nextTurn();
    turnEndsMs = performance.now() + turnMs;
  }
  return { file: options.file, source, mutants: results, failing, remarks };
}

function defaultProgram(object: BpfObject, tests: readonly PacketTest[]): string | undefined {
  return tests.some(({ program }) => program === undefined) ? chooseProgram(object, undefined).name : undefined;
}

function whyNot({ problem, failures }: TestResult): string {
  return problem?.message ?? failures[0]?.message ?? 'it failed';
}

function wordsOf(
  { place, kind, text, from, to }: Mutant,
  object: BpfObject,
): Omit<MutantResult, 'status' | 'killedBy' | 'ranBy'> {
  return {
    file: path.resolve(path.dirname(object.file), place.file),
    line: place.line,
    column: place.column,
    kind,
    text,
    from,
    to,
  };
}

/** The user's own files, by the names that the debug information has. */
async function textsOf(image: ProgramImage, object: BpfObject, build: BuildOptions): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const file of image.files()) {
    const absolute = path.resolve(path.dirname(object.file), file);
    if (!isOwnSource(absolute, build)) continue;
    const text = await readFile(absolute, 'utf8').catch(() => undefined);
    if (text !== undefined) texts.set(file, text);
  }
  return texts;
}

/** The tests of one file, on one build after another. */
class TestRuns {
  private readonly tests: readonly PacketTest[];
  private readonly object: BpfObject;
  private readonly program: string | undefined;
  private readonly packets: PacketSource;

  constructor(tests: readonly PacketTest[], object: BpfObject, program: string | undefined, packets: PacketSource) {
    this.tests = tests;
    this.object = object;
    this.program = program;
    this.packets = packets;
  }

  async on(tests: readonly PacketTest[], engine: TestEngine): Promise<TestResult[]> {
    if (tests.length === 0) return [];
    const { object, program, packets } = this;
    const instances = new Instances(engine, object, tests);
    try {
      return await runBatch({ tests, object, program, instances, packets, benchmark: undefined });
    } finally {
      await instances.close();
    }
  }

  /** All tests as the program is, until somebody stops it; `came` hears which instructions each one came to. */
  async counted(
    came: (test: PacketTest, slots: ReadonlySet<string>) => void,
    { instead, cpus, signal }: { instead: RunInstead; cpus: readonly number[]; signal: AbortSignal | undefined },
  ): Promise<TestResult[]> {
    const results: TestResult[] = [];
    for (const test of this.tests) {
      await nextTurn();
      if (signal?.aborted === true) break;
      const slots = new Set<string>();
      const engine = vmTestEngine(cpus, {}, (machine) => collect(machine, slots), instead);
      results.push(...(await this.on([test], engine)));
      came(test, slots);
    }
    return results;
  }
}

/** Tail calls run other programs as well. */
function collect(machine: Machine, slots: Set<string>): void {
  for (const name of machine.linked.programs.keys()) {
    for (const { start, end, count } of machine.blockCounts(name)) {
      if (count > 0) for (let slot = start; slot < end; slot++) slots.add(`${name} ${slot}`);
    }
  }
}
