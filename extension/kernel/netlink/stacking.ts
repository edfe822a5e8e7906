import type { LinkRecord } from './rtnetlink.ts';

/** Kinds whose IFLA_LINK is a device that they stand on. */
export const stackedKinds: ReadonlySet<string> = new Set(['macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'vlan', 'macsec']);

/**
 * The interface and those above it in this namespace, whose packets come through it: the bond or bridge that it is a port of, VLANs and the
 * like that stand on it, and what is above these. Pure.
 */
export function selfAndAbove(link: LinkRecord, links: readonly LinkRecord[]): LinkRecord[] {
  const found = [link];
  // Whatever is found is looked at in turn; the kernel allows no circle, and none would be followed.
  for (const below of found) {
    for (const other of links) {
      if (!found.includes(other) && other.ifindex !== link.ifindex && standsOn(other, below, links)) found.push(other);
    }
  }
  return found;
}

/** The same by number. */
export function ifindexesFrom(link: LinkRecord, links: readonly LinkRecord[]): number[] {
  return selfAndAbove(link, links).map(({ ifindex }) => ifindex);
}

function standsOn(upper: LinkRecord, lower: LinkRecord, links: readonly LinkRecord[]): boolean {
  if (lower.masterIfindex === upper.ifindex) return upper.kind !== 'bridge' || isUplink(lower, links);
  const linkedHere = upper.linkedIfindex === lower.ifindex && upper.linkedNetnsId === undefined;
  return linkedHere && stackedKinds.has(upper.kind);
}

/**
 * Is this port of a bridge the way out? The ports of virtual machines and containers are not, where there is another: a bridge sends
 * what comes from its own machine to whichever port leads there, which no table says once and for all.
 */
function isUplink(port: LinkRecord, links: readonly LinkRecord[]): boolean {
  const leadsInside = ({ kind }: LinkRecord): boolean => kind === 'veth' || kind === 'tun';
  const ports = links.filter(({ masterIfindex }) => masterIfindex === port.masterIfindex);
  return !leadsInside(port) || ports.every(leadsInside);
}
