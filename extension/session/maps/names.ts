import type { RawPage } from '../../core/maps/entries.ts';
import { valueAt } from '../../core/maps/entries.ts';
import { type Names, namesOf, noNames, referencesIn, referencesOf } from '../../core/maps/references.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { HelperClient } from '../../kernel/client.ts';

/** Names of the programs, maps and interfaces that these values refer to; empty for maps whose values refer to nothing. */
export async function resolveNames(client: HelperClient, schema: MapSchema, page: RawPage): Promise<Names> {
  const references = referencesOf(schema.type, schema.valueSize);
  if (references.length === 0) return noNames;
  const ids = { program: new Set<number>(), map: new Set<number>(), interface: new Set<number>() };
  for (let index = 0; index < page.count; index++) {
    for (const { kind, id } of referencesIn(references, valueAt(schema, page, index))) ids[kind].add(id);
  }
  const found = await client.call('names/resolve', {
    programs: [...ids.program],
    maps: [...ids.map],
    interfaces: [...ids.interface],
  });
  return namesOf(found);
}
