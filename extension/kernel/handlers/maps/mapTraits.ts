import { XdpError } from '../../../core/errors.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import type { BpfMapInfo } from '../../libbpf/port.ts';

/**
 * How a map's entries can be read from user space: by keys (with batch lookups where the kernel has them), by a look at
 * the head, or not at all.
 */
export type Reading = { kind: 'keys' } | { kind: 'head' } | { kind: 'none'; reason: string };

const none = (reason: string): Reading => ({ kind: 'none', reason });
const BPF_F_WRONLY = 1 << 4;

/** Source: the map_lookup_elem and map_get_next_key of each type in kernel/bpf and net/. */
export function readingOf(type: string, flags: number): Reading {
  if ((flags & BPF_F_WRONLY) !== 0) return none('it was created write-only for user space (BPF_F_WRONLY)');
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
      return none('it holds cgroups, which cannot be read back');
    case 'bloom_filter':
      return none('a Bloom filter can only be asked whether a value may be in it');
    case 'struct_ops':
      return none('it holds a kernel operations table');
    case 'arena':
      return none('it is memory shared with the program, not a table');
    case 'insn_array':
      return none('it holds instruction addresses');
    case 'sk_storage':
    case 'inode_storage':
    case 'task_storage':
    case 'cgrp_storage':
    case 'cgroup_storage':
    case 'percpu_cgroup_storage':
      return none(
        'its values belong to kernel objects (sockets, inodes, tasks, cgroups), not to keys that can be listed',
      );
    default:
      return { kind: 'keys' };
  }
}

export function unreadable(info: BpfMapInfo, name: string, reason: string, errnoValue?: number): XdpError {
  return new XdpError('map-unreadable', `${name} (${mapTypeName(info.type)}) cannot be read: ${reason}`, {
    details: { type: mapTypeName(info.type), ...(errnoValue === undefined ? {} : { errno: errnoValue }) },
  });
}
