import type { Btf } from '../btf/types.ts';
import { isPerCpu, roundUp8 } from '../maps/types.ts';
import type { LinkedObject } from '../vm/link/linkedObject.ts';
import { Machine, type MachineOptions, type XdpRequest } from '../vm/machine.ts';
import type { VmMap } from '../vm/maps/map.ts';
import { defaultIfindex, type Entry, type Input } from './input.ts';

/** A program to find packets for. */
export interface Target {
  linked: LinkedObject;
  btf: Btf | undefined;
  program: string;
  options: Pick<MachineOptions, 'cpuCount' | 'stackBytes' | 'maxFrames' | 'inputs'>;
}

/** Instructions that a run of the search may take: a search that waits for the longest loops finds nothing else. */
export const searchFuel = 1 << 20;
/** Of a run that is followed step by step, which takes a hundred times as long. */
export const traceBudget = 1 << 18;

export function requestFor({ program }: Target, input: Input): XdpRequest {
  const { packet, metadata, ingressIfindex, rxQueueIndex, linearBytes } = input;
  return {
    program,
    packet,
    metadata,
    ingressIfindex,
    rxQueueIndex,
    ...(linearBytes === undefined ? {} : { linearBytes }),
  };
}

/** A machine with nothing in its maps but what the object puts there. */
export function freshMachine({ linked, options }: Target, engine: 'interpreter' | 'wasm'): Machine {
  return new Machine(linked, { ...options, engine, coverage: engine === 'wasm', fuel: searchFuel });
}

/** Puts an input's entries into the maps. False when one does not fit: such an input is none. */
export function fillMaps(machine: Machine, target: Target, { entries }: Input): boolean {
  return entries.every((entry) => fillEntry(machine, target, entry));
}

function fillEntry(machine: Machine, { linked, btf }: Target, { map: name, key, value }: Entry): boolean {
  const map = machine.map(name);
  if (map === undefined || map.definition.keySize !== key.length) return false;
  switch (value.kind) {
    case 'bytes':
      return map.set(key, userValue(map, value.bytes)) === 0;
    case 'program': {
      const number = [...linked.programs.keys()].indexOf(value.program) + 1;
      return number > 0 && map.set(key, reference(number)) === 0;
    }
    case 'newMap': {
      const inner = linked.maps.find(({ spec }) => spec.name === name)?.spec.inner;
      if (inner === undefined) return false;
      const made = machine.addMap(inner, btf);
      if (value.entries.some((each) => made.set(each.key, userValue(made, each.value)) !== 0)) return false;
      return map.set(key, reference(made.number)) === 0;
    }
  }
}

function reference(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(number).buffer);
}

/** One CPU's value for all of them. */
function userValue(map: VmMap, bytes: Uint8Array): Uint8Array {
  const { type, valueSize } = map.definition;
  if (!isPerCpu(type)) return bytes;
  const slot = roundUp8(valueSize);
  const all = new Uint8Array(map.userValueSize);
  for (let at = 0; at < all.length; at += slot) all.set(bytes, at);
  return all;
}

/** Takes an input's entries out again, as far as the maps let go of them; arrays get back what they held. */
export function clearMaps(machine: Machine, target: Target, { entries }: Input): void {
  for (const { map: name, key } of entries) {
    const map = machine.map(name);
    if (map === undefined) continue;
    if (map.definition.type.endsWith('array') && map.definition.type !== 'prog_array') {
      map.set(key, userValue(map, initialValue(target, name)));
    } else map.remove(key);
  }
}

/** What an entry of an array, or a new entry of another map, begins with. Bytes of one CPU's value. */
export function initialValue({ linked }: Target, map: string): Uint8Array {
  const found = linked.maps.find(({ spec }) => spec.name === map);
  const value = new Uint8Array(found?.definition.valueSize ?? 0);
  value.set(found?.initial?.subarray(0, value.length) ?? []);
  // The kernel takes interfaces that exist, and queues of some length: net/core/filter.c, kernel/bpf/{devmap,cpumap}.c.
  if (found?.definition.type.startsWith('devmap') === true) value[0] = defaultIfindex;
  if (found?.definition.type === 'cpumap') value[0] = 192;
  return value;
}

/** Bytes of a value in a new map of a map of maps. */
export function innerValue({ linked }: Target, outer: string): Uint8Array {
  return new Uint8Array(linked.maps.find(({ spec }) => spec.name === outer)?.spec.inner?.valueSize ?? 0);
}
