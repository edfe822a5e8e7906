import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { LoadedObject, MapInfo, TestWrite } from '../../protocol/kernel.ts';
import type { TestRequest } from '../packetTest/engine.ts';

export interface Writable {
  loaded: Pick<LoadedObject, 'object' | 'programs'>;
  /** Throws `map-not-found`. */
  mapNamed: (name: string) => MapInfo;
}

/** What the helper has to write for a setup; new inner maps are made here, and live as long as the object. */
export async function writesOf(
  client: HelperClient,
  { loaded, mapNamed }: Writable,
  setup: TestRequest['setup'],
): Promise<TestWrite[]> {
  const writes: TestWrite[] = [];
  for (const { map: name, key, value } of setup) {
    const to = { map: mapNamed(name).id, key };
    if (value instanceof Uint8Array) {
      writes.push({ ...to, value });
      continue;
    }
    switch (value.kind) {
      case 'program':
        writes.push({ ...to, value: idBytes(programId(loaded, value.program)) });
        break;
      case 'map':
        writes.push({ ...to, value: idBytes(mapNamed(value.map).id) });
        break;
      case 'newMap': {
        const { name: inner, type, keySize, valueSize, maxEntries, flags } = value.template;
        const definition = { object: loaded.object, name: inner, type, keySize, valueSize, maxEntries, flags };
        const { id } = await client.call('object/addMap', definition);
        writes.push(...value.entries.map((entry) => ({ map: id, ...entry })), { ...to, value: idBytes(id) });
      }
    }
  }
  return writes;
}

function programId({ programs }: Pick<LoadedObject, 'programs'>, name: string): number {
  const program = programs.find((each) => each.name === name);
  if (program === undefined) throw new XdpError('program-not-found', `${name} was not loaded.`);
  return program.id;
}

/** As the kernel shows what a prog array or a map of maps holds, and as the helper takes it. */
function idBytes(id: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(id).buffer);
}
