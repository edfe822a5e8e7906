import { XdpError } from '../../core/errors.ts';
import { indexByKey, keyText, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { type EventSnapshot, isEventMap } from '../../core/packetTest/matchEvents.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import { errorOfHelper, type HelperClient } from '../../kernel/client.ts';
import type { KernelContract, LoadedObject, TestStepReply, TestWrite } from '../../protocol/kernel.ts';
import type { ParamsOf, ResultOf } from '../../protocol/rpc.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable, openLoadedMap, readMap } from '../maps/maps.ts';
import { callsHelper, helperNumbers } from '../run/helperCalls.ts';
import { inputOf, splitOutput } from '../run/input.ts';
import { interfaceIndexes } from '../run/interfaces.ts';
import { writesOf } from '../run/writes.ts';
import type { StepOutcome, TestEngine, TestInstance, TestOutcome, TestRequest } from './engine.ts';
import { type KernelMap, maxRestoredBytes, pageBytes, restoringOf } from './restoring.ts';

/** Runs packet tests with BPF_PROG_TEST_RUN, through the helper. */
export function kernelTestEngine(client: HelperClient): TestEngine {
  return {
    open: (object, program, others) =>
      KernelInstance.open(client, object, [program, ...others]).catch(async (error: unknown) => {
        const { explainRejection } = await import('../verify.ts');
        throw explainRejection(error, object);
      }),
    interfaceIndex: interfaceIndexes(client),
  };
}

/** More entries than this are not read; what large maps hold is asked for by other means. */
const maxReadEntries = 100_000;

/**
 * One loaded object. Loading takes milliseconds, restoring maps a fraction of one: so between tests the maps are set back to
 * what they held after loading, and the object is loaded again only where that cannot be done.
 *
 * Many tests are one message to the helper, which remembers what the maps held and sets them back after each.
 */
class KernelInstance implements TestInstance {
  readonly #client: HelperClient;
  readonly #object: BpfObject;
  readonly #programs: readonly [string, ...string[]];
  #loaded: LoadedObject;
  #maps: Map<string, KernelMap>;
  #used = false;
  /** The maps cannot be set back any more. */
  #spoilt = false;

  private constructor(
    client: HelperClient,
    object: BpfObject,
    programs: readonly [string, ...string[]],
    state: InstanceState,
  ) {
    this.#client = client;
    this.#object = object;
    this.#programs = programs;
    this.#loaded = state.loaded;
    this.#maps = state.maps;
  }

  static async open(
    client: HelperClient,
    object: BpfObject,
    programs: readonly [string, ...string[]],
  ): Promise<KernelInstance> {
    return new KernelInstance(client, object, programs, await load(client, object, programs));
  }

  get schemas(): ReadonlyMap<string, MapSchema> {
    return new Map([...this.#maps].map(([name, map]) => [name, map.schema]));
  }

  initialValue(name: string, key: Uint8Array): Uint8Array | undefined {
    const map = this.#maps.get(name);
    if (map?.initial === undefined) return undefined;
    const index = indexByKey(map.schema, map.initial).get(keyText(key));
    return index === undefined ? undefined : valueAt(map.schema, map.initial, index);
  }

  async close(): Promise<void> {
    await this.#client.call('object/close', { object: this.#loaded.object });
  }

  async runTests(requests: readonly TestRequest[]): Promise<TestOutcome[]> {
    const outcomes: TestOutcome[] = [];
    while (outcomes.length < requests.length) {
      if (this.#spoilt || (this.#used && this.#reloads)) await this.#reload();
      this.#used = true;
      outcomes.push(...(await this.#runTogether(requests.slice(outcomes.length))));
    }
    return outcomes;
  }

  get #reloads(): boolean {
    return [...this.#maps.values()].some(({ restoring }) => restoring === 'reload');
  }

  /** As many of the first tests as can run on this instance. */
  async #runTogether(requests: readonly TestRequest[]): Promise<TestOutcome[]> {
    const tests: SentTest[] = [];
    for (const request of requests) {
      const sent = await this.#prepare(request);
      tests.push(sent);
      if ('problem' in sent) continue;
      // A new inner map lives until its object is closed.
      this.#spoilt = request.setup.some(({ value }) => !(value instanceof Uint8Array) && value.kind === 'newMap');
      if (this.#spoilt || this.#reloads) break;
    }
    const sendable = tests.flatMap((test) => ('problem' in test ? [] : test.message));
    const replies = sendable.length === 0 ? { tests: [] } : await this.#send(sendable);
    const outcomes: TestOutcome[] = [];
    for (const test of tests) {
      if ('problem' in test) {
        outcomes.push({ steps: [], problem: test.problem, durationMs: 0 });
        continue;
      }
      const reply = replies.tests.shift();
      if (reply === undefined) break;
      const steps = reply.steps.map((step, index) => outcomeOf(step, test.reads[index], this.#sources));
      const problem = reply.error === undefined ? undefined : errorOfHelper(reply.error);
      outcomes.push({ steps, problem, durationMs: reply.durationMs });
    }
    if (replies.unrestored !== undefined) this.#spoilt = true;
    if (outcomes.length === 0) throw new XdpError('helper-protocol', 'The helper ran no test.');
    return outcomes;
  }

  get #sources(): KernelMap[] {
    return [...this.#maps.values()].filter(({ info }) => isEventMap(info.type));
  }

  async #prepare(request: TestRequest): Promise<SentTest> {
    try {
      const reads = request.steps.map(({ readMaps }) => readMaps.map((name) => this.#mapNamed(name)));
      const steps = request.steps.map(({ packet, context }, index) => ({
        ...inputOf(packet, context),
        reads: (reads[index] ?? []).filter(({ info }) => isListable(info.type)).map(({ info }) => info.id),
      }));
      const writes = await this.#writesOf(request.setup);
      return { message: { writes, steps, capturePrintk: request.capturePrintk }, reads };
    } catch (error) {
      if (error instanceof XdpError) return { problem: error };
      throw error;
    }
  }

  async #send(tests: TestMessage[]): Promise<ResultOf<KernelContract, 'program/runTests'>> {
    const undo = [...this.#maps.values()].filter(({ restoring }) => restoring === 'undo');
    return await this.#client.call('program/runTests', {
      object: this.#loaded.object,
      program: this.#programs[0],
      tests,
      events: this.#sources.map(({ info }) => info.id),
      undo: undo.map(({ info }) => info.id),
      readLimit: maxReadEntries,
    });
  }

  async measure(request: TestRequest, runs: { repeat: number; batches: number }): Promise<number[]> {
    const last = request.steps.at(-1);
    if (last === undefined) return [];
    await this.#reload();
    // What the packets do to the maps cannot be set back step by step.
    this.#spoilt = true;
    const before = await this.#prepare({ ...request, steps: request.steps.slice(0, -1) });
    if ('problem' in before) throw before.problem;
    // The maps are to stay as the packets before leave them.
    await this.#client.call('object/remember', { object: this.#loaded.object, maps: [], limit: 0 });
    const [first] = (await this.#send([before.message])).tests;
    if (first?.error !== undefined) throw errorOfHelper(first.error);
    const [program] = this.#programs;
    const times: number[] = [];
    for (let batch = 0; batch < runs.batches; batch++) {
      const how = { repeat: runs.repeat, capturePrintk: false };
      const target = { object: this.#loaded.object, program, ...inputOf(last.packet, last.context) };
      times.push((await this.#client.call('program/testRun', { ...target, ...how })).durationNs);
    }
    return times;
  }

  #writesOf(setup: TestRequest['setup']): Promise<TestWrite[]> {
    const mapNamed = (name: string): KernelMap['info'] => this.#mapNamed(name).info;
    return writesOf(this.#client, { loaded: this.#loaded, mapNamed }, setup);
  }

  #mapNamed(name: string): KernelMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new XdpError('map-not-found', `The program has no map named ${name}.`);
    return map;
  }

  async #reload(): Promise<void> {
    const old = this.#loaded.object;
    const state = await load(this.#client, this.#object, this.#programs);
    this.#loaded = state.loaded;
    this.#maps = state.maps;
    this.#spoilt = false;
    await this.#client.call('object/close', { object: old });
  }
}

interface InstanceState {
  loaded: LoadedObject;
  maps: Map<string, KernelMap>;
}

async function load(client: HelperClient, object: BpfObject, programs: readonly string[]): Promise<InstanceState> {
  const loaded = await client.call('object/load', {
    elf: object.elf,
    name: object.name,
    programs: [...programs],
  });
  try {
    const opened = loaded.maps.map((info) => openLoadedMap(client, object, info));
    const asksRings = callsHelper(object.elf, [helperNumbers.ringbufQuery]);
    const kinds = opened.map((map) => restoringOf(map, asksRings));
    const bytes = opened.reduce((sum, map, index) => sum + (kinds[index] === 'compare' ? pageBytes(map.schema) : 0), 0);
    const kinded = opened.map((map, index) => ({ ...map, restoring: kinds[index] ?? 'none' }));
    // Comparing much after every test costs more than loading the object again.
    const tooMuch = bytes > maxRestoredBytes;
    const compared = kinded.filter(({ restoring }) => restoring === 'compare' && !tooMuch);
    const remember = { object: loaded.object, maps: compared.map(({ info }) => info.id), limit: maxReadEntries };
    const pages = (await client.call('object/remember', remember)).maps;
    const maps = kinded.map(async (map): Promise<[string, KernelMap]> => {
      const page = pages.find(({ map: id }) => id === map.info.id);
      if (page !== undefined && page.problem === undefined && !page.more)
        return [map.info.name, { ...map, initial: page }];
      const restoring = map.restoring === 'compare' ? 'reload' : map.restoring;
      // Arrays, such as global variables, hold something from the start, of which a test may set a part.
      const small =
        map.schema.type.endsWith('array') && isListable(map.info.type) && pageBytes(map.schema) <= maxRestoredBytes;
      const initial = small ? await readMap(client, map.ref, { maxEntries: maxReadEntries }) : undefined;
      return [map.info.name, { ...map, restoring, initial }];
    });
    return { loaded, maps: new Map(await Promise.all(maps)) };
  } catch (error) {
    await client.call('object/close', { object: loaded.object });
    throw error;
  }
}

interface TestMessage {
  writes: TestWrite[];
  steps: ParamsOf<KernelContract, 'program/runTests'>['tests'][number]['steps'];
  capturePrintk: boolean;
}

type SentTest = { message: TestMessage /** By step. */; reads: KernelMap[][] } | { problem: XdpError };

function outcomeOf(
  reply: TestStepReply,
  reads: readonly KernelMap[] = [],
  sources: readonly KernelMap[] = [],
): StepOutcome {
  const { packetOut, metadataOut } = splitOutput(reply);
  const problem = reply.printkProblem === undefined ? undefined : { problem: reply.printkProblem };
  const pages = new Map(reply.maps.map((page) => [page.map, page]));
  const maps = new Map<string, MapSnapshot>();
  for (const { info, schema } of reads) {
    const page = pages.get(info.id);
    const unlisted = { problem: `the kernel does not list what a ${info.type} holds.` };
    maps.set(info.name, { schema, page: page === undefined ? unlisted : readable(page) });
  }
  const events = new Map<string, EventSnapshot>();
  for (const { info } of sources) {
    const got = reply.events?.find(({ map }) => map === info.id);
    if (got !== undefined && isEventMap(info.type)) events.set(info.name, { type: info.type, ...got });
  }
  return { retval: reply.retval, packetOut, metadataOut, printk: reply.printk ?? problem, maps, events };
}

function readable({ problem, more, ...page }: TestStepReply['maps'][number]): MapSnapshot['page'] {
  if (problem !== undefined) return { problem };
  return more ? { problem: `it has more than ${maxReadEntries} entries.` } : page;
}
