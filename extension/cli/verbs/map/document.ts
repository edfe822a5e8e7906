import { decodeEntries, keyAt, type MapEntry, type RawPage, valueAt } from '../../../core/maps/entries.ts';
import type { MapSchema } from '../../../core/maps/schema.ts';
import { type Names, type Referred, referencesOf, referredBy } from '../../../core/maps/references.ts';
import { resolveNames } from '../../../session/maps/names.ts';
import { part, type OpenedMap } from './access.ts';

/** Entries as `xdp map` gives them: where values are ids or interface indexes, with what they stand for. */
export type ShownEntry = MapEntry & { refersTo?: Referred[] };

/** Entries decoded at once: a million objects at a time would be a gigabyte. */
const chunkEntries = 10_000;

export function* chunksOf(schema: MapSchema, page: RawPage): Generator<MapEntry[]> {
  for (let from = 0; from < page.count; from += chunkEntries) {
    yield decodeEntries(schema, part(schema, page, from, chunkEntries));
  }
}

export async function namesFor({ client, map }: OpenedMap, page: RawPage): Promise<Names> {
  return await resolveNames(client, map.schema, page);
}

export function shownEntries({ map: { schema } }: OpenedMap, page: RawPage, names: Names): ShownEntry[] {
  const entries: ShownEntry[] = decodeEntries(schema, page);
  if (referencesOf(schema.type, schema.valueSize).length === 0) return entries;
  return entries.map((entry, index) => ({
    ...entry,
    refersTo: referredBy(schema.type, schema.valueSize, valueAt(schema, page, index), names),
  }));
}

/** The document of the contract in pieces, each of which fits in memory; together they are one line of JSON. */
export function* documentPieces(opened: OpenedMap, page: RawPage, names: Names): Generator<string> {
  const { info, schema } = opened.map;
  const head = JSON.stringify({
    id: info.id,
    name: info.name,
    type: info.type,
    possibleCpus: schema.possibleCpus.length,
    entries: [],
  });
  yield head.slice(0, -2);
  for (let from = 0; from < page.count; from += chunkEntries) {
    const entries = shownEntries(opened, part(schema, page, from, chunkEntries), names);
    yield `${from === 0 ? '' : ','}${JSON.stringify(entries).slice(1, -1)}`;
  }
  yield ']}\n';
}

/** Key bytes of the entries, which names of prefixes and verdicts come from. */
export function keysOf({ map: { schema } }: OpenedMap, page: RawPage): Uint8Array[] {
  return Array.from({ length: page.count }, (_, index) => keyAt(schema, page, index));
}
