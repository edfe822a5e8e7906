import { XdpError } from '../../errors.ts';
import type { Layout } from '../../maps/layout.ts';
import { mapSchema } from '../../maps/schema.ts';
import type { MapSpec, ObjectSpec } from '../../object/spec.ts';
import { recordType } from '../matchEvents.ts';
import type { Cursor } from './cursor.ts';

/** What a place in a test file is about, of what depends on its source. */
export type SourcePlace =
  /** Where a program of the source is named. */
  | { kind: 'program' }
  /** Where a map is named: to fill it, to expect its entries, or its events. */
  | { kind: 'mapName'; role: 'setup' | 'entries' | 'events' }
  /** A key or value of a map, or a part of one: `layout` is that part's, undefined where the source says no type. */
  | { kind: 'value'; map: MapSpec; side: 'key' | 'value'; layout: Layout | undefined; whole: boolean }
  /** Where an inner map, a program or an interface stands in a map that holds such. */
  | { kind: 'reference'; map: MapSpec }
  | { kind: 'eventType'; map: MapSpec }
  /** A record of events, or a part of one. */
  | { kind: 'record'; layout: Layout }
  /** A field of the expected packet: `IP.ttl`. */
  | { kind: 'packetField' }
  | { kind: 'layer' };

/** `typeOf`: the `type` beside the records that the cursor is in. */
export function placeOf(
  { path, at }: Pick<Cursor, 'path' | 'at'>,
  spec: ObjectSpec,
  typeOf: () => string | undefined,
): SourcePlace | undefined {
  const [root, index, ...rest] = path;
  if (at === 'value' && path.length === 1 && root === 'program') return { kind: 'program' };
  if (root !== 'tests' || typeof index !== 'number') return undefined;
  // A packet of a sequence has the same fields as a test.
  const inside = rest[0] === 'packets' && typeof rest[1] === 'number' ? rest.slice(2) : rest;
  const [section, ...below] = inside;
  if (at === 'value' && section === 'program' && below.length === 0) return { kind: 'program' };
  if (section === 'packet' || (rest[0] === 'packets' && section === undefined)) return layerPlace(below, at);
  if (section === 'maps') return mapPlace(below, at, spec, 'setup');
  if (section !== 'expect') return undefined;
  const [what, ...under] = below;
  switch (what) {
    case 'maps':
      return mapPlace(under, at, spec, 'entries');
    case 'events':
      return eventPlace(under, at, spec, typeOf);
    case 'packet':
      if (under[0] === 'fields' && under.length === 1 && at === 'name') return { kind: 'packetField' };
      if (under[0] === 'layers' && under.length === 2 && at === 'value') return { kind: 'layer' };
      return layerPlace(under, at);
    default:
      return undefined;
  }
}

/** `[{ "IP": … }]`. */
function layerPlace(path: Cursor['path'], at: Cursor['at']): SourcePlace | undefined {
  return path.length === 1 && typeof path[0] === 'number' && at === 'name' ? { kind: 'layer' } : undefined;
}

function mapPlace(
  path: Cursor['path'],
  at: Cursor['at'],
  spec: ObjectSpec,
  role: 'setup' | 'entries',
): SourcePlace | undefined {
  if (path.length === 0) return at === 'name' ? { kind: 'mapName', role } : undefined;
  const [name, ...rest] = path;
  const map = spec.maps.find((each) => each.name === name);
  if (map === undefined) return undefined;
  const below = role === 'entries' && rest[0] === 'entries' ? rest.slice(1) : rest;
  const [entry, field, ...part] = below;
  if (typeof entry !== 'number' || typeof field !== 'string') return undefined;
  return valuePlace(map, spec, field, part, at);
}

function valuePlace(
  map: MapSpec,
  spec: ObjectSpec,
  field: string,
  part: Cursor['path'],
  at: Cursor['at'],
): SourcePlace | undefined {
  const { key, value } = layoutsOf(map, spec);
  switch (field) {
    case 'key':
      return inLayout(map, 'key', key, part, at);
    case 'value':
      if (/^(prog_array|array_of_maps|hash_of_maps|devmap|devmap_hash)$/.test(map.type)) {
        return innerPlace(map, spec, part, at);
      }
      return inLayout(map, 'value', value, part, at);
    case 'sum':
      return inLayout(map, 'value', value, part, at);
    case 'values':
      return part.length === 0 ? undefined : inLayout(map, 'value', value, part.slice(1), at);
    default:
      return undefined;
  }
}

/** In what stands for a program, a map or an interface: the entries of a new inner map are known by its description. */
function innerPlace(map: MapSpec, spec: ObjectSpec, part: Cursor['path'], at: Cursor['at']): SourcePlace | undefined {
  if (part.length === 0) return at === 'value' ? { kind: 'reference', map } : undefined;
  const [entry, field, ...rest] = part;
  if (map.inner === undefined || typeof entry !== 'number' || typeof field !== 'string') return undefined;
  return valuePlace(map.inner, spec, field, rest, at);
}

function layoutsOf(map: MapSpec, spec: ObjectSpec): { key: Layout | undefined; value: Layout | undefined } {
  const { key, value } = mapSchema(map, spec.btf, map.keyTypeId, map.valueTypeId, [0]);
  return { key, value };
}

function inLayout(
  map: MapSpec,
  side: 'key' | 'value',
  layout: Layout | undefined,
  part: Cursor['path'],
  at: Cursor['at'],
): SourcePlace | undefined {
  const found = descend(layout, part);
  if (found === undefined && part.length > 0) return undefined;
  // A name is typed in an object: what the object is about is the layout itself.
  if (at === 'name' && found?.kind !== 'struct' && found?.kind !== 'union') return undefined;
  return { kind: 'value', map, side, layout: found, whole: part.length === 0 };
}

export function descend(layout: Layout | undefined, path: Cursor['path']): Layout | undefined {
  let at = layout;
  for (const step of path) {
    if ((at?.kind === 'struct' || at?.kind === 'union') && typeof step === 'string') {
      at = at.fields.find(({ name }) => name === step)?.layout;
    } else if (at?.kind === 'array' && typeof step === 'number') at = at.element;
    else return undefined;
  }
  return at;
}

function eventPlace(
  path: Cursor['path'],
  at: Cursor['at'],
  spec: ObjectSpec,
  typeOf: () => string | undefined,
): SourcePlace | undefined {
  if (path.length === 0) return at === 'name' ? { kind: 'mapName', role: 'events' } : undefined;
  const [name, field, index, ...part] = path;
  const map = spec.maps.find((each) => each.name === name);
  if (map === undefined) return undefined;
  if (field === 'type' && path.length === 2 && at === 'value') return { kind: 'eventType', map };
  if (field !== 'records' || typeof index !== 'number') return undefined;
  const type = typeOf();
  const whole = type === undefined ? undefined : layoutNamed(spec, type);
  const layout = descend(whole, part);
  return layout === undefined ? undefined : { kind: 'record', layout };
}

function layoutNamed(spec: ObjectSpec, name: string): Layout | undefined {
  try {
    return recordType(spec.btf, name);
  } catch (error) {
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}
