import type { Btf } from '../../core/btf/types.ts';
import { toErrorData, XdpError } from '../../core/errors.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { matchOutcome } from '../../core/packetTest/match.ts';
import { noMap, type Snapshots } from '../../core/packetTest/matchMaps.ts';
import type { Context, PacketTest, Step } from '../../core/packetTest/model.ts';
import type { Place } from '../../core/packetTest/problems.ts';
import type { Failure, TestResult, TestStatus } from '../../core/packetTest/result.ts';
import { actionName } from '../../core/xdp.ts';
import { type BpfObject, chooseProgram } from '../bpfObject.ts';
import type { RunContext } from '../run/input.ts';
import type { StepOutcome, TestEngine, TestInstance, TestOutcome, TestRequest } from './engine.ts';
import type { PacketSource } from './files.ts';
import { encodeSetup, programsInSetups } from './setup.ts';
import { judgeTimes, type Runs } from './times.ts';

/** What concerns every test of every file: it is thrown, and ends the run. */
export function concernsEverything({ code }: XdpError): boolean {
  return /^(privilege|elevation-refused|libbpf-missing|libbpf-too-old|helper-died|helper-protocol|environment|clang-missing|clang-too-old|cancelled)$/.test(
    code,
  );
}

/** How many tests go to the engine at once: more and more, as long as results still come several times a second. */
export class BatchSize {
  tests = 1;

  took(ms: number): void {
    if (ms < 40) this.tests = Math.min(64, this.tests * 2);
    else if (ms > 160) this.tests = Math.max(1, this.tests >> 1);
  }
}

/** The programs of one object, each loaded when a test first needs it. */
export class Instances {
  readonly engine: TestEngine;
  readonly #object: BpfObject;
  readonly #others: readonly string[];
  readonly #open = new Map<string, TestInstance>();

  constructor(engine: TestEngine, object: BpfObject, tests: readonly PacketTest[]) {
    this.engine = engine;
    this.#object = object;
    this.#others = programsInSetups(object, tests);
  }

  async open(program: string): Promise<TestInstance> {
    const others = this.#others.filter((name) => name !== program);
    const instance = this.#open.get(program) ?? (await this.engine.open(this.#object, program, others));
    this.#open.set(program, instance);
    return instance;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map((instance) => instance.close()));
  }
}

export interface Batch {
  tests: readonly PacketTest[];
  object: BpfObject;
  /** The file's. */
  program: string | undefined;
  instances: Instances;
  packets: PacketSource;
  benchmark: Runs | undefined;
}

/** A test that is ready to run, or what became of it already. */
type Prepared = { test: PacketTest; instance: TestInstance; request: TestRequest } | TestResult;

/** Results in the order of the tests. Throws what concerns all of them. */
export async function runBatch(batch: Batch): Promise<TestResult[]> {
  const prepared: Prepared[] = [];
  for (const test of batch.tests) prepared.push(await prepare(test, batch));
  const results: TestResult[] = [];
  while (results.length < prepared.length) {
    const [first] = prepared.slice(results.length);
    if (first === undefined) break;
    if (!('request' in first)) {
      results.push(first);
      continue;
    }
    // As many as follow for the same program.
    const rest = prepared.slice(results.length);
    const end = rest.findIndex((each) => !('request' in each) || each.instance !== first.instance);
    const group = rest.slice(0, end < 0 ? rest.length : end).flatMap((each) => ('request' in each ? each : []));
    const outcomes = await first.instance.runTests(group.map(({ request }) => request));
    for (const [index, { test, request }] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) throw new XdpError('helper-protocol', `${test.name} has no result.`);
      results.push(await finish(test, request, outcome, { ...batch, instance: first.instance }));
    }
  }
  return results;
}

async function prepare(test: PacketTest, batch: Batch): Promise<Prepared> {
  if (test.skip !== undefined) return { ...plainResult(test, 'skipped', 0), skip: test.skip };
  let place = test.place;
  try {
    const { program, object, instances } = batch;
    const isDefault = test.program === undefined && program !== undefined;
    const instance = await instances.open(isDefault ? program : programNamed(object, test.program?.value));
    const request = await makeRequest(test, instance, batch, (at) => {
      place = at;
    });
    return { test, instance, request };
  } catch (error) {
    if (!(error instanceof XdpError) || concernsEverything(error)) throw error;
    return failedToRun(test, error, place);
  }
}

function plainResult(test: PacketTest, status: TestStatus, durationMs: number): TestResult {
  return { name: test.name, place: test.place, status, durationMs, failures: [], steps: [] };
}

function failedToRun(test: PacketTest, error: XdpError, place: Place, durationMs = 0): TestResult {
  const { message, fix, details } = toErrorData(error);
  // A write that the kernel refuses names its map.
  const refused = test.maps.find(({ name }) => name === details?.['map']);
  const { engine } = error.details;
  return {
    ...plainResult(test, 'error', durationMs),
    problem: {
      message,
      ...(fix === undefined ? {} : { fix }),
      place: refused?.place ?? place,
      ...(engine === 'kernel' || engine === 'vm' ? { engine } : {}),
    },
  };
}

async function finish(
  test: PacketTest,
  request: TestRequest,
  outcome: TestOutcome,
  where: Batch & { instance: TestInstance },
): Promise<TestResult> {
  try {
    if (outcome.problem !== undefined) throw outcome.problem;
    return await resultOf(test, request, outcome, where);
  } catch (error) {
    if (!(error instanceof XdpError) || concernsEverything(error)) throw error;
    return failedToRun(test, error, test.place, outcome.durationMs);
  }
}

async function resultOf(
  test: PacketTest,
  request: TestRequest,
  { steps: outcomes, durationMs, differences = [] }: TestOutcome,
  where: Batch & { instance: TestInstance },
): Promise<TestResult> {
  const { instance, packets, object } = where;
  const failures = test.steps.flatMap((step, index) => {
    const outcome = outcomes[index];
    const packetIn = request.steps[index]?.packet;
    if (outcome === undefined || packetIn === undefined) return [];
    return matchStep(step, outcome, packetIn, { schemas: instance.schemas, packets, btf: object.spec.btf });
  });
  if (differences.length > 0) failures.push(enginesDiffer(test, differences));
  const steps = outcomes.map(({ retval, packetOut, printk }, index) => ({
    action: actionName(retval),
    packetIn: request.steps[index]?.packet ?? new Uint8Array(0),
    packetOut,
    ...(printk === undefined ? {} : { printk }),
  }));
  const times = failures.length === 0 ? await judgeTimes(test, request, instance, where.benchmark) : undefined;
  failures.push(...(times?.failures ?? []));
  return {
    ...plainResult(test, failures.length === 0 ? 'passed' : 'failed', durationMs),
    failures,
    steps,
    ...(times === undefined ? {} : { times: times.times }),
  };
}

function enginesDiffer(test: PacketTest, differences: NonNullable<TestOutcome['differences']>): Failure {
  return {
    path: 'engines',
    message: 'The kernel and the built-in machine do not agree.',
    differences: differences.map(({ what, kernel, vm }) => ({ what, expected: kernel, actual: vm })),
    sides: { expected: 'kernel', actual: 'vm' },
    place: test.place,
  };
}

export function programNamed(object: BpfObject, name: string | undefined): string {
  try {
    return chooseProgram(object, name).name;
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'program-ambiguous') throw error;
    const [first] = object.spec.programs;
    const fix = `Say which one in the test file: "program": "${first?.name ?? ''}".`;
    throw new XdpError(error.code, error.message, { fix, details: error.details, cause: error });
  }
}

/** What one test asks of an engine, without running it: for the debugger. Throws what running it would report. */
export async function requestOfTest(
  test: PacketTest,
  { object, program, engine, packets }: Pick<Batch, 'object' | 'program' | 'packets'> & { engine: TestEngine },
): Promise<{ program: string; request: TestRequest }> {
  const instances = new Instances(engine, object, [test]);
  try {
    const chosen = programNamed(object, test.program?.value ?? program);
    const batch: Batch = { tests: [test], object, program: chosen, instances, packets, benchmark: undefined };
    return { program: chosen, request: await makeRequest(test, await instances.open(chosen), batch, () => undefined) };
  } finally {
    await instances.close();
  }
}

/** Everything that the engine has to know, with names resolved and values encoded. `at` hears what is being looked at. */
async function makeRequest(
  test: PacketTest,
  instance: TestInstance,
  { object, instances: { engine }, packets }: Batch,
  at: (place: Place) => void,
): Promise<TestRequest> {
  const setup: TestRequest['setup'][number][] = [];
  for (const map of test.maps) {
    at(map.place);
    const schema = instance.schemas.get(map.name);
    if (schema === undefined) throw new XdpError('map-not-found', noMap(map.name, [...instance.schemas.keys()]));
    for (const entry of map.entries) {
      at(entry.place);
      setup.push(await encodeSetup(entry, schema, { object, instance, engine }));
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
  return { test: test.name, setup, steps, capturePrintk };
}

async function resolveContext(context: Context, engine: TestEngine): Promise<RunContext> {
  const resolved: RunContext = {};
  const device = context.ingressInterface?.value;
  if (device !== undefined)
    resolved.ingressIfindex = typeof device === 'number' ? device : await engine.interfaceIndex(device);
  if (context.rxQueueIndex !== undefined) resolved.rxQueueIndex = context.rxQueueIndex;
  if (context.metadata !== undefined) resolved.metadata = context.metadata;
  if (context.cpu !== undefined) resolved.cpu = context.cpu;
  if (context.linearBytes !== undefined) resolved.linearBytes = context.linearBytes;
  return resolved;
}

function matchStep(
  step: Step,
  outcome: StepOutcome,
  packetIn: Uint8Array,
  { schemas, packets, btf }: { schemas: ReadonlyMap<string, MapSchema>; packets: PacketSource; btf: Btf | undefined },
): TestResult['failures'] {
  // Maps that were not read are named all the same, so that a misspelt name gets its suggestion.
  const unread = [...schemas].map(
    ([name, schema]) => [name, { schema, page: { problem: 'it was not read.' } }] as const,
  );
  const maps: Snapshots = new Map([...unread, ...outcome.maps]);
  const bytesOf = packets.bytesOf.bind(packets);
  return step.expectations.flatMap((expectation) =>
    matchOutcome(expectation, { ...outcome, packetIn, maps, bytesOf, btf }),
  );
}
