import type { ObjectSpec } from '../../core/object/spec.ts';
import { type MapSchema, mapSchema } from '../../core/maps/schema.ts';
import type { MapRef } from '../../protocol/kernel.ts';

/** A map of the program that is attached now. */
export interface MapBefore {
  schema: MapSchema;
  /** BPF_F_*, undefined where the declaration is not known: the kernel adds flags of its own. */
  flags: number | undefined;
  ref: MapRef;
}

export interface ReusePlan {
  /** Name in the new object → the map that goes on. */
  reuse: Record<string, MapRef>;
  /** Maps that were there before and start anew all the same. */
  fresh: { map: string; reason: string }[];
}

/**
 * Which maps keep their contents when another build takes the place of the running one: those of the same name and an
 * identical definition, down to the fields of their keys and values. Bytes of another layout would be read as nonsense.
 */
export function planReuse(before: readonly MapBefore[], after: ObjectSpec): ReusePlan {
  const plan: ReusePlan = { reuse: {}, fresh: [] };
  for (const old of before) {
    const { name, type } = old.schema;
    const now = after.maps.find((map) => map.name === name);
    // Constants are part of the program: the new build brings its own.
    if (name.startsWith('.rodata')) continue;
    if (now === undefined) {
      plan.fresh.push({ map: name, reason: 'the new build has no such map' });
      continue;
    }
    const schema = mapSchema(now, after.btf, now.keyTypeId, now.valueTypeId, old.schema.possibleCpus);
    const reason =
      type === 'prog_array'
        ? 'it holds the programs of the build before, and gets those of the new one'
        : difference(old, schema, now.flags);
    if (reason === undefined) plan.reuse[name] = old.ref;
    else plan.fresh.push({ map: name, reason });
  }
  return plan;
}

function difference(old: MapBefore, now: MapSchema, flags: number): string | undefined {
  const before = old.schema;
  const changed = (what: string, from: string | number, to: string | number): string =>
    `its ${what} changed from ${from} to ${to}`;
  if (before.type !== now.type) return changed('type', before.type, now.type);
  if (before.keySize !== now.keySize) return changed('key size', before.keySize, now.keySize);
  if (before.valueSize !== now.valueSize) return changed('value size', before.valueSize, now.valueSize);
  // 0 lets libbpf choose.
  if (before.maxEntries !== now.maxEntries && now.maxEntries !== 0)
    return changed('max_entries', before.maxEntries, now.maxEntries);
  if (old.flags !== undefined && old.flags !== flags) return changed('map_flags', old.flags, flags);
  if (!sameLayout(before.key, now.key)) return `the fields of its key (${now.keyName ?? 'no BTF'}) changed`;
  if (!sameLayout(before.value, now.value)) return `the fields of its value (${now.valueName ?? 'no BTF'}) changed`;
  return undefined;
}

/** Without BTF on one side the sizes are all that is known. */
function sameLayout(left: MapSchema['key'], right: MapSchema['key']): boolean {
  if (left === undefined || right === undefined) return true;
  const plain = (layout: object): string =>
    JSON.stringify(layout, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  return plain(left) === plain(right);
}
