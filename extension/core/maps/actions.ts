import { xdpActions } from '../xdp.ts';
import type { MapSchema } from './schema.ts';
import { isArray } from './types.ts';

/** Counters by verdict: an array with a value for each of enum xdp_action, as everybody writes it (XDP_ACTION_MAX is 5). */
export function countsActions(schema: Pick<MapSchema, 'type' | 'keySize' | 'maxEntries' | 'value'>): boolean {
  const { type, keySize, maxEntries, value } = schema;
  return (
    isArray(type) &&
    keySize === 4 &&
    maxEntries === xdpActions.length &&
    (value?.kind === 'int' || value?.kind === 'struct')
  );
}

/** `XDP_DROP` for key 1 of such a map; undefined for all others. */
export function actionOfKey(schema: MapSchema, key: Uint8Array): string | undefined {
  if (!countsActions(schema) || key.length < 4) return undefined;
  return xdpActions[new DataView(key.buffer, key.byteOffset).getUint32(0, true)];
}
