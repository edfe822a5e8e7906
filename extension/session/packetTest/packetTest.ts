import path from 'node:path';
import { toErrorData, XdpError } from '../../core/errors.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { encodeEntryValue } from '../../core/maps/entries.ts';
import type { Value } from '../../core/maps/value.ts';
import { matchOutcome } from '../../core/packetTest/match.ts';
import { mapKey, noMap, rawBytes, type Snapshots } from '../../core/packetTest/matchMaps.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import type { Context, MapSetup, PacketTest, Step, TestFile } from '../../core/packetTest/model.ts';
import type { Place } from '../../core/packetTest/problems.ts';
import type { TestResult, TestStatus } from '../../core/packetTest/result.ts';
import { actionName } from '../../core/xdp.ts';
import { type BpfObject, type BuildOptions, chooseProgram, openObject } from '../bpfObject.ts';
import type { StepOutcome, TestEngine, TestInstance, TestRequest } from './engine.ts';
import { PacketSource, readTestFile } from './files.ts';
import type { RunContext } from '../run/run.ts';

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
  /** Asked for once, and only when something is to be run. */
  engine: () => Promise<TestEngine>;
  /** Which tests to run; all by default. */
  select?: (test: PacketTest, file: string) => boolean;
  signal?: AbortSignal;
}

/**
 * Runs test files one after the other, and tells what happens as it happens. Each source is compiled once. What a file or a
 * test does wrong is in the reports; only what concerns all of them (no privilege, no helper) is thrown.
 */
export async function* runPacketTests(options: PacketTestOptions): AsyncGenerator<PacketTestEvent> {
  const objects = new Map<string, Promise<BpfObject>>();
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

function concernsEverything({ code }: XdpError): boolean {
  return /^(privilege|elevation-refused|libbpf-missing|libbpf-too-old|helper-died|helper-protocol|environment|clang-missing|clang-too-old|cancelled)$/.test(
    code,
  );
}

async function* runFile(
  report: FileReport,
  openOnce: (source: string) => Promise<BpfObject>,
  { engine: start, select = () => true, signal }: PacketTestOptions,
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
  const engine = await start();
  const packets = new PacketSource(file);
  const instances = new Map<string, TestInstance>();
  try {
    // A program that the verifier refuses is said once, not for every test.
    if (program !== undefined && usesDefault) instances.set(program, await engine.open(object, program));
    for (const test of tests) {
      if (signal?.aborted === true) return;
      const result = await runTest({ test, testFile, object, program, engine, instances, packets });
      report.results.push(result);
      yield { kind: 'tested', file, result };
    }
  } finally {
    await Promise.allSettled([...instances.values()].map((instance) => instance.close()));
  }
}

interface TestRun {
  test: PacketTest;
  testFile: TestFile;
  object: BpfObject;
  /** The file's. */
  program: string | undefined;
  engine: TestEngine;
  /** By program. */
  instances: Map<string, TestInstance>;
  packets: PacketSource;
}

async function runTest(run: TestRun): Promise<TestResult> {
  const { test } = run;
  const startedMs = performance.now();
  const ended = (status: TestStatus, more: Partial<TestResult> = {}): TestResult => ({
    name: test.name,
    place: test.place,
    status,
    durationMs: performance.now() - startedMs,
    failures: [],
    steps: [],
    ...more,
  });
  if (test.skip !== undefined) return ended('skipped', { skip: test.skip });
  let place = test.place;
  try {
    const instance = await instanceFor(run);
    const request = await makeRequest(run, instance, (at) => {
      place = at;
    });
    place = test.place;
    const outcomes = await instance.runTest(request);
    const failures = test.steps.flatMap((step, index) => {
      const outcome = outcomes[index];
      const packetIn = request.steps[index]?.packet;
      if (outcome === undefined || packetIn === undefined) return [];
      return matchStep(step, outcome, packetIn, { schemas: instance.schemas, packets: run.packets });
    });
    const steps = outcomes.map(({ retval, packetOut }, index) => ({
      action: actionName(retval),
      packetIn: request.steps[index]?.packet ?? new Uint8Array(0),
      packetOut,
    }));
    return ended(failures.length === 0 ? 'passed' : 'failed', { failures, steps });
  } catch (error) {
    if (!(error instanceof XdpError) || concernsEverything(error)) throw error;
    const { message, fix, details } = toErrorData(error);
    // A write that the kernel refuses names its map.
    const refused = test.maps.find(({ name }) => name === details?.['map']);
    return ended('error', {
      problem: { message, ...(fix === undefined ? {} : { fix }), place: refused?.place ?? place },
    });
  }
}

async function instanceFor({ test, object, program, engine, instances }: TestRun): Promise<TestInstance> {
  const chosen =
    test.program === undefined && program !== undefined ? program : programNamed(object, test.program?.value);
  const known = instances.get(chosen) ?? (await engine.open(object, chosen));
  instances.set(chosen, known);
  return known;
}

function programNamed(object: BpfObject, name: string | undefined): string {
  try {
    return chooseProgram(object, name).name;
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'program-ambiguous') throw error;
    const [first] = object.spec.programs;
    const fix = `Say which one in the test file: "program": "${first?.name ?? ''}".`;
    throw new XdpError(error.code, error.message, { fix, details: error.details, cause: error });
  }
}

/** Everything that the engine has to know, with names resolved and values encoded. `at` hears what is being looked at. */
async function makeRequest(run: TestRun, instance: TestInstance, at: (place: Place) => void): Promise<TestRequest> {
  const { test, engine, packets } = run;
  const setup: TestRequest['setup'][number][] = [];
  for (const map of test.maps) {
    at(map.place);
    const schema = instance.schemas.get(map.name);
    if (schema === undefined) throw new XdpError('map-not-found', noMap(map.name, [...instance.schemas.keys()]));
    for (const entry of map.entries) {
      at(entry.place);
      setup.push(await encodeSetup(entry, { schema, instance, engine }));
    }
  }
  const steps: TestRequest['steps'][number][] = [];
  for (const step of test.steps) {
    at(step.packet.place);
    await packets.load(step.packet);
    for (const { packet } of step.expectations) if (packet?.kind === 'bytes') await packets.load(packet.packet);
    if (step.context.place !== undefined) at(step.context.place);
    const context = await resolveContext(step.context, engine);
    const expected = step.expectations.flatMap(({ maps }) => maps.map(({ name }) => name));
    const readMaps = expected.filter((name) => instance.schemas.has(name));
    steps.push({ packet: packets.bytesOf(step.packet), context, readMaps });
  }
  const capturePrintk = test.steps.some((step) => step.expectations.some(({ printk }) => printk !== undefined));
  return { setup, steps, capturePrintk };
}

async function encodeSetup(
  { key, value }: MapSetup['entries'][number],
  { schema, instance, engine }: { schema: MapSchema; instance: TestInstance; engine: TestEngine },
): Promise<TestRequest['setup'][number]> {
  if (/^(prog_array|array_of_maps|hash_of_maps)$/.test(schema.type)) {
    const what = schema.type === 'prog_array' ? 'programs' : 'maps';
    throw new XdpError(
      'not-available',
      `${schema.name} (${schema.type}) cannot be filled by a test: its values are ${what}.`,
      {
        fix: `Fill it in the source: .values = { [0] = (void *)&name }. What a test sets in an inner map of the source counts.`,
      },
    );
  }
  const named = schema.type.startsWith('devmap') ? await resolveInterfaces(value, engine) : value;
  try {
    const keyBytes = mapKey(schema, key);
    const previous = instance.initialValue(schema.name, keyBytes);
    return { map: schema.name, key: keyBytes, value: encodeEntryValue(schema, rawBytes(named) ?? named, previous) };
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    throw new XdpError(error.code, `${schema.name}: ${error.message}`, {
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      cause: error,
    });
  }
}

/** `"eth0"` and `{"ifindex": "eth0"}` (struct bpf_devmap_val) for a device map. */
async function resolveInterfaces(value: Value, engine: TestEngine): Promise<Value> {
  if (typeof value === 'string') return /^(\d+|hex:.*)$/.test(value) ? value : await engine.interfaceIndex(value);
  if (!isRecord(value)) return value;
  const { ifindex } = value;
  return ifindex === undefined ? value : { ...value, ifindex: await resolveInterfaces(ifindex, engine) };
}

async function resolveContext(context: Context, engine: TestEngine): Promise<RunContext> {
  const resolved: RunContext = {};
  const device = context.ingressInterface?.value;
  if (device !== undefined)
    resolved.ingressIfindex = typeof device === 'number' ? device : await engine.interfaceIndex(device);
  if (context.rxQueueIndex !== undefined) resolved.rxQueueIndex = context.rxQueueIndex;
  if (context.metadata !== undefined) resolved.metadata = context.metadata;
  if (context.cpu !== undefined) resolved.cpu = context.cpu;
  return resolved;
}

function matchStep(
  step: Step,
  outcome: StepOutcome,
  packetIn: Uint8Array,
  { schemas, packets }: { schemas: ReadonlyMap<string, MapSchema>; packets: PacketSource },
): TestResult['failures'] {
  // Maps that were not read are named all the same, so that a misspelt name gets its suggestion.
  const unread = [...schemas].map(
    ([name, schema]) => [name, { schema, page: { problem: 'it was not read.' } }] as const,
  );
  const maps: Snapshots = new Map([...unread, ...outcome.maps]);
  const bytesOf = packets.bytesOf.bind(packets);
  return step.expectations.flatMap((expectation) => matchOutcome(expectation, { ...outcome, packetIn, maps, bytesOf }));
}
