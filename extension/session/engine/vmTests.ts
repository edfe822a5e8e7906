import { readFileSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';
import { indexByKey, keyText, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { MapSnapshot } from '../../core/packetTest/matchMaps.ts';
import type { LinkedObject } from '../../core/vm/link/linkedObject.ts';
import { Machine } from '../../core/vm/machine.ts';
import type { BpfObject } from '../bpfObject.ts';
import { faultError, inputsOf, linkForVm, openVmMap, requestOf } from './vm.ts';
import { isListable } from '../maps/maps.ts';
import type { StepOutcome, TestEngine, TestInstance, TestRequest } from '../packetTest/engine.ts';

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
  async runTest({ setup, steps }: TestRequest): Promise<StepOutcome[]> {
    const machine = this.#start();
    for (const { map, key, value } of setup) setUp(machine, map, key, value);
    const outcomes: StepOutcome[] = [];
    for (const { packet, context, readMaps } of steps) {
      machine.setInputs(inputsOf(context, this.#possibleCpus));
      const run = machine.runXdp(requestOf(this.#program, packet, context));
      if (run.fault !== undefined) throw faultError(this.#object, run.fault);
      const maps = new Map(readMaps.map((name) => [name, this.#snapshot(machine, name)]));
      const { retval, packetOut, metadataOut, printk } = run;
      outcomes.push({ retval, packetOut, metadataOut, printk, maps });
    }
    return await Promise.resolve(outcomes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #start(): Machine {
    return new Machine(this.#linked, { cpuCount: this.#possibleCpus.length });
  }

  #snapshot(machine: Machine, name: string): MapSnapshot {
    const map = machine.map(name);
    const schema = this.schemas.get(name);
    if (map === undefined || schema === undefined) {
      throw new XdpError('map-not-found', `The program has no map named ${name}.`);
    }
    if (isListable(schema.type)) return { schema, page: map.read() };
    return { schema, page: { problem: `what a ${schema.type} holds cannot be listed.` } };
  }
}

function setUp(machine: Machine, name: string, key: Uint8Array, value: Uint8Array): void {
  const map = machine.map(name);
  if (map === undefined) throw new XdpError('map-not-found', `The program has no map named ${name}.`);
  const { keySize, type } = map.definition;
  const fits = key.length === keySize && value.length === map.userValueSize;
  const result = fits ? map.set(key, value) : undefined;
  if (result === 0) return;
  const why = result === undefined ? `its entries have ${keySize} and ${map.userValueSize} bytes` : `error ${result}`;
  throw new XdpError('map-write-failed', `An entry of ${name} (${type}) could not be set: ${why}.`, {
    details: { map: name },
  });
}
