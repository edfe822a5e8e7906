import { encodeAttributes, listAttributes, parseAttributes, readU32, u32Bytes } from './codec.ts';
import { concat } from './rtnetlink.ts';

/** Routes as rtnetlink tells them. Pure. Source: include/uapi/linux/rtnetlink.h. */

export interface RouteRecord {
  family: 'IPv4' | 'IPv6';
  /** 4 or 16 bytes, of which the first `prefix` bits count. */
  destination: Uint8Array;
  prefix: number;
  metric: number;
  /** Where it leads: several for a route of several ways (ECMP), which /proc/net/route does not tell; none for a blackhole and the like. */
  ifindexes: number[];
}

const RTA = { DST: 1, OIF: 4, PRIORITY: 6, MULTIPATH: 9, TABLE: 15 } as const;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const families = { 2: 'IPv4', 10: 'IPv6' } as const; // AF_INET, AF_INET6
const addressBytes = { IPv4: 4, IPv6: 16 } as const;
const routeBytes = 12; // struct rtmsg

/** The main table. */
export function routeDumpRequest(family: keyof typeof families): Uint8Array {
  const header = new Uint8Array(routeBytes);
  header[0] = family;
  return concat(header, encodeAttributes([{ type: RTA.TABLE, value: u32Bytes(RT_TABLE_MAIN) }]));
}

/** An RTM_NEWROUTE payload; undefined for other tables and families. */
export function parseRoute(payload: Uint8Array): RouteRecord | undefined {
  if (payload.length < routeBytes) return undefined;
  const family = families[(payload[0] ?? 0) as keyof typeof families];
  const prefix = payload[1] ?? 0;
  const attributes = parseAttributes(payload.subarray(routeBytes));
  // Older kernels take no notice of what was asked for.
  const table = readU32(attributes.get(RTA.TABLE)) ?? payload[4];
  if (family === undefined || table !== RT_TABLE_MAIN) return undefined;
  const destination = new Uint8Array(addressBytes[family]);
  destination.set((attributes.get(RTA.DST) ?? new Uint8Array(0)).subarray(0, destination.length));
  const leads = payload[7] === RTN_UNICAST;
  const several = leads ? attributes.get(RTA.MULTIPATH) : undefined;
  const only = leads ? readU32(attributes.get(RTA.OIF)) : undefined;
  return {
    family,
    destination,
    prefix,
    metric: readU32(attributes.get(RTA.PRIORITY)) ?? 0,
    ifindexes: several === undefined ? (only === undefined ? [] : [only]) : nextHops(several),
  };
}

/** struct rtnexthop one after the other: a length and flags, as long as an attribute's header, and then the interface. */
function nextHops(bytes: Uint8Array): number[] {
  return listAttributes(bytes).flatMap(({ value }) => readU32(value) ?? []);
}
