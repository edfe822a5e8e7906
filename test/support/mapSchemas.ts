import { encodeEntryValue, encodeKey, type RawPage } from '../../extension/core/maps/entries.ts';
import type { Layout, LayoutField } from '../../extension/core/maps/layout.ts';
import type { MapSchema } from '../../extension/core/maps/schema.ts';
import type { Value } from '../../extension/core/maps/value.ts';

/** Layouts and maps made by hand, for tests that need no compiler. */
const int = (size: number, signed = false, bigEndian = false): Layout => ({ kind: 'int', size, signed, bigEndian });

export const layouts = {
  u8: int(1),
  u32: int(4),
  s32: int(4, true),
  u64: int(8),
  s64: int(8, true),
  be16: int(2, false, true),
  bool: { kind: 'bool', size: 1, bigEndian: false },
  double: { kind: 'float', size: 8, bigEndian: false },
  ipv4: { kind: 'ipv4', size: 4, bigEndian: true },
  ipv6: { kind: 'ipv6', size: 16 },
  mac: { kind: 'mac', size: 6 },
  text: { kind: 'text', size: 8, flexible: false },
  state: {
    kind: 'enum',
    size: 4,
    signed: false,
    bigEndian: false,
    values: [
      { name: 'IDLE', value: 0n },
      { name: 'BUSY', value: 3n },
    ],
  },
} as const satisfies Record<string, Layout>;

/** Fields one after the other, without holes. */
export function struct(name: string, fields: Record<string, Layout>): Layout {
  let offset = 0;
  const placed: LayoutField[] = Object.entries(fields).map(([field, layout]) => {
    const at = offset;
    offset += layout.size;
    return { name: field, offset: at, layout, overlaps: false };
  });
  return { kind: 'struct', name, size: offset, fields: placed };
}

export function arrayOf(element: Layout, count: number): Layout {
  return { kind: 'array', size: count * element.size, count, flexible: false, element };
}

export function mapOf(
  type: string,
  key: Layout,
  value: Layout,
  { cpus = 1, maxEntries = 1000, name = 'm' }: { cpus?: number; maxEntries?: number; name?: string } = {},
): MapSchema {
  const possibleCpus = Array.from({ length: cpus }, (_, cpu) => cpu);
  return { name, type, keySize: key.size, valueSize: value.size, maxEntries, possibleCpus, key, value };
}

export type Entries = readonly (readonly [key: Value, value: Value])[];

export function pageOf(schema: MapSchema, entries: Entries): RawPage {
  const keys = entries.map(([key]) => encodeKey(schema, key));
  const values = entries.map(([, value]) => encodeEntryValue(schema, value));
  return { count: entries.length, keys: Buffer.concat(keys), values: Buffer.concat(values) };
}
