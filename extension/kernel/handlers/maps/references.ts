import { XdpError } from '../../../core/errors.ts';
import { referencesOf } from '../../../core/maps/references.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Context } from '../context.ts';
import { privilegeError } from '../object/failures.ts';
import type { OpenMap } from './mapRefs.ts';

/**
 * The kernel gives an id where it wants a file descriptor: runs `work` with the value as it is to be written. So what was read
 * can be written back.
 */
export function withReference(
  context: Context,
  map: OpenMap,
  value: Uint8Array,
  work: (value: Uint8Array) => number,
): number {
  const { type, valueSize } = map.info;
  const taken = takenByDescriptor(mapTypeName(type));
  if (taken !== undefined) {
    throw new XdpError('map-write-failed', `${map.name} (${mapTypeName(type)}) was not updated: it takes ${taken}`, {
      fix: 'Only the process that has it can put it there.',
      details: { map: map.name },
    });
  }
  const reference = referencesOf(mapTypeName(type), valueSize).find(({ kind }) => kind !== 'interface');
  if (reference === undefined || reference.kind === 'interface') return work(value);
  const given = Uint8Array.from(value);
  const view = new DataView(given.buffer);
  const id = view.getUint32(reference.offset, true);
  if (id === 0 && reference.optional) {
    // 0 would be standard input.
    view.setInt32(reference.offset, -1, true);
    return work(given);
  }
  const { fd, close } = open(context, reference.kind, id);
  try {
    view.setInt32(reference.offset, fd, true);
    return work(given);
  } finally {
    close();
  }
}

/** A number here would be a file descriptor of the helper itself, whatever that is. */
function takenByDescriptor(type: string): string | undefined {
  switch (type) {
    case 'xskmap':
      return 'an AF_XDP socket of the process that writes';
    case 'sockmap':
    case 'sockhash':
    case 'reuseport_sockarray':
    case 'sk_storage':
      return 'a socket of the process that writes';
    case 'perf_event_array':
      return 'a perf event of the process that writes';
    case 'cgroup_array':
      return 'an open cgroup of the process that writes';
    case 'inode_storage':
      return 'an open file of the process that writes as its key';
    default:
      return undefined;
  }
}

function open(context: Context, kind: 'program' | 'map', id: number): { fd: number; close: () => void } {
  const { objects, libbpf } = context;
  const own = kind === 'map' ? objects.mapById(id)?.fd : objects.allPrograms().find(({ info }) => info.id === id)?.fd;
  if (own !== undefined) return { fd: own, close: () => {} };
  const fd = libbpf.openById(kind, id);
  if (fd >= 0) return { fd, close: () => libbpf.close(fd) };
  if (fd === -errno.EPERM) {
    throw privilegeError(`Using ${kind} ${id}, which this helper did not load,`, context.system.capabilities(), [
      'CAP_SYS_ADMIN',
    ]);
  }
  throw new XdpError('value-invalid', `There is no ${kind} with id ${id}: ${errnoText(fd)}`, {
    fix: `Give the id of a ${kind} that is loaded.`,
  });
}
