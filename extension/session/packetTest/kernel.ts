import { XdpError } from '../../core/errors.ts';
import {
  diffPages,
  entryValueBytes,
  indexByKey,
  keyAt,
  keyText,
  type RawPage,
  valueAt,
} from '../../core/maps/entries.ts';
import type { Layout } from '../../core/maps/layout.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { LoadedObject, TestRunReply } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable, type OpenMap, openLoadedMap, readMap } from '../maps/maps.ts';
import type { StepOutcome, StepRequest, TestEngine, TestInstance, TestRequest } from './engine.ts';
import { splitOutput, testRun } from '../run/run.ts';

/** Runs packet tests with BPF_PROG_TEST_RUN, through the helper. */
export function kernelTestEngine(client: HelperClient): TestEngine {
  let interfaces: Promise<ReadonlyMap<string, number>> | undefined;
  return {
    open: (object, program) => KernelInstance.open(client, object, program),
    interfaceIndex: async (name) => {
      interfaces ??= client
        .call('interfaces/list', {})
        .then(({ interfaces: list }) => new Map(list.map((each) => [each.name, each.ifindex])));
      const known = await interfaces;
      const index = known.get(name);
      if (index !== undefined) return index;
      throw new XdpError('interface-not-found', `There is no interface named ${name}.`, {
        fix: `There are: ${[...known.keys()].join(', ')}.`,
      });
    },
  };
}

/** More entries than this are not read; what large maps hold is asked for by other means. */
const maxReadEntries = 100_000;
/** Reading more than this after every test costs more than loading the object again. Bytes; entries. */
const maxRestoredBytes = 512 << 10;
const maxRestoredEntries = 65_536;

/** How a map becomes as it was after loading. */
type Restoring =
  /** It is read after each test, and what differs is written back. */
  | 'compare'
  /** No program can change it: only what a test put in has to go. */
  | 'undo'
  | 'none'
  /** It keeps state that cannot be seen or written: the whole object is loaded again. */
  | 'reload';

interface KernelMap extends OpenMap {
  restoring: Restoring;
  /** Absent where the map cannot be listed. */
  initial: RawPage | undefined;
}

/**
 * One loaded object. Loading takes milliseconds, restoring maps a fraction of one: so between tests the maps are set back to
 * what they held after loading, and the object is loaded again only where that cannot be done.
 *
 * All calls of a test are sent at once: the helper answers calls that need no waiting in the order in which they come.
 */
class KernelInstance implements TestInstance {
  readonly #client: HelperClient;
  readonly #object: BpfObject;
  readonly #program: string;
  #loaded: LoadedObject;
  #maps: Map<string, KernelMap>;
  #used = false;
  /** What the last test left behind, to be put right before the next. */
  #repairs: (() => Promise<unknown>)[] = [];

  private constructor(client: HelperClient, object: BpfObject, program: string, state: InstanceState) {
    this.#client = client;
    this.#object = object;
    this.#program = program;
    this.#loaded = state.loaded;
    this.#maps = state.maps;
  }

  static async open(client: HelperClient, object: BpfObject, program: string): Promise<KernelInstance> {
    return new KernelInstance(client, object, program, await load(client, object, program));
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

  async runTest(request: TestRequest): Promise<StepOutcome[]> {
    if (this.#used && [...this.#maps.values()].some((map) => map.restoring === 'reload')) await this.#reload();
    this.#used = true;
    const sent = new Sent();
    for (const repair of this.#repairs) void sent.add(repair());
    this.#repairs = [];
    try {
      for (const entry of request.setup) void sent.add(this.#setUp(entry));
      if (request.capturePrintk) await sent.done();
      const outcomes = this.#runSteps(request, sent);
      await outcomes.catch(() => undefined);
      // In the order of sending: an entry that cannot be set is the cause, what the packet met then is not.
      await sent.done();
      const last = (await outcomes).at(-1)?.maps;
      for (const map of this.#compared()) this.#repairs.push(...this.#restore(map, last?.get(map.info.name)?.page));
      return await outcomes;
    } catch (error) {
      await sent.ended();
      // Where something failed on the way nobody knows what is to be restored.
      await this.#reload();
      throw error;
    }
  }

  #setUp({ map: name, key, value }: TestRequest['setup'][number]): Promise<unknown> {
    const map = this.#mapNamed(name);
    if (map.restoring === 'undo') this.#repairs.push(() => this.#client.call('map/delete', { map: map.ref, key }));
    return this.#client.call('map/update', { map: map.ref, key, value, flags: 0 });
  }

  async #runSteps({ steps, capturePrintk }: TestRequest, sent: Sent): Promise<StepOutcome[]> {
    const outcomes: Promise<StepOutcome>[] = [];
    for (const [index, step] of steps.entries()) {
      const reply = sent.add(this.#runOnce(step, capturePrintk));
      // A run that captures what is printed waits for it: what follows must wait, too.
      if (capturePrintk) await reply;
      const isLast = index === steps.length - 1;
      const wanted = new Set([
        ...step.readMaps.map((name) => this.#mapNamed(name)),
        ...(isLast ? this.#compared() : []),
      ]);
      const reads = [...wanted].map(async (map) => [map.info.name, await this.#read(map)] as const);
      const snapshots = Promise.all(reads);
      outcomes.push(sent.add(Promise.all([reply, snapshots]).then(([run, maps]) => outcomeOf(run, new Map(maps)))));
    }
    return await Promise.all(outcomes);
  }

  // Async, so that a context that is refused here fails like one that is refused there.
  async #runOnce({ packet, context }: StepRequest, capturePrintk: boolean): Promise<TestRunReply> {
    return await testRun(
      this.#client,
      this.#loaded,
      { program: this.#program, packet, context },
      { repeat: 1, capturePrintk },
    );
  }

  #compared(): KernelMap[] {
    return [...this.#maps.values()].filter((map) => map.restoring === 'compare');
  }

  #mapNamed(name: string): KernelMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new XdpError('map-not-found', `The program has no map named ${name}.`);
    return map;
  }

  async #read(map: KernelMap): Promise<MapSnapshot> {
    const { schema } = map;
    if (!isListable(map.info.type))
      return { schema, page: { problem: `the kernel does not list what a ${map.info.type} holds.` } };
    const page = await readMap(this.#client, map.ref, { maxEntries: maxReadEntries });
    return { schema, page: page.truncated ? { problem: `it has more than ${maxReadEntries} entries.` } : page };
  }

  #restore({ ref, schema, initial }: KernelMap, now: MapSnapshot['page'] | undefined): (() => Promise<unknown>)[] {
    if (initial === undefined || now === undefined || 'problem' in now) return [];
    return changesSince(schema, initial, now).map(
      ({ key, before }) =>
        () =>
          before === undefined
            ? this.#client.call('map/delete', { map: ref, key })
            : this.#client.call('map/update', { map: ref, key, value: before, flags: 0 }),
    );
  }

  async #reload(): Promise<void> {
    const old = this.#loaded.object;
    const state = await load(this.#client, this.#object, this.#program);
    this.#loaded = state.loaded;
    this.#maps = state.maps;
    this.#repairs = [];
    await this.#client.call('object/close', { object: old });
  }
}

interface InstanceState {
  loaded: LoadedObject;
  maps: Map<string, KernelMap>;
}

async function load(client: HelperClient, object: BpfObject, program: string): Promise<InstanceState> {
  const loaded = await client.call('object/load', {
    elf: object.elf,
    name: object.name,
    programs: [program],
  });
  try {
    const opened = loaded.maps.map((info) => openLoadedMap(client, object, info));
    const kinds = opened.map(restoringOf);
    const bytes = opened.reduce((sum, map, index) => sum + (kinds[index] === 'compare' ? pageBytes(map.schema) : 0), 0);
    const maps = opened.map(async (map, index): Promise<[string, KernelMap]> => {
      const restoring = kinds[index] === 'compare' && bytes > maxRestoredBytes ? 'reload' : (kinds[index] ?? 'none');
      const listed = isListable(map.info.type) && restoring === 'compare';
      const initial = listed ? await readMap(client, map.ref, { maxEntries: maxReadEntries }) : undefined;
      return [map.info.name, { ...map, restoring, initial }];
    });
    return { loaded, maps: new Map(await Promise.all(maps)) };
  } catch (error) {
    await client.call('object/close', { object: loaded.object });
    throw error;
  }
}

function restoringOf({ info, schema }: OpenMap): Restoring {
  if (info.frozen) return 'none';
  switch (info.type) {
    case 'array':
    case 'percpu_array':
      return hasHiddenState(schema.value) ? 'reload' : 'compare';
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
    case 'lpm_trie':
      return hasHiddenState(schema.value) || info.maxEntries > maxRestoredEntries ? 'reload' : 'compare';
    case 'devmap':
    case 'devmap_hash':
    case 'cpumap':
      return 'undo';
    case 'prog_array':
    case 'array_of_maps':
    case 'hash_of_maps':
    case 'perf_event_array':
    case 'xskmap':
      return 'none';
    default:
      return 'reload';
  }
}

/** Timers, lists and trees of the kernel (`struct bpf_timer`, …): user space sees zeros there. A bpf_spin_lock is free again. */
function hasHiddenState(layout: Layout | undefined): boolean {
  switch (layout?.kind) {
    case 'struct':
    case 'union':
      return (
        (layout.name.startsWith('bpf_') && layout.name !== 'bpf_spin_lock') ||
        layout.fields.some((field) => hasHiddenState(field.layout))
      );
    case 'array':
      return hasHiddenState(layout.element);
    default:
      return false;
  }
}

/** Arrays are read whole, however little is in them. */
function pageBytes(schema: MapSchema): number {
  return /array/.test(schema.type) ? schema.maxEntries * (schema.keySize + entryValueBytes(schema)) : 0;
}

/** Like diffPages; arrays hold the same keys in the same places, and may be large. */
function changesSince(schema: MapSchema, before: RawPage, now: RawPage): { key: Uint8Array; before?: Uint8Array }[] {
  if (!/array/.test(schema.type) || before.count !== now.count) return diffPages(schema, before, now);
  if (Buffer.compare(before.values, now.values) === 0) return [];
  const size = entryValueBytes(schema);
  const changes: { key: Uint8Array; before: Uint8Array }[] = [];
  for (let at = 0; at < before.values.length; at++) {
    if (before.values[at] === now.values[at]) continue;
    const index = Math.floor(at / size);
    changes.push({ key: keyAt(schema, before, index), before: valueAt(schema, before, index) });
    at = (index + 1) * size - 1;
  }
  return changes;
}

/** Calls on their way. A failure is reported by done(), in the order of sending, and by nothing else. */
class Sent {
  readonly #calls: Promise<unknown>[] = [];

  add<T>(call: Promise<T>): Promise<T> {
    call.catch(() => undefined);
    this.#calls.push(call);
    return call;
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }

  async done(): Promise<void> {
    for (const result of await Promise.allSettled(this.#calls)) if (result.status === 'rejected') throw result.reason;
  }
}

function outcomeOf(reply: TestRunReply, maps: StepOutcome['maps']): StepOutcome {
  const { packetOut, metadataOut } = splitOutput(reply);
  const printk = reply.printk ?? { problem: reply.printkProblem ?? 'it was not captured' };
  return { retval: reply.retval, packetOut, metadataOut, printk, maps };
}
