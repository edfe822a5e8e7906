import type { Layout } from '../../maps/layout.ts';
import { decodeValue, type Value } from '../../maps/value.ts';
import type { MapSpec, ObjectSpec } from '../../object/spec.ts';
import { headers } from '../../packet/headers/table.ts';
import { t } from '../../text/language.ts';
import { isEventMap, recordTypeNames } from '../matchEvents.ts';
import { type Cursor, cursorAt } from './cursor.ts';
import { placeOf, type SourcePlace } from './places.ts';

/** One thing that can stand at the cursor, because the source of the tests has it. */
export interface Suggestion {
  label: string;
  kind: 'program' | 'map' | 'field' | 'value' | 'type';
  /** JSON that takes the place of `span`. */
  text: string;
  detail: string;
  /** More about it, as plain text. */
  documentation?: string;
}

export interface Suggestions {
  span: { offset: number; length: number };
  items: Suggestion[];
}

/** What the source of a test file offers at a place in its text. */
export function suggestAt(text: string, offset: number, spec: ObjectSpec): Suggestions | undefined {
  const cursor = cursorAt(text, offset);
  const place = cursor && placeOf(cursor, spec, () => typeBeside(text, cursor));
  if (cursor === undefined || place === undefined) return undefined;
  // A name that has its colon keeps it.
  const hasColon = /^\s*:/.test(text.slice(cursor.span.offset + cursor.span.length));
  const items = itemsOf(place, cursor, spec)
    .filter(({ label }) => cursor.at === 'value' || !cursor.siblings.includes(label))
    .map((item) => (cursor.at === 'name' && hasColon ? { ...item, text: JSON.stringify(item.label) } : item));
  return { span: cursor.span, items };
}

/** The `"type"` of the events whose records the cursor is in, wherever it stands beside them. */
function typeBeside(text: string, { path, span }: Cursor): string | undefined {
  const at = path.indexOf('records');
  if (at < 1) return undefined;
  const map = JSON.stringify(path[at - 1]);
  const from = text.lastIndexOf(map, span.offset);
  if (from < 0) return undefined;
  return /"type"\s*:\s*"([^"\\]*)"/.exec(text.slice(from, from + 65_536))?.[1];
}

function itemsOf(place: SourcePlace, { at }: Cursor, spec: ObjectSpec): Suggestion[] {
  switch (place.kind) {
    case 'program':
      return spec.programs.map(({ name, section }) => quoted('program', name, section));
    case 'mapName':
      return mapsFor(place.role, spec).map(mapSuggestion);
    case 'reference':
      return references(place.map, spec);
    case 'eventType':
      return spec.btf === undefined ? [] : recordTypeNames(spec.btf).map((name) => quoted('type', name, 'struct'));
    case 'value':
      return at === 'name' ? fieldNames(place.layout) : values(place.layout);
    case 'record':
      return at === 'name' ? fieldNames(place.layout) : values(place.layout);
    case 'packetField':
      return [...headers.values()].flatMap(({ name: layer, fields, label }) =>
        fields.map((field): Suggestion => {
          const name = `${layer}.${field.name}`;
          return {
            label: name,
            kind: 'field',
            text: `${JSON.stringify(name)}: `,
            detail: `${t(label)}: ${t(field.label)}`,
            documentation: `${t(field.help)} ${field.rfc}`,
          };
        }),
      );
    case 'layer':
      return [...headers.values()].map(({ name, label }) =>
        at === 'name'
          ? { label: name, kind: 'field', text: `${JSON.stringify(name)}: {}`, detail: t(label) }
          : quoted('field', name, t(label)),
      );
  }
}

function quoted(kind: Suggestion['kind'], label: string, detail: string): Suggestion {
  return { label, kind, text: JSON.stringify(label), detail };
}

function mapsFor(role: 'setup' | 'entries' | 'events', { maps }: ObjectSpec): MapSpec[] {
  switch (role) {
    case 'events':
      return maps.filter(({ type }) => isEventMap(type));
    case 'setup':
      // Constants are frozen when the program is loaded; nobody can fill what is only written by programs.
      return maps.filter(({ name, type }) => !isEventMap(type) && !/^\.(rodata|kconfig)/.test(name));
    case 'entries':
      return maps.filter(({ type }) => !isEventMap(type));
  }
}

function mapSuggestion(map: MapSpec): Suggestion {
  return { label: map.name, kind: 'map', text: `${JSON.stringify(map.name)}: []`, detail: mapText(map) };
}

/** `hash, 64 entries: __u32 → struct flow`. */
export function mapText({ type, maxEntries, keyType, valueType }: MapSpec): string {
  const types = valueType === undefined ? '' : `: ${keyType ?? t('index')} → ${valueType}`;
  const entries = maxEntries === 1 ? t('1 entry') : t('{0} entries', maxEntries);
  return `${type}, ${entries}${types}`;
}

function references(map: MapSpec, spec: ObjectSpec): Suggestion[] {
  switch (map.type) {
    case 'prog_array':
      return spec.programs.map(({ name, section }) => quoted('program', name, section));
    case 'array_of_maps':
    case 'hash_of_maps': {
      const inner = map.inner;
      const fitting = spec.maps.filter(({ type, name }) => name !== map.name && type === (inner?.type ?? type));
      const entry: Suggestion = {
        label: '[…]',
        kind: 'value',
        text: '[{ "key": 0, "value": 0 }]',
        detail: t('the entries of a new map'),
      };
      return [
        ...fitting.map((each) => quoted('map', each.name, mapText(each))),
        ...(inner === undefined ? [] : [entry]),
      ];
    }
    default:
      return [quoted('value', 'lo', t('the name of an interface, or its number'))];
  }
}

function fieldNames(layout: Layout | undefined): Suggestion[] {
  if (layout?.kind !== 'struct' && layout?.kind !== 'union') return [];
  return layout.fields.map(({ name, layout: of }) => ({
    label: name,
    kind: 'field',
    text: `${JSON.stringify(name)}: ${JSON.stringify(zeroOf(of))}`,
    detail: layoutText(of),
  }));
}

function values(layout: Layout | undefined): Suggestion[] {
  if (layout === undefined) return [];
  if (layout.kind === 'enum' || (layout.kind === 'bits' && layout.values.length > 0)) {
    return layout.values.map(({ name, value }) => quoted('value', name, String(value)));
  }
  if (layout.kind === 'bool')
    return ['true', 'false'].map((label) => ({ label, kind: 'value', text: label, detail: 'bool' }));
  const zero = zeroOf(layout);
  const text = spaced(zero);
  const label = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return [{ label, kind: 'value', text, detail: layoutText(layout) }];
}

/** Every byte 0, as a value: the shape that is expected. */
function zeroOf(layout: Layout): Value {
  return decodeValue(layout, new Uint8Array(layout.size));
}

/** JSON on one line, as people write it. */
function spaced(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${spaced(each)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** A type in words: `unsigned, 32 bits, network order`. */
export function layoutText(layout: Layout): string {
  switch (layout.kind) {
    case 'int': {
      const order = layout.bigEndian && layout.size > 1 ? ', network order' : '';
      return `${layout.signed ? 'signed' : 'unsigned'}, ${layout.size * 8} bits${order}`;
    }
    case 'enum':
      return `one of ${layout.values
        .slice(0, 6)
        .map(({ name }) => name)
        .join(', ')}${layout.values.length > 6 ? ', …' : ''}`;
    case 'bits':
      return `${layout.bitSize} bits`;
    case 'bool':
      return 'bool';
    case 'float':
      return `float, ${layout.size * 8} bits`;
    case 'pointer':
      return 'pointer';
    case 'text':
      return `text of up to ${layout.size} bytes`;
    case 'bytes':
      return `${layout.size} bytes in hex`;
    case 'ipv4':
      return 'IPv4 address';
    case 'ipv6':
      return 'IPv6 address';
    case 'mac':
      return 'MAC address';
    case 'array':
      return `${layout.count} × ${layoutText(layout.element)}`;
    case 'struct':
    case 'union':
      return `${layout.kind} ${layout.name}`.trim();
  }
}
