import { readFile } from 'node:fs/promises';
import { XdpError } from '../../core/errors.ts';
import { indexByKey, keyText, valueAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { EventSnapshot, EventSnapshots } from '../../core/packetTest/matchEvents.ts';
import type { Machine, XdpRun } from '../../core/vm/machine.ts';
import type { VmMap } from '../../core/vm/maps/map.ts';
import { RingBuffer } from '../../core/vm/maps/ringBuffer.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable } from '../maps/maps.ts';
import type { TestRequest } from '../packetTest/engine.ts';

/** What users do with the maps of a built-in machine: fill them, look into them, read their events. */

/** Tests may name interfaces of this machine where it has any; a test that should run everywhere gives their numbers. */
// Async, so that what fails fails as a promise.
export async function systemInterfaceIndex(name: string): Promise<number> {
  try {
    if (/^[^/]{1,15}$/.test(name)) return Number(await readFile(`/sys/class/net/${name}/ifindex`, 'utf8'));
  } catch {
    // Said below.
  }
  throw new XdpError('interface-not-found', `There is no interface named ${name}.`, {
    fix: 'Give its number instead: for the built-in machine any number will do.',
  });
}

/** What a map holds for a key. */
export function valueIn(machine: Machine, schema: MapSchema, key: Uint8Array): Uint8Array | undefined {
  const page = machine.map(schema.name)?.read();
  if (page === undefined || !isListable(schema.type)) return undefined;
  const index = indexByKey(schema, page).get(keyText(key));
  return index === undefined ? undefined : valueAt(schema, page, index);
}

/** Puts one entry into a map of the machine. Throws `map-not-found`, `map-write-failed`. */
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

export function mapNamed(machine: Machine, name: string): VmMap {
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
export function eventsOf(machine: Machine, run: XdpRun): EventSnapshots {
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
