import type { kernelContract, MapInfo, MapRef, ProgramInfo } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { XdpError } from '../../../core/errors.ts';
import { errno } from '../../libbpf/errno.ts';
import type { BpfProgramInfo, IdKind } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { kernelError, privilegeError } from '../object/failures.ts';
import { countEntries } from './mapCount.ts';
import { readMap } from './mapRead.ts';
import { type OpenMap, openMap } from './mapRefs.ts';
import { lookup, lookupMany } from './mapLookup.ts';
import { usesOf } from './uses.ts';
import { remove, update, write } from './mapWrite.ts';
import { toMapInfo } from '../object/objects.ts';

type MapHandlers = Pick<
  Handlers<typeof kernelContract>,
  | 'map/list'
  | 'map/info'
  | 'map/read'
  | 'map/count'
  | 'map/uses'
  | 'map/lookup'
  | 'map/update'
  | 'map/delete'
  | 'map/write'
  | 'map/values'
  | 'map/lend'
  | 'map/take'
  | 'map/release'
  | 'btf/get'
  | 'program/list'
>;

export function mapHandlers(context: Context): MapHandlers {
  const { libbpf } = context;
  const possibleCpus = context.system.possibleCpus().length;
  return {
    'map/list': () => ({ maps: context.profile === 'system' ? everyMap(context) : ownMaps(context) }),
    'map/info': ({ map }) => withMap(context, map, (open) => toMapInfo(libbpf, open.fd, open.info, open.name)),
    'map/read': ({ map, limit, cursor }) =>
      withMap(context, map, (open) => ({
        ...readMap(libbpf, { map: open, limit, cursor, possibleCpus }),
        atNs: context.system.nowNs(),
      })),
    'map/count': ({ map, most }) =>
      withMap(context, map, (open) => {
        const count = countEntries(libbpf, { map: open, most, possibleCpus });
        return count === undefined ? {} : { count };
      }),
    'map/uses': ({ ids }) => ({ maps: usesOf(context, ids) }),
    'map/lookup': ({ map, key }) =>
      withMap(context, map, (open) => {
        const value = lookup(libbpf, open, key, possibleCpus);
        return value === undefined ? {} : { value };
      }),
    'map/update': ({ map, ...entry }) =>
      withMap(context, map, (open) => {
        update(context, open, entry);
        return {};
      }),
    'map/delete': ({ map, key }) =>
      withMap(context, map, (open) => {
        remove(context, open, key);
        return {};
      }),
    'map/write': ({ map, ...request }) => withMap(context, map, (open) => write(context, open, request)),
    'map/values': ({ map, keys }) =>
      withMap(context, map, (open) => ({
        ...lookupMany(libbpf, open, keys, possibleCpus),
        atNs: context.system.nowNs(),
      })),
    'map/lend': ({ id }) => ({ pin: withMap(context, { id }, (open) => lend(context, open)) }),
    'map/take': ({ pin }) => {
      const info = context.takenMaps.add(take(context, pin));
      return toMapInfo(libbpf, context.takenMaps.fdOf(info.id) ?? -1, info);
    },
    'map/release': ({ id }) => {
      context.takenMaps.release(id);
      return {};
    },
    'btf/get': ({ id }) => ({ btf: readBtf(context, id) }),
    'program/list': () => ({
      programs:
        context.profile === 'system'
          ? everyId(context, 'program', (fd) => programOf(libbpf.programInfo(fd)))
          : context.objects.allPrograms().flatMap((program) => programOf(libbpf.programInfo(program.fd), program.name)),
    }),
  };
}

/** The map is open for one call only: opening by id costs less than a microsecond, and nothing can be left open. */
function withMap<T>(context: Context, ref: MapRef, work: (map: OpenMap) => T): T {
  const map = openMap(context, ref);
  try {
    return work(map);
  } finally {
    map.close();
  }
}

function lend(context: Context, { fd, info, name }: OpenMap): string {
  const { pins } = context;
  if ('problem' in pins) {
    throw new XdpError('environment', `${name} cannot be handed to the helper that watches maps: ${pins.problem}`, {
      fix: 'It needs the BPF file system: mount -t bpf bpf /sys/fs/bpf.',
    });
  }
  const pinned = pins.lend(fd, info.id);
  if (typeof pinned === 'number') throw kernelError(`Pinning ${name} for the helper that watches maps`, pinned);
  return pinned;
}

function take(context: Context, pin: string): number {
  const { pins } = context;
  const fd = 'problem' in pins ? -errno.ENOENT : pins.take(pin);
  if (fd < 0) throw kernelError(`Opening ${pin}, where a map was lent,`, fd);
  return fd;
}

function ownMaps(context: Context): MapInfo[] {
  const maps = new Map<number, MapInfo>();
  for (const { fd, name } of context.objects.allMaps()) {
    const info = context.libbpf.mapInfo(fd);
    if (typeof info !== 'number') maps.set(info.id, toMapInfo(context.libbpf, fd, info, name));
  }
  for (const fd of context.takenMaps.all()) {
    const info = context.libbpf.mapInfo(fd);
    if (typeof info !== 'number' && !maps.has(info.id)) maps.set(info.id, toMapInfo(context.libbpf, fd, info));
  }
  const { pins } = context;
  if ('problem' in pins) return [...maps.values()];
  for (const pinned of pins.maps()) {
    const fd = context.libbpf.openPin(pins.reach(pinned.path));
    if (fd < 0) continue;
    const info = context.libbpf.mapInfo(fd);
    if (typeof info !== 'number' && !maps.has(info.id)) {
      maps.set(info.id, toMapInfo(context.libbpf, fd, info, pinned.name));
    }
    context.libbpf.close(fd);
  }
  return [...maps.values()];
}

function everyMap(context: Context): MapInfo[] {
  return everyId(context, 'map', (fd) => {
    const info = context.libbpf.mapInfo(fd);
    return typeof info === 'number'
      ? []
      : [toMapInfo(context.libbpf, fd, info, context.objects.mapById(info.id)?.name)];
  });
}

/** Everything of a kind on this system; what goes away meanwhile is left out. */
function everyId<T>(context: Context, kind: IdKind, read: (fd: number) => T[]): T[] {
  const found: T[] = [];
  for (let id = 0; ; ) {
    id = context.libbpf.nextId(kind, id);
    if (id === -errno.ENOENT) return found;
    if (id === -errno.EPERM) {
      throw privilegeError(`Listing every ${kind} on this system`, context.system.capabilities(), ['CAP_SYS_ADMIN']);
    }
    if (id < 0) throw kernelError(`Listing every ${kind}`, id);
    const fd = context.libbpf.openById(kind, id);
    if (fd < 0) continue;
    found.push(...read(fd));
    context.libbpf.close(fd);
  }
}

function programOf(info: BpfProgramInfo | number, name?: string): ProgramInfo[] {
  return typeof info === 'number' ? [] : [{ ...info, name: name ?? info.name }];
}

function readBtf(context: Context, id: number): Uint8Array {
  const known = ownBtf(context, id);
  if (known !== undefined) return known;
  const fd = context.libbpf.openById('btf', id);
  if (fd === -errno.EPERM) {
    throw privilegeError(`Opening BTF ${id}`, context.system.capabilities(), ['CAP_SYS_ADMIN']);
  }
  if (fd < 0) {
    throw new XdpError('map-not-found', `There is no BTF with id ${id}`, { fix: 'List the maps again.' });
  }
  const btf = context.libbpf.btfInfo(fd);
  context.libbpf.close(fd);
  if (typeof btf === 'number') throw kernelError(`Reading BTF ${id}`, btf);
  return btf.bytes;
}

/** BTF of our objects and of what is kept, which need no CAP_SYS_ADMIN. */
function ownBtf(context: Context, id: number): Uint8Array | undefined {
  for (const fd of context.objects.allBtfs()) {
    const btf = context.libbpf.btfInfo(fd);
    if (typeof btf !== 'number' && btf.id === id) return btf.bytes;
  }
  return 'problem' in context.pins ? undefined : context.pins.btf(id);
}
