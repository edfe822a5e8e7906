import { XdpError } from '../../../core/errors.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { OpenMap } from './mapRefs.ts';
import { ownerOf } from './owners.ts';

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST of include/uapi/linux/bpf.h. */
export const writeFlags = { any: 0, new: 1, existing: 2 } as const;

export interface Attempt {
  did: 'updated' | 'deleted';
  flags: number;
  key: Uint8Array;
  result: number;
}

/** Why the kernel did not take it, in words. */
export function writeError(libbpf: Libbpf, map: OpenMap, attempt: Attempt): XdpError {
  const { why, fix } = explain(libbpf, map, attempt);
  const { did, result } = attempt;
  const which = `${map.name} (${mapTypeName(map.info.type)})`;
  const what = did === 'updated' ? `${which} was not updated` : `Nothing was deleted from ${which}`;
  return new XdpError('map-write-failed', `${what}: ${why}`, {
    ...(fix === undefined ? {} : { fix }),
    details: { errno: -result, errnoName: errnoName(result), map: map.name },
  });
}

interface Explanation {
  why: string;
  fix?: string;
}

function explain(libbpf: Libbpf, map: OpenMap, attempt: Attempt): Explanation {
  const { did, flags, result } = attempt;
  const { info } = map;
  const type = mapTypeName(info.type);
  switch (-result) {
    case errno.EPERM:
      return forbidden(libbpf, map);
    case errno.E2BIG:
      return isIndexed(type) && flags !== writeFlags.new
        ? { why: `the index is not below max_entries (${info.maxEntries})` }
        : full(info.maxEntries);
    case errno.ENOSPC:
      return full(info.maxEntries);
    case errno.EEXIST:
      return {
        why: type.endsWith('array') ? 'an array always holds every index' : 'the key is there already (BPF_NOEXIST)',
      };
    case errno.ENOENT:
      if (flags === writeFlags.existing) return { why: 'there is no such key (BPF_EXIST)' };
      if (did === 'updated' && ownerOf(type) !== undefined) {
        return { why: ownerOf(type) === 'process' ? 'there is no such process' : 'there is no such cgroup' };
      }
      return did === 'updated' ? { why: 'what the value refers to does not exist' } : { why: 'there is no such key' };
    case errno.EINVAL:
      return invalid(map, type, attempt);
    case errno.ENODEV:
      return { why: 'there is no interface with that index in this network namespace' };
    case errno.EBADF:
      return { why: 'the value must be a file descriptor of a kernel object, which cannot be given from here' };
    case errno.ENOMEM:
      return { why: 'the kernel has no memory for another entry', fix: 'Try again, or delete an entry.' };
    case errno.EBUSY:
      return { why: 'a program uses the entry right now', fix: 'Try again.' };
    case errno.EOPNOTSUPP:
    case errno.ENOTSUPP:
      return { why: `the kernel does not offer this for a ${type} from user space` };
    default:
      return { why: errnoText(result) };
  }
}

function forbidden(libbpf: Libbpf, { fd }: OpenMap): Explanation {
  const { frozen, access } = libbpf.mapFacts(fd);
  if (frozen) {
    return {
      why: 'it is frozen, as .rodata is after loading',
      fix: 'Read-only data can only be changed before the program is loaded.',
    };
  }
  if (access === 'read') {
    return { why: 'it was created read-only for its loader (BPF_F_RDONLY)', fix: 'Create it without that flag.' };
  }
  return { why: 'the kernel forbids writes from user space (map flags, or missing capabilities)' };
}

function full(maxEntries: number): Explanation {
  return {
    why: `it is full: ${maxEntries} ${maxEntries === 1 ? 'entry' : 'entries'}`,
    fix: 'Delete an entry, use an LRU map, or raise max_entries.',
  };
}

function invalid({ info }: OpenMap, type: string, { did, key, flags }: Attempt): Explanation {
  if (did === 'deleted') {
    if (type === 'array' || type === 'percpu_array') {
      return { why: 'entries of an array cannot be deleted', fix: 'Set the entry to zero instead.' };
    }
    return { why: 'the kernel deletes nothing from a map of this type' };
  }
  if (type === 'lpm_trie') {
    const bits = 8 * (info.keySize - 4);
    const length = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
    if (length > bits) return { why: `the prefix length ${length} is more than the ${bits} bits that its keys have` };
  }
  if (type === 'array_of_maps' || type === 'hash_of_maps') {
    return { why: 'the inner map is not made like the one that it was declared with' };
  }
  if (type === 'devmap' || type === 'devmap_hash') {
    return { why: 'there is no interface with that index in this network namespace' };
  }
  if (type === 'prog_array')
    return { why: 'the program is not of the type, or not attached the way, of those that use it' };
  if (flags !== writeFlags.any) return { why: 'the map type does not take this flag' };
  return { why: 'the map type does not take this key or value' };
}

function isIndexed(type: string): boolean {
  return type.endsWith('array') || ['array_of_maps', 'devmap', 'cpumap', 'xskmap', 'sockmap'].includes(type);
}
