import type { Libbpf } from '../../libbpf/port.ts';
import { readMap } from './mapRead.ts';
import type { OpenMap } from './mapRefs.ts';
import { readingOf } from './mapTraits.ts';

/** Entries that a reading would give; undefined when they are more than `most`. Throws `map-unreadable`. */
export function countEntries(
  libbpf: Libbpf,
  { map, most, possibleCpus }: { map: OpenMap; most: number; possibleCpus: number },
): number | undefined {
  // A peek tells that there is a head, and no more.
  if (readingOf(map.info).kind === 'head') return undefined;
  let count = 0;
  let cursor: Uint8Array | undefined;
  do {
    const page = readMap(libbpf, { map, limit: most - count + 1, cursor, possibleCpus });
    count += page.count;
    if (count > most) return undefined;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}
