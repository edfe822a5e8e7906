import { XdpError } from '../../../core/errors.ts';
import { mapTypeName, valueBytes } from '../../../core/maps/types.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { OpenMap } from './mapRefs.ts';
import { ownerOf, withOwner } from './owners.ts';
import { readingOf, unreadable } from './mapTraits.ts';

/** One value, undefined when there is no such key. A Bloom filter is asked whether `key`, a value, may be in it. */
export function lookup(libbpf: Libbpf, map: OpenMap, key: Uint8Array, possibleCpus: number): Uint8Array | undefined {
  const type = mapTypeName(map.info.type);
  const reading = readingOf(map.info);
  if (type === 'bloom_filter') return mayContain(libbpf, map, key);
  if (reading.kind === 'none') throw unreadable(map.info, map.name, reading.reason);
  if (reading.kind !== 'head') requireSize(map, 'key', key.length, map.info.keySize);
  const value = new Uint8Array(valueBytes(type, map.info.valueSize, possibleCpus));
  const result = lookupInto(libbpf, map, key, value);
  if (result === -errno.ENOENT) return undefined;
  if (result < 0) throw unreadable(map.info, map.name, errnoText(result), -result);
  return value;
}

/** More than any screen shows, and few enough to be looked up in one go. */
const maxValues = 4096;

/** Values of many keys. Places in `gone`: not there any more. */
export function lookupMany(
  libbpf: Libbpf,
  map: OpenMap,
  keys: Uint8Array,
  possibleCpus: number,
): { values: Uint8Array; gone: number[] } {
  const { keySize, valueSize } = map.info;
  const count = keySize === 0 ? 1 : Math.ceil(keys.length / keySize);
  requireSize(map, 'key', keys.length, count * keySize);
  if (count > maxValues) throw new XdpError('usage', `At most ${maxValues} keys are looked up at once, not ${count}`);
  const reading = readingOf(map.info);
  if (reading.kind === 'none') throw unreadable(map.info, map.name, reading.reason);
  const bytes = valueBytes(mapTypeName(map.info.type), valueSize, possibleCpus);
  const values = new Uint8Array(count * bytes);
  const gone: number[] = [];
  for (let index = 0; index < count; index++) {
    const key = keys.subarray(index * keySize, (index + 1) * keySize);
    const value = values.subarray(index * bytes, (index + 1) * bytes);
    if (lookupInto(libbpf, map, key, value) < 0) gone.push(index);
  }
  return { values, gone };
}

/** 0, or -errno; -ENOENT also where a trie only has a shorter prefix that covers the key. */
export function lookupInto(libbpf: Libbpf, map: OpenMap, key: Uint8Array, value: Uint8Array): number {
  const type = mapTypeName(map.info.type);
  const owner = ownerOf(type);
  if (owner !== undefined) return withOwner(libbpf, owner, key, (given) => libbpf.mapLookup(map.fd, given, value));
  const result = libbpf.mapLookup(map.fd, map.info.keySize === 0 ? undefined : key, value);
  if (result < 0 || type !== 'lpm_trie') return result;
  return holdsPrefix(libbpf, map, key) ? result : -errno.ENOENT;
}

/**
 * A trie answers a lookup with the longest prefix that covers the key, not only with that very key. Its iteration is exact:
 * after a key that it does not have, it starts at its first one again (kernel/bpf/lpm_trie.c, trie_get_next_key()).
 */
function holdsPrefix(libbpf: Libbpf, map: OpenMap, key: Uint8Array): boolean {
  const first = new Uint8Array(map.info.keySize);
  const next = new Uint8Array(map.info.keySize);
  if (libbpf.mapNextKey(map.fd, undefined, first) < 0) return false;
  if (libbpf.mapNextKey(map.fd, key, next) < 0) return true;
  // The first one follows nothing.
  return !sameBytes(first, next) || sameBytes(first, key);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}

function mayContain(libbpf: Libbpf, map: OpenMap, value: Uint8Array): Uint8Array | undefined {
  requireSize(map, 'value', value.length, map.info.valueSize);
  const asked = Uint8Array.from(value);
  const result = libbpf.mapLookup(map.fd, undefined, asked);
  if (result === -errno.ENOENT) return undefined;
  if (result < 0) throw unreadable(map.info, map.name, errnoText(result), -result);
  return asked;
}

/** The kernel reads as many bytes as the map says, however many there are: too few would be somebody's memory. */
export function requireSize(map: OpenMap, what: 'key' | 'value', got: number, wanted: number): void {
  if (got === wanted) return;
  throw new XdpError('value-invalid', `A ${what} of ${map.name} has ${wanted} bytes, not ${got}`, {
    fix:
      what === 'value' && wanted !== map.info.valueSize
        ? `Per-CPU values carry one slot for each possible CPU, rounded up to 8 bytes.`
        : `Give all ${wanted} bytes.`,
  });
}
