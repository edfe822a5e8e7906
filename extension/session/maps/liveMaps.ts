import type { HelperClient } from '../../kernel/client.ts';
import type { LoadedObject, MapInfo } from '../../protocol/kernel.ts';
import { mapSchema } from '../../core/maps/schema.ts';
import type { LiveAttachment } from '../attach/attachmentTypes.ts';
import type { BpfObject } from '../bpfObject.ts';
import { byInterest, openLoadedMap, openMap } from './maps.ts';

type LiveMaps = Pick<LiveAttachment, 'maps' | 'allMaps'>;

/** The maps of an object that this session loaded. */
export function loadedMaps(client: HelperClient, object: BpfObject, loaded: LoadedObject): LiveMaps {
  const maps = [...loaded.maps].sort(byInterest).map((map) => openLoadedMap(client, object, map));
  const { possibleCpus } = client.hello;
  const allMaps = loaded.maps.flatMap(({ id, name }) => {
    const spec = object.spec.maps.find((map) => map.name === name);
    if (spec === undefined) return [];
    const schema = mapSchema(spec, object.spec.btf, spec.keyTypeId, spec.valueTypeId, possibleCpus);
    return [{ schema, flags: spec.flags, ref: { id } }];
  });
  return { maps, allMaps };
}

/** The maps of what an earlier session kept; their pins carry their types. */
export async function adoptedMaps(client: HelperClient, infos: readonly MapInfo[]): Promise<LiveMaps> {
  const opened = await Promise.all(
    [...infos].sort(byInterest).map(async (info) => {
      const open = await openMap(client, { id: info.id });
      return { ...open, info: { ...open.info, name: info.name }, schema: { ...open.schema, name: info.name } };
    }),
  );
  return {
    maps: opened,
    allMaps: opened.map(({ schema, ref }) => ({ schema, flags: undefined, ref })),
  };
}
