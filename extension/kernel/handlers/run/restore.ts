import { mapTypeName, valueBytes } from '../../../core/maps/types.ts';
import type { Context } from '../context.ts';
import { readMap } from '../maps/mapRead.ts';
import type { OpenMap } from '../maps/mapRefs.ts';
import { remove, update } from '../maps/mapWrite.ts';
import type { RememberedMap } from '../object/objects.ts';

/** Makes a map hold again what it held. `limit`: entries that may be there by now. */
export function restoreMap(context: Context, map: OpenMap, before: RememberedMap, limit: number): void {
  const possibleCpus = context.system.possibleCpus().length;
  const now = readMap(context.libbpf, { map, limit, cursor: undefined, possibleCpus });
  const sizes = {
    key: map.info.keySize,
    value: valueBytes(mapTypeName(map.info.type), map.info.valueSize, possibleCpus),
  };
  for (const { key, value } of changesSince(before, now, sizes)) {
    if (value === undefined) remove(context, map, key);
    else update(context, map, { key, value, flags: 0 });
  }
}

interface Sizes {
  key: number;
  value: number;
}

/** What differs, with the value before; without one the key was not there. */
export function changesSince(
  before: RememberedMap,
  now: RememberedMap,
  sizes: Sizes,
): { key: Uint8Array; value?: Uint8Array }[] {
  const keyAt = ({ keys }: RememberedMap, at: number): Uint8Array =>
    keys.subarray(at * sizes.key, (at + 1) * sizes.key);
  const valueAt = ({ values }: RememberedMap, at: number): Uint8Array =>
    values.subarray(at * sizes.value, (at + 1) * sizes.value);
  const sameKeys = before.count === now.count && Buffer.compare(before.keys, now.keys) === 0;
  if (sameKeys && Buffer.compare(before.values, now.values) === 0) return [];
  const changes: { key: Uint8Array; value?: Uint8Array }[] = [];
  if (sameKeys) {
    for (let at = 0; at < before.count; at++) {
      const value = valueAt(before, at);
      if (Buffer.compare(value, valueAt(now, at)) !== 0) changes.push({ key: keyAt(before, at), value });
    }
    return changes;
  }
  const old = new Map<string, number>();
  const text = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  for (let at = 0; at < before.count; at++) old.set(text(keyAt(before, at)), at);
  for (let at = 0; at < now.count; at++) {
    const key = keyAt(now, at);
    const place = old.get(text(key));
    old.delete(text(key));
    const value = place === undefined ? undefined : valueAt(before, place);
    if (value === undefined) changes.push({ key });
    else if (Buffer.compare(value, valueAt(now, at)) !== 0) changes.push({ key, value });
  }
  // Deletions came first: a map that is full takes nothing back before them.
  return [...changes, ...[...old.values()].map((at) => ({ key: keyAt(before, at), value: valueAt(before, at) }))];
}
