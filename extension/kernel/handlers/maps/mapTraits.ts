import { XdpError } from '../../../core/errors.ts';
import { mapTypeName, mapTypeNumber } from '../../../core/maps/types.ts';
import { type OwnerKind } from './owners.ts';
import type { BpfMapInfo } from '../../libbpf/port.ts';

/**
 * How a map's entries can be read from user space: by keys (with batch lookups where the kernel has them), by a look at
 * the head, by asking for each process or cgroup, or not at all.
 */
export type Reading =
  | { kind: 'keys' }
  | { kind: 'head' }
  | { kind: 'owners'; of: OwnerKind }
  | { kind: 'none'; reason: string };

/** How many bytes the kernel reads and writes for a value of a type to come, nobody knows here. */
export const unknownType = 'its type is newer than this version, which does not know how large its values are';

const none = (reason: string): Reading => ({ kind: 'none', reason });

/** Source: the map_lookup_elem and map_get_next_key of each type in kernel/bpf and net/. */
export function readingOf({ type: number, valueSize }: BpfMapInfo): Reading {
  const type = mapTypeName(number);
  switch (type) {
    case 'queue':
    case 'stack':
      return { kind: 'head' };
    case 'ringbuf':
    case 'user_ringbuf':
      return none('a ring buffer is consumed by its one reader; it has no entries to look up');
    case 'perf_event_array':
      return none('it holds perf event file descriptors, which cannot be read back; its events go to a perf reader');
    case 'xskmap':
      return none('it holds AF_XDP sockets, which the kernel does not show to user space');
    case 'cgroup_array':
      return none('it holds cgroups, which the kernel does not show to user space');
    case 'bloom_filter':
      return none('a Bloom filter keeps no values: it can only be asked whether a value may be in it');
    case 'arena':
      return none('it is memory shared with the program, not a table');
    case 'insn_array':
      return none('it holds instruction addresses');
    case 'task_storage':
      return { kind: 'owners', of: 'process' };
    case 'cgrp_storage':
      return { kind: 'owners', of: 'cgroup' };
    case 'sk_storage':
    case 'inode_storage':
      return none('its values belong to sockets or inodes, which only a process that has them open can ask for');
    case 'sockmap':
    case 'sockhash':
    case 'reuseport_sockarray':
      // sock_map_lookup_sys() and bpf_fd_reuseport_array_lookup_elem() answer ENOSPC else.
      return valueSize === 8
        ? { kind: 'keys' }
        : none('the kernel shows its sockets only as cookies, in values of 8 bytes');
    default:
      return mapTypeNumber(type) === undefined ? none(unknownType) : { kind: 'keys' };
  }
}

/**
 * Entries that one reading ends after, so that it ends also when a program inserts faster than it is read. The storage of
 * cgroups is declared with 0 entries and has one for each cgroup (kernel/bpf/local_storage.c, cgroup_storage_map_alloc()).
 */
export function mostEntries({ type, maxEntries }: BpfMapInfo): number {
  return mapTypeName(type).endsWith('cgroup_storage') ? 1 << 20 : maxEntries;
}

export function unreadable(info: BpfMapInfo, name: string, reason: string, errnoValue?: number): XdpError {
  return new XdpError('map-unreadable', `${name} (${mapTypeName(info.type)}) cannot be read: ${reason}`, {
    details: { type: mapTypeName(info.type), ...(errnoValue === undefined ? {} : { errno: errnoValue }) },
  });
}
