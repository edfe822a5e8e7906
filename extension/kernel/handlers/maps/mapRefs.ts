import { XdpError } from '../../../core/errors.ts';
import type { MapRef } from '../../../protocol/kernel.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { BpfMapInfo } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { privilegeError } from '../object/failures.ts';

/** A map that is open for one call. `close` always, also for maps of our own objects (where it does nothing). */
export interface OpenMap {
  fd: number;
  info: BpfMapInfo;
  /** The full name in the source where it is known. */
  name: string;
  /** Loaded by this helper, or by an earlier one of this user that kept it. */
  own: boolean;
  close(): void;
}

/** Finds a map among our objects, by its pin, or (system profile) by its id. */
export function openMap(context: Context, ref: MapRef): OpenMap {
  const own = 'id' in ref ? context.objects.mapById(ref.id) : undefined;
  if (own !== undefined) return { ...described(context, own.fd, () => {}, `map ${own.name}`, own.name), own: true };
  const taken = 'id' in ref ? context.takenMaps.fdOf(ref.id) : undefined;
  if (taken !== undefined) return described(context, taken, () => {}, 'a taken map', undefined);
  const what = 'id' in ref ? `map ${ref.id}` : `the pin ${ref.pin}`;
  // An attachment that an earlier helper kept: its pin needs no CAP_SYS_ADMIN, and tells the full name.
  const kept = 'id' in ref ? context.keptMaps?.open(ref.id) : undefined;
  if (kept !== undefined) return { ...kept, own: true, close: () => context.libbpf.close(kept.fd) };
  const fd = 'id' in ref ? context.libbpf.openById('map', ref.id) : openPinned(context, ref.pin);
  if (fd < 0) throw letGo(context, ref) ?? cannotOpen(context, ref, fd);
  return described(context, fd, () => context.libbpf.close(fd), what, undefined);
}

function described(context: Context, fd: number, close: () => void, what: string, name: string | undefined): OpenMap {
  const info = context.libbpf.mapInfo(fd);
  if (typeof info === 'number') {
    close();
    throw new XdpError('map-not-found', `${what} is not a BPF map`, { details: { errno: -info } });
  }
  return { fd, info, name: name ?? info.name, own: false, close };
}

/** A map that was ours: that another one might need CAP_SYS_ADMIN is not what its viewer wants to know. */
function letGo(context: Context, ref: MapRef): XdpError | undefined {
  const name = 'id' in ref ? context.objects.closedMap(ref.id) : undefined;
  if (name === undefined) return undefined;
  return new XdpError('map-not-found', `The map ${name} is gone: its program was unloaded or replaced`, {
    fix: 'Attach the program again; a new map of that name starts empty.',
  });
}

function openPinned(context: Context, path: string): number {
  return context.libbpf.openPin('problem' in context.pins ? path : context.pins.reach(path));
}

function cannotOpen(context: Context, ref: MapRef, result: number): XdpError {
  if ('pin' in ref) {
    if (result === -errno.ENOENT) {
      return new XdpError('map-not-found', `There is no pin at ${ref.pin}`, {
        fix: 'bpftool map list and ls on the BPF file system show what is pinned.',
      });
    }
    return new XdpError(
      result === -errno.EACCES || result === -errno.EPERM ? 'privilege' : 'map-not-found',
      `The pin ${ref.pin} could not be opened: ${errnoText(result)}`,
      { fix: 'It must be a map pinned in a BPF file system that this user may read.', details: { errno: -result } },
    );
  }
  if (result === -errno.EPERM) {
    return privilegeError(`Opening map ${ref.id}, which this helper did not load,`, context.system.capabilities(), [
      'CAP_SYS_ADMIN',
    ]);
  }
  return new XdpError('map-not-found', `There is no map with id ${ref.id}`, {
    fix: 'The program that owned it may have been unloaded; list the maps again.',
    details: { errno: -result },
  });
}
