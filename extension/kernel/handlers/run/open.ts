import { XdpError } from '../../../core/errors.ts';
import { mapTypeNumber } from '../../../core/maps/types.ts';
import type { kernelContract, LoadedObject, MapInfo } from '../../../protocol/kernel.ts';
import type { Handlers, ParamsOf } from '../../../protocol/rpc.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Context } from '../context.ts';
import { privilegeError } from '../object/failures.ts';
import { describeObject, type StoredMap, toMapInfo } from '../object/objects.ts';

type OpenHandlers = Pick<Handlers<typeof kernelContract>, 'program/open' | 'object/addMap'>;

export function openHandlers(context: Context): OpenHandlers {
  return {
    'program/open': ({ id }) => openProgram(context, id),
    'object/addMap': (params) => addMap(context, params),
  };
}

/** Opening by id needs CAP_SYS_ADMIN, for the program as for its maps. */
function openProgram(context: Context, id: number): LoadedObject {
  const { libbpf } = context;
  const fd = libbpf.openById('program', id);
  if (fd === -errno.EPERM) {
    throw privilegeError(`Opening program ${id}, which another process loaded,`, context.system.capabilities(), [
      'CAP_SYS_ADMIN',
    ]);
  }
  if (fd < 0) {
    throw new XdpError('program-not-found', `There is no program with id ${id}.`, {
      fix: 'It may have been detached meanwhile; look again with: xdp interfaces',
    });
  }
  const info = libbpf.programInfo(fd);
  if (typeof info === 'number') {
    libbpf.close(fd);
    throw new XdpError('program-not-found', `Program ${id} cannot be looked at: ${errnoText(info)}`);
  }
  const maps = info.mapIds.flatMap((mapId): StoredMap[] => {
    const mapFd = libbpf.openById('map', mapId);
    if (mapFd < 0) return [];
    const map = libbpf.mapInfo(mapFd);
    if (typeof map !== 'number') return [{ name: map.name, fd: mapFd, id: mapId }];
    libbpf.close(mapFd);
    return [];
  });
  const program = { name: info.name, section: '', type: info.type, fd, info };
  return describeObject(libbpf, context.objects.addOpened({ name: info.name, programs: [program], maps }), []);
}

function addMap(context: Context, params: ParamsOf<typeof kernelContract, 'object/addMap'>): MapInfo {
  const { libbpf } = context;
  const { object, name, keySize, valueSize, maxEntries, flags } = params;
  context.objects.get(object);
  const type = mapTypeNumber(params.type);
  if (type === undefined) throw new XdpError('usage', `There is no map type ${params.type}.`);
  // The kernel keeps 15 characters, of letters, digits, underscores and dots.
  const kernelName = name.replaceAll(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
  const fd = libbpf.createMap({ type, name: kernelName, keySize, valueSize, maxEntries, flags });
  if (fd < 0) {
    throw new XdpError(
      'map-write-failed',
      `The kernel does not make the map ${name} (${params.type}): ${errnoText(fd)}`,
      {
        details: { errno: -fd, map: name },
      },
    );
  }
  const info = libbpf.mapInfo(fd);
  if (typeof info === 'number') {
    libbpf.close(fd);
    throw new XdpError('map-not-found', `The map ${name} cannot be looked at: ${errnoText(info)}`);
  }
  context.objects.addMap(object, { name, fd, id: info.id });
  return toMapInfo(libbpf, fd, info, name);
}
