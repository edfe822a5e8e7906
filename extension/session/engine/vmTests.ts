import { readFileSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';
import { indexByKey, keyText, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { EventSnapshot, EventSnapshots } from '../../core/packetTest/matchEvents.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import type { LinkedObject } from '../../core/vm/link/linkedObject.ts';
import { Machine, type XdpRun } from '../../core/vm/machine.ts';
import type { VmMap } from '../../core/vm/maps/map.ts';
import { RingBuffer } from '../../core/vm/maps/ringBuffer.ts';
import type { BpfObject } from '../bpfObject.ts';
import { faultError, inputsOf, linkForVm, openVmMap, requestOf } from './vm.ts';
import { isListable } from '../maps/maps.ts';
import type {
  StepOutcome,
  StepRequest,
  TestEngine,
  TestInstance,
  TestOutcome,
  TestRequest,
} from '../packetTest/engine.ts';

/** Runs packet tests in the built-in machine: no kernel, no privilege. */
export function vmTestEngine(possibleCpus: readonly number[] = [0]): TestEngine {
  return {
    open: (object, program) => Promise.resolve().then(() => new VmInstance(object, program, possibleCpus)),
    interfaceIndex: (name) => Promise.resolve().then(() => interfaceIndex(name)),
  };
}

/** Tests may name interfaces of this machine where it has any; a test that should run everywhere gives their numbers. */
function interfaceIndex(name: string): number {
  try {
    if (/^[^/]{1,15}$/.test(name)) return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
  } catch {
    // Said below.
  }
  throw new XdpError('interface-not-found', `There is no interface named ${name}.`, {
    fix: 'Give its number instead: for the built-in machine any number will do.',
  });
}

class VmInstance implements TestInstance {
  readonly schemas: ReadonlyMap<string, MapSchema>;
  readonly #object: BpfObject;
  readonly #program: string;
  readonly #possibleCpus: readonly number[];
  readonly #linked: LinkedObject;
  /** Never run: its maps are what fresh ones hold. */
  readonly #fresh: Machine;

  constructor(object: BpfObject, program: string, possibleCpus: readonly number[]) {
    this.#object = object;
    this.#program = program;
    this.#possibleCpus = possibleCpus;
    this.#linked = linkForVm(object, possibleCpus);
    this.#fresh = this.#start();
    this.schemas = new Map(
      this.#fresh.maps.map((map) => [map.definition.name, openVmMap(object, map, possibleCpus).schema]),
    );
  }

  initialValue(name: string, key: Uint8Array): Uint8Array | undefined {
    const schema = this.schemas.get(name);
    const page = this.#fresh.map(name)?.read();
    if (schema === undefined || page === undefined || !isListable(schema.type)) return undefined;
    const index = indexByKey(schema, page).get(keyText(key));
    return index === undefined ? undefined : valueAt(schema, page, index);
  }

  // Async, so that what fails fails as a promise.
  async runTests(requests: readonly TestRequest[]): Promise<TestOutcome[]> {
    return await Promise.resolve(requests.map((request) => this.#runTest(request)));
  }

  #runTest({ setup, steps }: TestRequest): TestOutcome {
    const startedMs = performance.now();
    const done: StepOutcome[] = [];
    let problem: XdpError | undefined;
    try {
      const machine = this.#start();
      for (const entry of setup) setUp(this.#object, machine, entry);
      for (const step of steps) done.push(this.#runStep(machine, step));
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      problem = error;
    }
    return { steps: done, problem, durationMs: performance.now() - startedMs };
  }

  #runStep(machine: Machine, { packet, context, readMaps }: StepRequest): StepOutcome {
    // As under the kernel's engine, which reads every ring buffer and perf event array.
    machine.setInputs({ ...inputsOf(context, this.#possibleCpus), perfReaders: true });
    const run = machine.runXdp(requestOf(this.#program, packet, context));
    if (run.fault !== undefined) throw faultError(this.#object, run.fault);
    const { retval, packetOut, metadataOut, printk } = run;
    const maps = new Map(readMaps.map((name) => [name, this.#snapshot(machine, name)]));
    return { retval, packetOut, metadataOut, printk, maps, events: eventsOf(machine, run) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #start(): Machine {
    return new Machine(this.#linked, { cpuCount: this.#possibleCpus.length });
  }

  #snapshot(machine: Machine, name: string): MapSnapshot {
    const map = mapNamed(machine, name);
    const schema = this.schemas.get(name) ?? openVmMap(this.#object, map, this.#possibleCpus).schema;
    if (isListable(schema.type)) return { schema, page: map.read() };
    return { schema, page: { problem: `what a ${schema.type} holds cannot be listed.` } };
  }
}

/** Puts an entry that a test asks for into its map. */
export function setUp(
  object: BpfObject,
  machine: Machine,
  { map: name, key, value }: TestRequest['setup'][number],
): void {
  const map = mapNamed(machine, name);
  if (value instanceof Uint8Array) return put(map, key, value);
  switch (value.kind) {
    case 'program':
      // The machine counts an object's programs from 1: see Machine.fillMaps().
      return put(map, key, reference([...machine.linked.programs.keys()].indexOf(value.program) + 1));
    case 'map':
      return put(map, key, reference(mapNamed(machine, value.map).number));
    case 'newMap': {
      const inner = machine.addMap(value.template, object.spec.btf);
      for (const entry of value.entries) put(inner, entry.key, entry.value);
      return put(map, key, reference(inner.number));
    }
  }
}

function reference(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(number).buffer);
}

function mapNamed(machine: Machine, name: string): VmMap {
  const map = machine.map(name);
  if (map !== undefined) return map;
  throw new XdpError('map-not-found', `The program has no map named ${name}.`);
}

function put(map: VmMap, key: Uint8Array, value: Uint8Array): void {
  const { name, keySize, type } = map.definition;
  const fits = key.length === keySize && value.length === map.userValueSize;
  const result = fits ? map.set(key, value) : undefined;
  if (result === 0) return;
  const why = result === undefined ? `its entries have ${keySize} and ${map.userValueSize} bytes` : `error ${result}`;
  throw new XdpError('map-write-failed', `An entry of ${name} (${type}) could not be set: ${why}.`, {
    details: { map: name },
  });
}

/** What each ring buffer and perf event array got from the run. */
function eventsOf(machine: Machine, run: XdpRun): EventSnapshots {
  return new Map(
    machine.maps.flatMap((map): [string, EventSnapshot][] => {
      const { name, type } = map.definition;
      if (map instanceof RingBuffer) {
        return [[name, { type: 'ringbuf', records: map.drain().map((data) => ({ data })), lost: 0 }]];
      }
      if (type !== 'perf_event_array') return [];
      return [[name, { type, records: run.perfEvents.filter((event) => event.map === name), lost: 0 }]];
    }),
  );
}
