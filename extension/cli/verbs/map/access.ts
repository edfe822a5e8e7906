import { checkPage, keyAt, type RawPage, valueAt } from '../../../core/maps/entries.ts';
import type { MapSchema } from '../../../core/maps/schema.ts';
import type { HelperClient } from '../../../session/kernelAccess.ts';
import { findMap, type OpenMap, openMap } from '../../../session/maps/maps.ts';
import { type Context, wholeNumber } from '../../command.ts';

export interface OpenedMap {
  client: HelperClient;
  map: OpenMap;
}

/** Maps of other processes are opened by id, which the kernel ties to CAP_SYS_ADMIN. */
export function withMap<T>(
  context: Context,
  name: string,
  netns: string | undefined,
  action: (opened: OpenedMap) => Promise<T>,
): Promise<T> {
  return context.kernel.withSystem(netns, async (client) =>
    action({ client, map: await openMap(client, await findMap(client, name)) }),
  );
}

/**
 * The map that stands behind a pin now, when it is another one than was opened: whoever loads a program anew often pins its maps in the
 * place of the old ones, and their entries may be of other types. undefined: it is the same.
 */
export async function openedAnew({ client, map }: OpenedMap): Promise<OpenedMap | undefined> {
  if (!('pin' in map.ref)) return undefined;
  const { id } = await client.call('map/info', { map: map.ref });
  return id === map.info.id ? undefined : { client, map: await openMap(client, map.ref) };
}

export function intervalOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber('--watch', text, { min: 1, max: 3_600_000 });
}

/** Some entries of a page, as a page. */
export function part(schema: MapSchema, page: RawPage, from: number, count: number): RawPage {
  checkPage(schema, page);
  const end = Math.min(page.count, from + count);
  if (from >= end) return { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
  const keys = page.keys.subarray(from * schema.keySize, end * schema.keySize);
  const valueSize = valueAt(schema, page, 0).length;
  return { count: end - from, keys, values: page.values.subarray(from * valueSize, end * valueSize) };
}

/** The page without the entries at these places. */
export function without(schema: MapSchema, page: RawPage, gone: readonly number[]): RawPage {
  if (gone.length === 0) return page;
  const dropped = new Set(gone);
  const left = Array.from({ length: page.count }, (_, index) => index).filter((index) => !dropped.has(index));
  return {
    count: left.length,
    keys: new Uint8Array(Buffer.concat(left.map((index) => keyAt(schema, page, index)))),
    values: new Uint8Array(Buffer.concat(left.map((index) => valueAt(schema, page, index)))),
  };
}
