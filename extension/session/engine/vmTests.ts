import { XdpError } from '../../core/errors.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import type { Inputs } from '../../core/vm/helpers/world.ts';
import type { LinkedObject } from '../../core/vm/link/linkedObject.ts';
import { Machine, type MachineOptions } from '../../core/vm/machine.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable } from '../maps/maps.ts';
import type {
  StepOutcome,
  StepRequest,
  TestEngine,
  TestInstance,
  TestOutcome,
  TestRequest,
} from '../packetTest/engine.ts';
import { faultError, inputsOf, linkForVm, openVmMap, requestOf } from './vm.ts';
import { eventsOf, mapNamed, setUp, systemInterfaceIndex, valueIn } from './vmMaps.ts';

/** Called with the machine of a test that has ended, which has counted its blocks. */
export type OnCounted = (machine: Machine, program: string) => void;

/** What runs in place of the object as it is linked for this machine. */
export interface RunInstead {
  linked: LinkedObject;
  machine: Pick<MachineOptions, 'stackBytes' | 'maxFrames' | 'fuel'>;
}

/** Instructions: about a millisecond of the interpreter, and ten times what a compiled machine takes to start. */
const longRun = 100_000;

/** Runs packet tests in the built-in machine: no kernel, no privilege. `inputs`: what every test finds at its start. */
export function vmTestEngine(
  possibleCpus: readonly number[] = [0],
  inputs: Inputs = {},
  onCounted?: OnCounted,
  instead?: RunInstead,
): TestEngine {
  return {
    open: (object, program) =>
      Promise.resolve().then(() => new VmInstance(object, program, possibleCpus, { inputs, onCounted, instead })),
    interfaceIndex: systemInterfaceIndex,
  };
}

class VmInstance implements TestInstance {
  readonly schemas: ReadonlyMap<string, MapSchema>;
  readonly #object: BpfObject;
  readonly #program: string;
  readonly #inputs: Inputs;
  readonly #possibleCpus: readonly number[];
  readonly #onCounted: OnCounted | undefined;
  readonly #machine: RunInstead['machine'];
  readonly #linked: LinkedObject;
  /** Compiling pays where programs run long: once a test has, the next ones are compiled. Both engines come to the same results. */
  #engine: 'interpreter' | 'wasm' = 'interpreter';
  /** Never run: its maps are what fresh ones hold. */
  readonly #fresh: Machine;

  constructor(
    object: BpfObject,
    program: string,
    possibleCpus: readonly number[],
    how: { inputs: Inputs; onCounted: OnCounted | undefined; instead: RunInstead | undefined },
  ) {
    this.#inputs = how.inputs;
    this.#onCounted = how.onCounted;
    this.#machine = how.instead?.machine ?? {};
    this.#object = object;
    this.#program = program;
    this.#possibleCpus = possibleCpus;
    this.#linked = how.instead?.linked ?? linkForVm(object, possibleCpus);
    this.#fresh = this.#start();
    this.schemas = new Map(
      this.#fresh.maps.map((map) => [map.definition.name, openVmMap(object, map, possibleCpus).schema]),
    );
  }

  initialValue(name: string, key: Uint8Array): Uint8Array | undefined {
    const schema = this.schemas.get(name);
    return schema === undefined ? undefined : valueIn(this.#fresh, schema, key);
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
      try {
        for (const step of steps) done.push(this.#runStep(machine, step));
      } finally {
        this.#onCounted?.(machine, this.#program);
      }
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
    if (run.insnsExecuted > longRun) this.#engine = 'wasm';
    const { retval, packetOut, metadataOut, printk } = run;
    const maps = new Map(readMaps.map((name) => [name, this.#snapshot(machine, name)]));
    return { retval, packetOut, metadataOut, printk, maps, events: eventsOf(machine, run) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #start(): Machine {
    const counting =
      this.#onCounted === undefined ? { engine: this.#engine } : ({ engine: 'wasm', coverage: true } as const);
    const options = { cpuCount: this.#possibleCpus.length, inputs: this.#inputs, ...this.#machine, ...counting };
    return new Machine(this.#linked, options);
  }

  #snapshot(machine: Machine, name: string): MapSnapshot {
    const map = mapNamed(machine, name);
    const schema = this.schemas.get(name) ?? openVmMap(this.#object, map, this.#possibleCpus).schema;
    if (isListable(schema.type)) return { schema, page: map.read() };
    return { schema, page: { problem: `what a ${schema.type} holds cannot be listed.` } };
  }
}
