import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import type { Lifeline } from '../../protocol/kernel.ts';
import type { RouteRecord } from '../netlink/routes.ts';

const sshPort = 22;

/**
 * What ties a user to this machine: why losing an interface would lock the user out. `ifindexes`: the interface and those whose packets
 * come through it. `peers`: the other ends of remote sessions.
 */
export function lifelinesOf(
  ifindexes: readonly number[],
  peers: readonly string[],
  routes: readonly RouteRecord[],
): Lifeline[] {
  const leadsHere = (route: RouteRecord | undefined): boolean =>
    route?.ifindexes.some((ifindex) => ifindexes.includes(ifindex)) === true;
  const found: Lifeline[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    const carries = routes.some((route) => route.family === family && route.prefix === 0 && leadsHere(route));
    if (carries) found.push({ kind: 'default-route', family });
  }
  for (const peer of new Set(peers)) {
    const bytes = addressBytes(peer);
    if (bytes !== undefined && !isLoopback(bytes) && leadsHere(wayTo(bytes, routes))) {
      found.push({ kind: 'remote-session', peer });
    }
  }
  return found;
}

/** Who is connected to the SSH server, in the network namespace that this process is in: net/ipv4/tcp_ipv4.c. */
export function readSshPeers(): string[] {
  return ['tcp', 'tcp6'].flatMap((name) => {
    try {
      return sshPeers(readFileSync(`/proc/self/net/${name}`, 'utf8'));
    } catch {
      return []; // A kernel without IPv6 has no such table.
    }
  });
}

/** The route of the longest prefix, of the smallest metric among equals. */
function wayTo(address: Uint8Array, routes: readonly RouteRecord[]): RouteRecord | undefined {
  const matching = routes.filter(
    ({ destination, prefix }) => destination.length === address.length && samePrefix(destination, address, prefix),
  );
  matching.sort((left, right) => right.prefix - left.prefix || left.metric - right.metric);
  return matching[0];
}

function samePrefix(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((left[bit >> 3] ?? 0) & mask) !== ((right[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

/** Who is connected to the SSH server now: `sl local:port remote:port state …`. */
export function sshPeers(table: string): string[] {
  const ESTABLISHED = '01';
  return rows(table).flatMap(([, local, remote, state]) => {
    const [, port] = (local ?? '').split(':');
    const [address] = (remote ?? '').split(':');
    if (state !== ESTABLISHED || Number.parseInt(port ?? '', 16) !== sshPort || address === undefined) return [];
    const words = Array.from({ length: address.length / 8 }, (_, index) => address.slice(8 * index, 8 * index + 8));
    const bytes = words.flatMap((word) => [...bytesOf(word).reverse()]);
    return bytes.length === 4 || bytes.length === 16 ? [addressText(bytes)] : [];
  });
}

function rows(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function isLoopback(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** A v4-mapped IPv6 address is the IPv4 one. */
function addressText(bytes: readonly number[]): string {
  const mapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (bytes.length === 4 || mapped) return bytes.slice(-4).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join(':');
}

function addressBytes(text: string): Uint8Array | undefined {
  const plain = text.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (isIPv4(plain)) return Uint8Array.from(plain.split('.'), Number);
  if (!isIPv6(plain)) return undefined;
  const [head = '', tail] = plain.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [parse(head), parse(tail ?? '')];
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
