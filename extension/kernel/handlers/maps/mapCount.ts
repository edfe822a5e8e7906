import { mapTypeName } from '../../../core/maps/types.ts';
import { errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import { readMap } from './mapRead.ts';
import type { OpenMap } from './mapRefs.ts';
import { readingOf, unreadable } from './mapTraits.ts';
import { ownersOf } from './owners.ts';

interface CountRequest {
  map: OpenMap;
  most: number;
  possibleCpus: number;
}

/** Entries that are there; undefined when they are more than `most`, or when not all of them can be found. Throws `map-unreadable`. */
export function countEntries(libbpf: Libbpf, request: CountRequest): number | undefined {
  const { map, most } = request;
  if (mapTypeName(map.info.type) === 'sk_storage') return countSockets(libbpf, map, most);
  const reading = readingOf(map.info);
  switch (reading.kind) {
    case 'head':
      // A peek tells that there is a head, and no more.
      return undefined;
    case 'owners':
      return ownersOf(libbpf, reading.of).whole ? countRead(libbpf, request) : undefined;
    case 'keys':
    case 'none':
      return countRead(libbpf, request);
  }
}

function countRead(libbpf: Libbpf, { map, most, possibleCpus }: CountRequest): number | undefined {
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

/** They cannot be read, but counted. */
function countSockets(libbpf: Libbpf, map: OpenMap, most: number): number | undefined {
  const count = libbpf.countSocketStorage(map.fd, most + 1);
  if (count < 0) throw unreadable(map.info, map.name, errnoText(count), -count);
  return count > most ? undefined : count;
}
