import { typeName } from '../btf/typeName.ts';
import type { Btf } from '../btf/types.ts';
import { kernelLayouts } from './kernelLayouts.ts';
import { hasFlexibleEnd, type Layout, layoutOf } from './layout.ts';

/** Everything that is needed to read a map's bytes, without BTF or type ids. Plain data: it may cross process boundaries. */
export interface MapSchema {
  name: string;
  /** libbpf's short name. */
  type: string;
  /** Bytes. */
  keySize: number;
  /** Bytes of one CPU's value, not rounded. */
  valueSize: number;
  maxEntries: number;
  /** CPU numbers, rising; not the online ones. */
  possibleCpus: readonly number[];
  /** undefined: bytes are shown as hex. */
  key: Layout | undefined;
  value: Layout | undefined;
  /** C spelling. */
  keyName?: string;
  valueName?: string;
}

/** Type ids of 0 mean unknown, as in `struct bpf_map_info`. */
export function mapSchema(
  map: { name: string; type: string; keySize: number; valueSize: number; maxEntries: number },
  btf: Btf | undefined,
  keyTypeId: number,
  valueTypeId: number,
  possibleCpus: readonly number[],
): MapSchema {
  const { name, type, keySize, valueSize, maxEntries } = map;
  const known = kernelLayouts(type, keySize, valueSize);
  const schema: MapSchema = {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    possibleCpus,
    key: fitting(btf, keyTypeId, keySize) ?? known.key,
    value: fitting(btf, valueTypeId, valueSize) ?? known.value,
  };
  if (btf !== undefined && keyTypeId !== 0) schema.keyName = typeName(btf, keyTypeId);
  if (btf !== undefined && valueTypeId !== 0) schema.valueName = typeName(btf, valueTypeId);
  return schema;
}

/** A type that is not as large as the map's bytes describes something else: hex is honest then. */
function fitting(btf: Btf | undefined, typeId: number, size: number): Layout | undefined {
  const layout = btf === undefined || typeId === 0 ? undefined : layoutOf(btf, typeId);
  if (layout === undefined || layout.size === size) return layout;
  return layout.size < size && hasFlexibleEnd(layout) ? layout : undefined;
}
