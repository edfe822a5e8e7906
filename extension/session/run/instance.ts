import { diffPages, indexByKey, keyText, type RawPage, valueAt } from '../../core/maps/entries.ts';
import { XdpError } from '../../core/errors.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import { isEventMap } from '../../core/packetTest/matchEvents.ts';
import { errorOfHelper, type HelperClient } from '../../kernel/client.ts';
import type { LoadedObject, TestRunReply, TestStepReply } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable, type OpenMap, openLoadedMap, openMap, readMap } from '../maps/maps.ts';
import { encodeSetup, programsInSetups } from '../packetTest/setup.ts';
import { inputOf, type RunContext } from './input.ts';
import { interfaceIndexes } from './interfaces.ts';
import type { EventsOfRun, MapChanges } from './run.ts';
import { writesOf } from './writes.ts';

/** More entries than this are not compared: a test run touches few, and reading costs. */
const comparedEntries = 100_000;

/** What an attachment of this session is known by. */
export interface LiveProgram {
  client: HelperClient;
  loaded: LoadedObject;
  object: BpfObject;
  program: string;
}

/** A loaded program that packets are run on, with its maps. */
export class RunInstance {
  readonly client: HelperClient;
  readonly maps: readonly OpenMap[];
  readonly #loaded: LoadedObject;
  readonly #program: string;
  #borrowed = false;

  private constructor(client: HelperClient, loaded: LoadedObject, program: string, maps: readonly OpenMap[]) {
    this.client = client;
    this.#loaded = loaded;
    this.#program = program;
    this.maps = maps;
  }

  /** On maps of its own, with `setups` in them. The caller closes it. */
  static async fresh(
    client: HelperClient,
    object: BpfObject,
    { program, setups = [] }: { program: string; setups?: readonly MapSetup[] },
  ): Promise<RunInstance> {
    const others = programsInSetups(object, [{ maps: [...setups] }]).filter((name) => name !== program);
    const programs = [program, ...others];
    const loaded = await client.call('object/load', { elf: object.elf, name: object.name, programs });
    const maps = loaded.maps.map((map) => openLoadedMap(client, object, map));
    const instance = new RunInstance(client, loaded, program, maps);
    try {
      await instance.#setUp(object, setups);
      return instance;
    } catch (error) {
      await instance.close();
      throw error;
    }
  }

  /** A program that this session loaded and attached: its maps are those that live traffic counts in. close() leaves it. */
  static live({ client, loaded, object, program }: LiveProgram): RunInstance {
    const maps = loaded.maps.map((map) => openLoadedMap(client, object, map));
    const instance = new RunInstance(client, loaded, program, maps);
    instance.#borrowed = true;
    return instance;
  }

  /** The program with this id itself, whoever loaded it: its maps are those that live traffic counts in. Needs the system profile. */
  static async attached(client: HelperClient, programId: number): Promise<RunInstance> {
    const loaded = await client.call('program/open', { id: programId });
    try {
      const maps: OpenMap[] = [];
      for (const { id } of loaded.maps) maps.push(await openMap(client, { id }));
      return new RunInstance(client, loaded, loaded.programs[0]?.name ?? '', maps);
    } catch (error) {
      await client.call('object/close', { object: loaded.object });
      throw error;
    }
  }

  get program(): string {
    return this.#program;
  }

  async #setUp(object: BpfObject, setups: readonly MapSetup[]): Promise<void> {
    if (setups.length === 0) return;
    const pages = new Map<string, RawPage>();
    for (const { name } of setups) {
      const map = this.#mapNamed(name);
      if (isListable(map.info.type)) pages.set(name, await this.#read(map));
    }
    const schemas = new Map(this.maps.map(({ info, schema }) => [info.name, schema]));
    const initialValue = (name: string, key: Uint8Array): Uint8Array | undefined => {
      const [schema, page] = [schemas.get(name), pages.get(name)];
      const at = schema && page ? indexByKey(schema, page).get(keyText(key)) : undefined;
      return schema && page && at !== undefined ? valueAt(schema, page, at) : undefined;
    };
    const setting = {
      object,
      instance: { schemas, initialValue },
      engine: { interfaceIndex: interfaceIndexes(this.client) },
    };
    const encoded = [];
    for (const { name, entries } of setups) {
      for (const entry of entries) encoded.push(await encodeSetup(entry, this.#mapNamed(name).schema, setting));
    }
    const mapNamed = (name: string): OpenMap['info'] => this.#mapNamed(name).info;
    for (const { map: id, key, value } of await writesOf(this.client, { loaded: this.#loaded, mapNamed }, encoded)) {
      if (value !== undefined) await this.client.call('map/update', { map: { id }, key, value, flags: 0 });
    }
  }

  #mapNamed(name: string): OpenMap {
    const map = this.maps.find(({ info }) => info.name === name);
    if (map !== undefined) return map;
    const known = this.maps.map(({ info }) => info.name);
    throw new XdpError('map-not-found', `The program has no map named ${name}.`, {
      fix: `It has: ${known.join(', ')}.`,
    });
  }

  /** One run, with what it printed and the events that it wrote. */
  run(packet: Uint8Array, context: RunContext, how: { capturePrintk: boolean }): Promise<TestRunReply> {
    const events = this.#eventMaps;
    return this.client.call('program/testRun', {
      ...this.#target,
      ...inputOf(packet, context),
      repeat: 1,
      events,
      ...how,
    });
  }

  /** Packets in turn, each once, in one message; one that the kernel refuses has its error. */
  async runMany(packets: readonly Uint8Array[], context: RunContext): Promise<(TestStepReply | XdpError)[]> {
    const replies: (TestStepReply | XdpError)[] = [];
    while (replies.length < packets.length) {
      const steps = packets.slice(replies.length).map((packet) => ({ ...inputOf(packet, context), reads: [] }));
      const { tests } = await this.client.call('program/runTests', {
        ...this.#target,
        tests: [{ writes: [], steps, capturePrintk: false }],
        events: this.#eventMaps,
        undo: [],
        readLimit: 0,
      });
      const [done] = tests;
      if (done === undefined) throw new XdpError('helper-protocol', 'The helper ran no packet.');
      replies.push(...done.steps);
      if (done.error !== undefined) replies.push(errorOfHelper(done.error));
    }
    return replies;
  }

  get #eventMaps(): number[] {
    return this.maps.filter(({ info }) => isEventMap(info.type)).map(({ info }) => info.id);
  }

  /** The kernel's mean of `repeat` runs, in nanoseconds. */
  async time(packet: Uint8Array, context: RunContext, repeat: number): Promise<number> {
    const how = { repeat, capturePrintk: false };
    return (await this.client.call('program/testRun', { ...this.#target, ...inputOf(packet, context), ...how }))
      .durationNs;
  }

  get #target(): { object: number; program: string } {
    return { object: this.#loaded.object, program: this.#program };
  }

  /** Live frames: see program/runLive of the helper's contract. */
  live(
    packet: Uint8Array,
    context: RunContext,
    how: { frames: number; batch?: number },
  ): Promise<{ durationNs: number; elapsedNs: bigint }> {
    const { data, ctx = new Uint8Array(24) } = inputOf(packet, { linearBytes: packet.length, ...context });
    return this.client.call('program/runLive', { ...this.#target, data, ctx, ...how });
  }

  /** What every map that can be listed holds now. */
  async snapshot(): Promise<ReadonlyMap<string, RawPage>> {
    const pages = new Map<string, RawPage>();
    for (const map of this.maps) if (isListable(map.info.type)) pages.set(map.info.name, await this.#read(map));
    return pages;
  }

  #read(map: OpenMap): Promise<RawPage> {
    return readMap(this.client, map.ref, { maxEntries: comparedEntries });
  }

  changes(before: ReadonlyMap<string, RawPage>, after: ReadonlyMap<string, RawPage>): MapChanges[] {
    return this.maps.flatMap((map) => {
      const [was, is] = [before.get(map.info.name), after.get(map.info.name)];
      const changes = was && is ? diffPages(map.schema, was, is) : [];
      return changes.length === 0 ? [] : [{ map, changes }];
    });
  }

  /** The events of a reply, by the names of the maps; of those only that got any, or cannot be read. */
  eventsOf(reply: Pick<TestRunReply, 'events'>): EventsOfRun[] {
    return (reply.events ?? []).flatMap(({ map: id, records, lost, problem }) => {
      const map = this.maps.find(({ info }) => info.id === id);
      if (map === undefined || (records.length === 0 && lost === 0 && problem === undefined)) return [];
      return { map: map.info.name, type: map.info.type, records, lost, ...(problem === undefined ? {} : { problem }) };
    });
  }

  async close(): Promise<void> {
    if (this.#borrowed) return;
    await this.client.call('object/close', { object: this.#loaded.object });
  }
}
