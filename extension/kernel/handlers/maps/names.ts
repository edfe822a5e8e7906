import { mapTypeName } from '../../../core/maps/types.ts';
import type { kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import type { Context } from '../context.ts';

type NameHandlers = Pick<Handlers<typeof kernelContract>, 'names/resolve'>;

/** More numbers than a page of any view holds. */
const maxNames = 4096;

export function nameHandlers(context: Context): NameHandlers {
  return {
    'names/resolve': ({ programs, maps, interfaces }) => ({
      programs: distinct(programs).flatMap((id) => programName(context, id)),
      maps: distinct(maps).flatMap((id) => mapName(context, id)),
      interfaces: distinct(interfaces).flatMap((ifindex) => {
        const link = ifindex === 0 ? -1 : context.netlink.link(ifindex);
        return typeof link === 'number' ? [] : [{ ifindex, name: link.name }];
      }),
    }),
  };
}

function distinct(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].slice(0, maxNames);
}

function programName(context: Context, id: number): { id: number; name: string }[] {
  const own = context.objects.allPrograms().find(({ info }) => info.id === id);
  if (own !== undefined) return [{ id, name: own.name }];
  return opened(context, 'program', id, (fd) => {
    const info = context.libbpf.programInfo(fd);
    return typeof info === 'number' ? [] : [{ id, name: info.name }];
  });
}

function mapName(context: Context, id: number): { id: number; name: string; type: string }[] {
  const own = context.objects.mapById(id);
  if (own !== undefined) {
    const info = context.libbpf.mapInfo(own.fd);
    return typeof info === 'number' ? [] : [{ id, name: own.name, type: mapTypeName(info.type) }];
  }
  return opened(context, 'map', id, (fd) => {
    const info = context.libbpf.mapInfo(fd);
    return typeof info === 'number' ? [] : [{ id, name: info.name, type: mapTypeName(info.type) }];
  });
}

function opened<T>({ libbpf }: Context, kind: 'program' | 'map', id: number, read: (fd: number) => T[]): T[] {
  const fd = libbpf.openById(kind, id);
  if (fd < 0) return [];
  try {
    return read(fd);
  } finally {
    libbpf.close(fd);
  }
}
