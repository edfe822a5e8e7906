import { XdpError } from '../../../core/errors.ts';
import { mapTypeName, valueBytes } from '../../../core/maps/types.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { OpenMap } from './mapRefs.ts';
import { readingOf, unreadable } from './mapTraits.ts';

/** One value, undefined when there is no such key. */
export function lookup(libbpf: Libbpf, map: OpenMap, key: Uint8Array, possibleCpus: number): Uint8Array | undefined {
  const type = mapTypeName(map.info.type);
  const reading = readingOf(type, map.info.flags);
  if (reading.kind === 'none') throw unreadable(map.info, map.name, reading.reason);
  if (reading.kind === 'keys') requireSize(map, 'key', key.length, map.info.keySize);
  const value = new Uint8Array(valueBytes(type, map.info.valueSize, possibleCpus));
  const result = libbpf.mapLookup(map.fd, reading.kind === 'head' ? undefined : key, value);
  if (result === -errno.ENOENT) return undefined;
  if (result < 0) throw unreadable(map.info, map.name, errnoText(result), -result);
  return value;
}

export function update(
  libbpf: Libbpf,
  map: OpenMap,
  entry: { key: Uint8Array; value: Uint8Array; flags: number },
  possibleCpus: number,
): void {
  const type = mapTypeName(map.info.type);
  requireSize(map, 'key', entry.key.length, map.info.keySize);
  requireSize(map, 'value', entry.value.length, valueBytes(type, map.info.valueSize, possibleCpus));
  const key = map.info.keySize === 0 ? undefined : entry.key;
  const result = libbpf.mapUpdate(map.fd, key, entry.value, entry.flags);
  if (result < 0) throw writeError(libbpf, map, 'updated', result, entry.flags);
}

export function remove(libbpf: Libbpf, map: OpenMap, key: Uint8Array): void {
  requireSize(map, 'key', key.length, map.info.keySize);
  const result = libbpf.mapDelete(map.fd, key);
  if (result < 0) throw writeError(libbpf, map, 'deleted from', result, 0);
}

/** The kernel reads as many bytes as the map says, however many there are: too few would be somebody's memory. */
function requireSize(map: OpenMap, what: 'key' | 'value', got: number, wanted: number): void {
  if (got === wanted) return;
  throw new XdpError('value-invalid', `A ${what} of ${map.name} has ${wanted} bytes, not ${got}`, {
    fix:
      what === 'value' && wanted !== map.info.valueSize
        ? `Per-CPU values carry one slot for each possible CPU, rounded up to 8 bytes.`
        : `Give all ${wanted} bytes.`,
  });
}

const BPF_NOEXIST = 1;
const BPF_EXIST = 2;

function writeError(libbpf: Libbpf, map: OpenMap, done: string, result: number, flags: number): XdpError {
  const { why, fix } = explainWrite(libbpf, map, result, flags, done);
  return new XdpError('map-write-failed', `${map.name} (${mapTypeName(map.info.type)}) was not ${done}: ${why}`, {
    ...(fix === undefined ? {} : { fix }),
    details: { errno: -result, errnoName: errnoName(result), map: map.name },
  });
}

function explainWrite(
  libbpf: Libbpf,
  map: OpenMap,
  result: number,
  flags: number,
  done: string,
): { why: string; fix?: string } {
  const type = mapTypeName(map.info.type);
  const isArray = type.endsWith('array') || type === 'array_of_maps';
  switch (-result) {
    case errno.EPERM:
      return libbpf.isFrozen(map.fd)
        ? {
            why: 'it is frozen, as .rodata is after loading',
            fix: 'Read-only data can only be changed before the program is loaded.',
          }
        : { why: 'the kernel forbids writes from user space (map flags, or missing capabilities)' };
    case errno.E2BIG:
      return isArray && flags !== BPF_NOEXIST
        ? { why: `the index is not below max_entries (${map.info.maxEntries})` }
        : {
            why: `it is full: ${map.info.maxEntries} entries`,
            fix: 'Delete an entry, use an LRU map, or raise max_entries.',
          };
    case errno.ENOSPC:
      return { why: `it is full: ${map.info.maxEntries} entries`, fix: 'Delete an entry, or raise max_entries.' };
    case errno.EEXIST:
      return { why: isArray ? 'an array always holds every index' : 'the key is there already (BPF_NOEXIST)' };
    case errno.ENOENT:
      if (flags === BPF_EXIST) return { why: 'there is no such key (BPF_EXIST)' };
      return done === 'updated' ? { why: 'what the value refers to does not exist' } : { why: 'there is no such key' };
    case errno.EINVAL:
      if (done !== 'updated' && isArray) {
        return { why: 'entries of an array cannot be deleted', fix: 'Set the entry to zero instead.' };
      }
      return { why: 'the map type does not take this key, value or flag' };
    case errno.EBADF:
      return { why: 'the value must be a file descriptor of a program or map, which cannot be given from here' };
    case errno.EOPNOTSUPP:
    case errno.ENOTSUPP:
      return { why: 'the kernel does not offer this for the map type' };
    default:
      return { why: errnoText(result) };
  }
}
