import { countsActions } from '../actions.ts';
import { xdpActions } from '../../xdp.ts';
import type { Layout } from '../layout.ts';
import { type PrefixKey, prefixKeyOf } from '../prefix.ts';
import type { MapSchema } from '../schema.ts';
import { isPerCpu } from '../types.ts';

/** A place in an entry that a filter can name. Offsets in bytes from the start of the key, or of one CPU's value. */
export interface Field {
  in: 'key' | 'value';
  offset: number;
  layout: Layout;
  /** The key of an LPM trie that is an IP prefix. */
  prefix?: PrefixKey;
  /** Names for numbers that the type does not know: the verdicts of counters by action. */
  names?: readonly string[];
  /** Place in the list of possible CPUs, when one is named. */
  slot?: number;
}

/**
 * `src`, `key.src`, `value.rx.packets`, `buckets[3]`, `key`, `value`, and on per-CPU maps `cpu2.packets` or `cpu2`. A bare name
 * is a field of the key or of the value; `ambiguous` when both have it.
 */
export function findField(schema: MapSchema, text: string): Field | 'ambiguous' | undefined {
  const ofCpu = /^cpu(\d+)(?:\.(.+))?$/.exec(text);
  const plain = findPlain(schema, text);
  if (plain !== undefined || ofCpu === null || !isPerCpu(schema.type)) return plain;
  const slot = schema.possibleCpus.indexOf(Number(ofCpu[1]));
  if (slot < 0) return undefined;
  const path = ofCpu[2] ?? 'value';
  const inner = findIn(schema, 'value', path) ?? findPlain(schema, path);
  return typeof inner === 'object' && inner.in === 'value' ? { ...inner, slot } : undefined;
}

function findPlain(schema: MapSchema, text: string): Field | 'ambiguous' | undefined {
  const [first, ...rest] = splitPath(text);
  if (first === 'key' || first === 'value') {
    const found = walk(schema, first, rest);
    if (found !== undefined) return found;
  }
  const inKey = findIn(schema, 'key', text);
  const inValue = findIn(schema, 'value', text);
  return inKey !== undefined && inValue !== undefined ? 'ambiguous' : (inKey ?? inValue);
}

function findIn(schema: MapSchema, where: 'key' | 'value', text: string): Field | undefined {
  return walk(schema, where, splitPath(text));
}

function walk(schema: MapSchema, where: 'key' | 'value', path: readonly string[]): Field | undefined {
  const size = where === 'key' ? schema.keySize : schema.valueSize;
  let layout: Layout = schema[where] ?? { kind: 'bytes', size };
  let offset = 0;
  for (const step of path) {
    if (layout.kind === 'struct' || layout.kind === 'union') {
      const field = layout.fields.find(({ name }) => name === step);
      if (field === undefined) return undefined;
      offset += field.offset;
      layout = field.layout;
    } else if (layout.kind === 'array') {
      const index = /^\[(\d+)\]$/.exec(step)?.[1];
      if (index === undefined || Number(index) >= layout.count) return undefined;
      offset += Number(index) * layout.element.size;
      layout = layout.element;
    } else return undefined;
  }
  if (offset + layout.size > size) return undefined;
  if (where === 'value' || path.length > 0) return { in: where, offset, layout };
  const prefix = prefixKeyOf(schema);
  if (prefix !== undefined) return { in: where, offset, layout, prefix };
  // Arrays are indexed by a u32 whether their type says so or not (kernel/bpf/arraymap.c, array_map_alloc_check()).
  if (layout.kind === 'bytes' && size === 4 && schema.type.endsWith('array')) {
    layout = { kind: 'int', size: 4, signed: false, bigEndian: false };
  }
  return { in: where, offset, layout, ...(countsActions(schema) ? { names: xdpActions } : {}) };
}

/** `rx[2].packets` as `rx`, `[2]`, `packets`. */
function splitPath(text: string): string[] {
  return text.split(/\.|(?=\[)/).filter((step) => step !== '');
}

/** How the fields of this map are written, for messages and completion; not those of long arrays. */
export function fieldNames(schema: MapSchema, limit = 60): string[] {
  const inKey = namesOf(schema.key, limit);
  const inValue = namesOf(schema.value, limit);
  const both = (name: string): boolean => name !== '' && inKey.includes(name) && inValue.includes(name);
  const named = (where: string, names: string[]): string[] =>
    names.map((name) => (name === '' ? where : both(name) ? `${where}.${name}` : name));
  const names = [...named('key', inKey), ...named('value', inValue)];
  return [...new Set(prefixKeyOf(schema) === undefined ? names : ['key', ...names])].slice(0, limit);
}

function namesOf(layout: Layout | undefined, limit: number): string[] {
  const names: string[] = [];
  if (layout === undefined) names.push('');
  else collect(layout, '', { names, limit });
  return names;
}

function collect(layout: Layout, prefix: string, into: { names: string[]; limit: number }): void {
  if (into.names.length >= into.limit) return;
  if (layout.kind === 'array') {
    for (let i = 0; i < Math.min(layout.count, 4); i++) collect(layout.element, `${prefix}[${i}]`, into);
  } else if (layout.kind === 'struct' || layout.kind === 'union') {
    for (const { name, layout: inner } of layout.fields) {
      if (into.names.length >= into.limit) return;
      collect(inner, prefix === '' ? name : `${prefix}.${name}`, into);
    }
  } else into.names.push(prefix);
}
