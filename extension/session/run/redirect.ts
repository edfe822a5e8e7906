import { indexByKey, keyText, type RawPage, valueAt } from '../../core/maps/entries.ts';
import { t, translated } from '../../core/text/language.ts';
import type { RedirectTarget } from '../../core/vm/helpers/world.ts';
import type { OpenMap } from '../maps/maps.ts';

/** Where a packet with the verdict XDP_REDIRECT goes. */
export type Redirect =
  /** `map` and `key`: the device map's entry that says so. */
  | { kind: 'interface'; ifindex: number; name?: string; map?: string; key?: number }
  | { kind: 'cpu'; cpu: number; map: string }
  /** The AF_XDP socket bound to this receive queue. */
  | { kind: 'socket'; queue: number; map: string }
  /** To every interface of a device map (BPF_F_BROADCAST). */
  | { kind: 'broadcast'; map: string }
  /** A test run does not tell, and nobody else knows. */
  | { kind: 'unknown'; reason: string };

export interface RedirectSetting {
  maps: readonly OpenMap[];
  /** After the run. */
  pages: ReadonlyMap<string, RawPage>;
  /** Names by ifindex. */
  interfaces: ReadonlyMap<number, string>;
}

/** The helper's argument in words of the system: which interface, CPU or socket that is. */
export function describeTarget(target: RedirectTarget, { maps, pages, interfaces }: RedirectSetting): Redirect {
  const interfaceOf = (ifindex: number): { kind: 'interface'; ifindex: number; name?: string } => {
    const name = interfaces.get(ifindex);
    return { kind: 'interface', ifindex, ...(name === undefined ? {} : { name }) };
  };
  if (target.kind === 'interface') return interfaceOf(target.ifindex);
  const { map: name, key, broadcast } = target;
  if (broadcast) return { kind: 'broadcast', map: name };
  const map = maps.find(({ info }) => info.name === name);
  switch (map?.info.type) {
    case 'cpumap':
      return { kind: 'cpu', cpu: key, map: name };
    case 'xskmap':
      return { kind: 'socket', queue: key, map: name };
    case 'devmap':
    case 'devmap_hash': {
      const page = pages.get(name);
      const at = page && indexByKey(map.schema, page).get(keyText(keyBytes(key)));
      if (page === undefined || at === undefined) break;
      const value = valueAt(map.schema, page, at);
      const ifindex = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
      return { ...interfaceOf(ifindex), map: name, key };
    }
    default:
  }
  return { kind: 'unknown', reason: `the entry ${key} of ${name} cannot be read` };
}

function keyBytes(key: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(key).buffer);
}

/** `veth0 (ports[0])`, `CPU 2 (cpus)`; for people. */
export function redirectText(redirect: Redirect): string {
  switch (redirect.kind) {
    case 'interface': {
      const { ifindex, name, map, key } = redirect;
      const where = name === undefined ? t('interface {0}', ifindex) : `${name} (ifindex ${ifindex})`;
      return map === undefined ? where : t('{0}, by {1}', where, `${map}[${key}]`);
    }
    case 'cpu':
      return t('CPU {0}, by {1}', redirect.cpu, redirect.map);
    case 'socket':
      return t('the AF_XDP socket of queue {0}, by {1}', redirect.queue, redirect.map);
    case 'broadcast':
      return t('every interface in {0}', redirect.map);
    case 'unknown':
      return t('not known: {0}', translated(redirect.reason));
  }
}
