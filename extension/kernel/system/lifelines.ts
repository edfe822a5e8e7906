import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import type { Lifeline } from '../../protocol/kernel.ts';

/**
 * What ties a user to this machine: default routes and the way back to the other end of a remote session. Read from the
 * tables of the network namespace that this process is in. Source: net/ipv4/fib_trie.c, net/ipv6/route.c,
 * net/ipv4/tcp_ipv4.c (their /proc files).
 */
export interface NetworkTables {
  /** /proc/net/route */
  route: string;
  /** /proc/net/ipv6_route */
  ipv6Route: string;
  /** /proc/net/tcp and tcp6 */
  tcp: string;
  tcp6: string;
}

interface Route {
  iface: string;
  family: 'IPv4' | 'IPv6';
  /** 4 or 16 bytes. */
  destination: Uint8Array;
  prefix: number;
  metric: number;
}

const RTF_UP = 1;
const RTF_REJECT = 0x200;
const sshPort = 22;

/**
 * Why losing an interface would lock the user out. `ifaces`: its name and those of the interfaces whose packets come through it.
 * `peers`: the addresses that the session's environment names.
 */
export function lifelinesOf(ifaces: readonly string[], peers: readonly string[], tables: NetworkTables): Lifeline[] {
  const routes = [...ipv4Routes(tables.route), ...ipv6Routes(tables.ipv6Route)];
  const found: Lifeline[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    const carries = routes.some(
      (route) => route.family === family && route.prefix === 0 && ifaces.includes(route.iface),
    );
    if (carries) found.push({ kind: 'default-route', family });
  }
  const sessions = new Set([...peers, ...sshPeers(tables.tcp), ...sshPeers(tables.tcp6)]);
  for (const peer of sessions) {
    const bytes = addressBytes(peer);
    if (bytes !== undefined && !isLoopback(bytes) && ifaces.includes(wayTo(bytes, routes) ?? '')) {
      found.push({ kind: 'remote-session', peer });
    }
  }
  return found;
}

export function readNetworkTables(kinds: 'sessions' | 'routes'): NetworkTables {
  const read = (name: string): string => {
    try {
      return readFileSync(`/proc/self/net/${name}`, 'utf8');
    } catch {
      return ''; // A kernel without IPv6 has no such table.
    }
  };
  const [tcp, tcp6] = kinds === 'sessions' ? [read('tcp'), read('tcp6')] : ['', ''];
  return { route: read('route'), ipv6Route: read('ipv6_route'), tcp, tcp6 };
}

/** The interface of the longest prefix, of the smallest metric among equals. */
function wayTo(address: Uint8Array, routes: readonly Route[]): string | undefined {
  const matching = routes.filter(
    ({ destination, prefix }) => destination.length === address.length && samePrefix(destination, address, prefix),
  );
  matching.sort((left, right) => right.prefix - left.prefix || left.metric - right.metric);
  return matching[0]?.iface;
}

function samePrefix(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((left[bit >> 3] ?? 0) & mask) !== ((right[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as hex of the machine's byte order. */
function ipv4Routes(table: string): Route[] {
  return rows(table).flatMap((fields): Route[] => {
    const [iface, destination, , flags, , , metric, mask] = fields;
    if (iface === undefined || destination === undefined || mask === undefined) return [];
    const state = Number.parseInt(flags ?? '', 16);
    if ((state & RTF_UP) === 0 || (state & RTF_REJECT) !== 0) return [];
    const prefix = bytesOf(mask).reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    const bytes = bytesOf(destination).reverse();
    return [{ iface, family: 'IPv4', destination: bytes, prefix, metric: Number(metric) }];
  });
}

/** `destination prefix source prefix gateway metric refcount use flags iface`, addresses in network order. */
function ipv6Routes(table: string): Route[] {
  return rows(table).flatMap((fields): Route[] => {
    const [destination, prefix, , , , metric, , , flags, iface] = fields;
    if (destination?.length !== 32 || iface === undefined || prefix === undefined) return [];
    const state = Number.parseInt(flags ?? '', 16);
    if ((state & RTF_UP) === 0 || (state & RTF_REJECT) !== 0 || iface === 'lo') return [];
    const about = { prefix: Number.parseInt(prefix, 16), metric: Number.parseInt(metric ?? '', 16) };
    return [{ iface, family: 'IPv6', destination: bytesOf(destination), ...about }];
  });
}

/** Who is connected to the SSH server now: `sl local:port remote:port state …`. */
function sshPeers(table: string): string[] {
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
