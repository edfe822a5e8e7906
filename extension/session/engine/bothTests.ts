import { XdpError } from '../../core/errors.ts';
import { decodeEntry, entryValueBytes, keyAt, keyText, type RawPage, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import type { EventSnapshot } from '../../core/packetTest/matchEvents.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import { actionName } from '../../core/xdp.ts';
import { isListable } from '../maps/maps.ts';
import { equalBytes } from '../run/input.ts';
import type {
  EngineDifference,
  StepOutcome,
  TestEngine,
  TestInstance,
  TestOutcome,
  TestRequest,
} from '../packetTest/engine.ts';
import { vmTestEngine } from './vmTests.ts';

/** Reading and comparing larger maps after every packet would take longer than everybody's patience. Bytes. */
const maxComparedBytes = 1 << 20;
/** What these hold are numbers that an engine gives out: of programs, of maps. */
const referenceTypes = new Set(['prog_array', 'array_of_maps', 'hash_of_maps']);

/** The built-in machine as it is, and at other times with other random numbers. */
export interface Machines {
  vm: TestEngine;
  /** Several: bytes that are made of time or chance may be the same in two of them. */
  shifted: readonly TestEngine[];
}

export function machinesToCompare(possibleCpus: readonly number[]): Machines {
  // About what the kernel's clock says, where programs that compare times go the same ways, and hours later.
  const hour = 3_600_000_000_000n;
  const shifted = [0n, 5n, 11n].map((hours, index) =>
    vmTestEngine(possibleCpus, {
      clockNs: process.hrtime.bigint() + hours * hour,
      clockStepNs: 1713n + 100n * hours,
      randomSeed: 20_261_125 + 7919 * index,
    }),
  );
  return { vm: vmTestEngine(possibleCpus), shifted };
}

/**
 * Runs every test in the kernel and in the built-in machine, and compares what each packet did: action, bytes, metadata, events
 * and all maps. What depends on time or chance is left out: it is where the machine itself comes to two results. Outcomes are
 * the kernel's. Where one engine cannot run what the other can, the problem names it in `details.engine`. `cpu`: all run
 * there where a test asks for none.
 */
export function bothTestEngine(kernel: TestEngine, { vm, shifted }: Machines, cpu: number): TestEngine {
  return {
    interfaceIndex: (name) => kernel.interfaceIndex(name),
    async open(object, program, others) {
      const ours = await kernel.open(object, program, others);
      try {
        const machines: TestInstance[] = [];
        for (const each of [vm, ...shifted]) machines.push(await each.open(object, program, others));
        return new BothInstance(ours, machines, cpu);
      } catch (error) {
        await ours.close();
        throw error instanceof XdpError ? ofEngine('vm', error) : error;
      }
    },
  };
}

class BothInstance implements TestInstance {
  readonly schemas: ReadonlyMap<string, MapSchema>;
  readonly #kernel: TestInstance;
  readonly #machines: readonly TestInstance[];
  readonly #cpu: number;

  constructor(kernel: TestInstance, machines: readonly TestInstance[], cpu: number) {
    this.schemas = kernel.schemas;
    this.#kernel = kernel;
    this.#machines = machines;
    this.#cpu = cpu;
  }

  initialValue(map: string, key: Uint8Array): Uint8Array | undefined {
    return this.#kernel.initialValue(map, key);
  }

  async runTests(requests: readonly TestRequest[]): Promise<TestOutcome[]> {
    const compared = [...this.schemas.values()].filter(isComparable).map(({ name }) => name);
    const widened = requests.map((request) => ({
      ...request,
      steps: request.steps.map((step) => ({
        ...step,
        context: { cpu: this.#cpu, ...step.context },
        readMaps: [...new Set([...step.readMaps, ...compared])],
      })),
    }));
    const kernel = await this.#kernel.runTests(widened);
    const machines: TestOutcome[][] = [];
    for (const machine of this.#machines) machines.push(await machine.runTests(widened));
    return kernel.map((outcome, index) =>
      together(
        outcome,
        machines.flatMap((each) => each[index] ?? []),
      ),
    );
  }

  measure(request: TestRequest, runs: { repeat: number; batches: number }): Promise<number[]> {
    return this.#kernel.measure?.(request, runs) ?? Promise.resolve([]);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#kernel, ...this.#machines].map((each) => each.close()));
  }
}

function isComparable(schema: MapSchema): boolean {
  const bytes = schema.maxEntries * (schema.keySize + entryValueBytes(schema));
  return isListable(schema.type) && !referenceTypes.has(schema.type) && bytes <= maxComparedBytes;
}

/** `machines`: the machine as it is, then the others. */
function together(kernel: TestOutcome, [vm, ...shifted]: readonly TestOutcome[]): TestOutcome {
  if (kernel.problem !== undefined) {
    // What neither can run is wrong with the test.
    return vm?.problem === undefined ? { ...kernel, problem: ofEngine('kernel', kernel.problem) } : kernel;
  }
  if (vm?.problem !== undefined) return { ...kernel, problem: ofEngine('vm', vm.problem) };
  const several = kernel.steps.length > 1;
  const differences = kernel.steps.flatMap((step, index) => {
    const other = vm?.steps[index];
    if (other === undefined) return [];
    const found = compareSteps(
      step,
      other,
      shifted.flatMap(({ steps }) => steps[index] ?? []),
    );
    return several ? found.map((each) => ({ ...each, what: `packets[${index}].${each.what}` })) : found;
  });
  return { ...kernel, durationMs: kernel.durationMs + (vm?.durationMs ?? 0), differences };
}

function ofEngine(engine: 'kernel' | 'vm', error: XdpError): XdpError {
  const name = engine === 'vm' ? 'built-in machine' : 'kernel';
  return new XdpError(error.code, `The ${name} could not run it: ${error.message}`, {
    ...(error.fix === undefined ? {} : { fix: error.fix }),
    details: { ...error.details, engine },
    cause: error,
  });
}

/** `shifted`: what the machine makes of it at other times. */
function compareSteps(kernel: StepOutcome, vm: StepOutcome, shifted: readonly StepOutcome[]): EngineDifference[] {
  const differences: EngineDifference[] = [];
  const [ours, theirs] = [actionName(kernel.retval), actionName(vm.retval)];
  const verdicts = shifted.map(({ retval }) => actionName(retval));
  if (differ(ours, theirs, verdicts)) differences.push({ what: 'action', kernel: ours, vm: theirs });
  const compare = (what: string, of: (step: StepOutcome) => Uint8Array): void => {
    const [a, b] = [of(kernel), of(vm)];
    if (bytesDiffer(a, b, shifted.map(of))) differences.push({ what, kernel: toHex(a), vm: toHex(b) });
  };
  compare('packetOut', ({ packetOut }) => packetOut);
  compare('metadataOut', ({ metadataOut }) => metadataOut);
  for (const [name, snapshot] of kernel.maps) {
    const other = vm.maps.get(name);
    const third = shifted.flatMap(({ maps }) => maps.get(name) ?? []);
    if (other !== undefined) differences.push(...compareMaps(name, snapshot, other, third));
  }
  for (const [name, snapshot] of kernel.events) {
    if (snapshot.problem !== undefined) continue;
    const recordsOf = ({ events }: StepOutcome): Uint8Array[] => recordBytes(events.get(name), vm.events.get(name));
    const [records, others] = [recordsOf(vm), shifted.map(recordsOf)];
    // Whether there is an event may depend on time, too.
    if (others.some(({ length }) => length !== records.length)) continue;
    const got = recordsOf(kernel);
    const same =
      got.length === records.length &&
      got.every(
        (data, at) =>
          !bytesDiffer(
            data,
            records[at] ?? data,
            others.flatMap((each) => each[at] ?? []),
          ),
      );
    if (!same) differences.push({ what: `events.${name}`, kernel: got.map(toHex), vm: records.map(toHex) });
  }
  return differences;
}

/** Where the machine comes to one result at any time, the kernel must come to it too: down to bytes. */
function bytesDiffer(kernel: Uint8Array, vm: Uint8Array, shifted: readonly Uint8Array[]): boolean {
  if (equalBytes(kernel, vm)) return false;
  if (shifted.some(({ length }) => length !== vm.length)) return false;
  if (kernel.length !== vm.length) return true;
  return vm.some((byte, at) => byte !== kernel[at] && shifted.every((each) => each[at] === byte));
}

/** The same for values: down to fields. */
function differ(kernel: Value, vm: Value, shifted: readonly Value[]): boolean {
  const text = JSON.stringify(vm);
  if (JSON.stringify(kernel) === text) return false;
  if (Array.isArray(vm)) {
    const others = shifted.filter((each) => Array.isArray(each));
    if (others.length < shifted.length || others.some(({ length }) => length !== vm.length)) return false;
    if (!Array.isArray(kernel) || kernel.length !== vm.length) return true;
    return kernel.some((each, at) =>
      differ(
        each,
        vm[at] ?? null,
        others.map((other) => other[at] ?? null),
      ),
    );
  }
  if (isRecord(vm) && isRecord(kernel)) {
    const others = shifted.filter(isRecord);
    return Object.keys(kernel).some((name) =>
      differ(
        kernel[name] ?? null,
        vm[name] ?? null,
        others.map((other) => other[name] ?? null),
      ),
    );
  }
  return shifted.every((each) => JSON.stringify(each) === text);
}

/** Entries as values, not as bytes: padding of a struct on the stack holds what was there before, which means nothing. */
function compareMaps(
  name: string,
  kernel: MapSnapshot,
  vm: MapSnapshot,
  shifted: readonly MapSnapshot[],
): EngineDifference[] {
  const { schema, page } = kernel;
  if ('problem' in page || 'problem' in vm.page || !isComparable(schema)) return [];
  // As a rule: large arrays of which a test touches little are not to be decoded for nothing.
  if (Buffer.compare(page.keys, vm.page.keys) === 0 && Buffer.compare(page.values, vm.page.values) === 0) return [];
  const ours = entriesOf(schema, page);
  const theirs = entriesOf(schema, vm.page);
  const others = shifted.flatMap((each) => ('problem' in each.page ? [] : entriesOf(schema, each.page)));
  // Keys that are made of time or chance are others in each of them, and in the kernel again others.
  const sameKeys = others.every(
    (each) => each.size === theirs.size && [...theirs.keys()].every((key) => each.has(key)),
  );
  const valuesFor = (key: string): Value[] => others.map((each) => each.get(key)?.value ?? null);
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((key) => {
    const [a, b] = [ours.get(key), theirs.get(key)];
    const differs = a === undefined || b === undefined ? sameKeys : differ(a.value, b.value, valuesFor(key));
    if (!differs) return [];
    const what = `maps.${name}[${JSON.stringify(decodeValue(schema.key, (a ?? b)?.key ?? new Uint8Array(0)))}]`;
    return { what, kernel: a?.value ?? null, vm: b?.value ?? null };
  });
}

function entriesOf(schema: MapSchema, page: RawPage): Map<string, { key: Uint8Array; value: Value }> {
  const entries = new Map<string, { key: Uint8Array; value: Value }>();
  for (let at = 0; at < page.count; at++) {
    const key = keyAt(schema, page, at);
    const entry = decodeEntry(schema, key, valueAt(schema, page, at));
    entries.set(keyText(key), { key, value: entry.values ?? entry.value ?? null });
  }
  return entries;
}

/** The kernel pads perf events, with whatever its buffer held: no more is compared than the machine has. */
function recordBytes(snapshot: EventSnapshot | undefined, vm: EventSnapshot | undefined): Uint8Array[] {
  const maxPadding = snapshot?.type === 'perf_event_array' ? 7 : 0;
  return (snapshot?.records ?? []).map(({ data }, index) => {
    const padding = data.length - (vm?.records[index]?.data.length ?? data.length);
    return padding > 0 && padding <= maxPadding ? data.subarray(0, data.length - padding) : data;
  });
}
