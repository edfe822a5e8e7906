import { XdpError } from '../../core/errors.ts';
import { decodeEntry, entryValueBytes, keyAt, keyText, type RawPage, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import type { EventSnapshot } from '../../core/packetTest/matchEvents.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import { actionName } from '../../core/xdp.ts';
import { isListable } from '../maps/maps.ts';
import type {
  EngineDifference,
  StepOutcome,
  TestEngine,
  TestInstance,
  TestOutcome,
  TestRequest,
} from '../packetTest/engine.ts';

/** Reading and comparing larger maps after every packet would take longer than everybody's patience. Bytes. */
const maxComparedBytes = 1 << 20;
/** What these hold are numbers that an engine gives out: of programs, of maps. */
const referenceTypes = new Set(['prog_array', 'array_of_maps', 'hash_of_maps']);

/**
 * Runs every test in the kernel and in the built-in machine, and compares what each packet did: action, bytes, metadata, events
 * and all maps. Outcomes are the kernel's. Where one engine cannot run what the other can, the problem names it in
 * `details.engine`. `cpu`: both run there where a test asks for none.
 */
export function bothTestEngine(kernel: TestEngine, vm: TestEngine, cpu: number): TestEngine {
  return {
    interfaceIndex: (name) => kernel.interfaceIndex(name),
    async open(object, program, others) {
      const ours = await kernel.open(object, program, others);
      try {
        return new BothInstance(ours, await vm.open(object, program, others), cpu);
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
  readonly #vm: TestInstance;
  readonly #cpu: number;

  constructor(kernel: TestInstance, vm: TestInstance, cpu: number) {
    this.schemas = kernel.schemas;
    this.#kernel = kernel;
    this.#vm = vm;
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
    const vm = await this.#vm.runTests(widened);
    return kernel.map((outcome, index) => together(outcome, vm[index]));
  }

  measure(request: TestRequest, runs: { repeat: number; batches: number }): Promise<number[]> {
    return this.#kernel.measure?.(request, runs) ?? Promise.resolve([]);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#kernel.close(), this.#vm.close()]);
  }
}

function isComparable(schema: MapSchema): boolean {
  const bytes = schema.maxEntries * (schema.keySize + entryValueBytes(schema));
  return isListable(schema.type) && !referenceTypes.has(schema.type) && bytes <= maxComparedBytes;
}

function together(kernel: TestOutcome, vm: TestOutcome | undefined): TestOutcome {
  if (kernel.problem !== undefined) {
    // What neither can run is wrong with the test.
    return vm?.problem === undefined ? { ...kernel, problem: ofEngine('kernel', kernel.problem) } : kernel;
  }
  if (vm?.problem !== undefined) return { ...kernel, problem: ofEngine('vm', vm.problem) };
  const several = kernel.steps.length > 1;
  const differences = kernel.steps.flatMap((step, index) => {
    const other = vm?.steps[index];
    if (other === undefined) return [];
    const found = compareSteps(step, other);
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

function compareSteps(kernel: StepOutcome, vm: StepOutcome): EngineDifference[] {
  const differences: EngineDifference[] = [];
  const compare = (what: string, a: Value, b: Value): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) differences.push({ what, kernel: a, vm: b });
  };
  compare('action', actionName(kernel.retval), actionName(vm.retval));
  compare('packetOut', toHex(kernel.packetOut), toHex(vm.packetOut));
  compare('metadataOut', toHex(kernel.metadataOut), toHex(vm.metadataOut));
  for (const [name, snapshot] of kernel.maps) {
    const other = vm.maps.get(name);
    if (other !== undefined) differences.push(...compareMaps(name, snapshot, other));
  }
  for (const [name, snapshot] of kernel.events) {
    const other = vm.events.get(name);
    if (other === undefined || snapshot.problem !== undefined) continue;
    const [ours, theirs] = recordTexts(snapshot, other);
    compare(`events.${name}`, ours, theirs);
  }
  return differences;
}

/** Entries as values, not as bytes: padding of a struct on the stack holds what was there before, which means nothing. */
function compareMaps(name: string, kernel: MapSnapshot, vm: MapSnapshot): EngineDifference[] {
  const { schema, page } = kernel;
  if ('problem' in page || 'problem' in vm.page || !isComparable(schema)) return [];
  const ours = entriesOf(schema, page);
  const theirs = entriesOf(schema, vm.page);
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((key) => {
    const [a, b] = [ours.get(key), theirs.get(key)];
    if (a?.text === b?.text) return [];
    const what = `maps.${name}[${JSON.stringify(decodeValue(schema.key, (a ?? b)?.key ?? new Uint8Array(0)))}]`;
    return { what, kernel: a?.value ?? null, vm: b?.value ?? null };
  });
}

function entriesOf(schema: MapSchema, page: RawPage): Map<string, { key: Uint8Array; value: Value; text: string }> {
  const entries = new Map<string, { key: Uint8Array; value: Value; text: string }>();
  for (let at = 0; at < page.count; at++) {
    const key = keyAt(schema, page, at);
    const entry = decodeEntry(schema, key, valueAt(schema, page, at));
    const value = entry.values ?? entry.value ?? null;
    entries.set(keyText(key), { key, value, text: JSON.stringify(value) });
  }
  return entries;
}

/** The kernel pads perf events, with whatever its buffer held: only what both have is compared. */
function recordTexts(kernel: EventSnapshot, vm: EventSnapshot): [string[], string[]] {
  const maxPadding = kernel.type === 'perf_event_array' ? 7 : 0;
  const ours = kernel.records.map(({ data }, index) => {
    const length = vm.records[index]?.data.length ?? data.length;
    const padding = data.length - length;
    return toHex(padding >= 0 && padding <= maxPadding ? data.subarray(0, length) : data);
  });
  return [ours, vm.records.map(({ data }) => toHex(data))];
}
