import type { ToMapsView } from '../../protocol/webview.ts';
import type { OpenMap } from '../../session/maps/maps.ts';

/** What a view needs to decode pages by itself. */
export function schemaMessage(map: OpenMap): Extract<ToMapsView, { kind: 'schema' }> {
  const { id, name, type, keySize, valueSize, maxEntries, btfKeyTypeId, btfValueTypeId } = map.info;
  return {
    kind: 'schema',
    mapId: id,
    type,
    name,
    keySize,
    valueSize,
    maxEntries,
    ...(map.btf ? { btf: map.btf } : {}),
    keyTypeId: btfKeyTypeId,
    valueTypeId: btfValueTypeId,
    possibleCpus: [...map.schema.possibleCpus],
  };
}
