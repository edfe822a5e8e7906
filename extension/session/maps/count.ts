import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { MapInfo } from '../../protocol/kernel.ts';

/** More entries than this take longer than anybody waits for a list of maps: some ten milliseconds a map. */
export const countedEntries = 10_000;

/** How many entries a map has; undefined where they cannot be counted, where they are too many to be counted, and where it may not be read. */
export async function entriesOf(client: HelperClient, { id, type, maxEntries }: MapInfo): Promise<number | undefined> {
  // Every place of an array is an entry, zero or not.
  if (type === 'array' || type === 'percpu_array') return maxEntries;
  try {
    const { count } = await client.call('map/count', { map: { id }, most: countedEntries });
    return count;
  } catch (error) {
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}
