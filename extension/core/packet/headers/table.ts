/** Every header there is. To add a protocol, add its entry: nothing else needs to know. */
import { icmpHeaders } from './icmp.ts';
import { icmpv6Headers, icmpv6Unknown } from './icmpv6.ts';
import { ipv4Headers, ipv4Options } from './ipv4.ts';
import { ipv6Headers, ipv6Options } from './ipv6.ts';
import { linkHeaders } from './link.ts';
import { neighborHeaders, neighborOptions } from './neighbor.ts';
import { payloads } from './payload.ts';
import { sctpHeaders } from './sctp.ts';
import type { HeaderSpec } from './spec.ts';
import { transportHeaders } from './transport.ts';
import { tunnelHeaders } from './tunnels.ts';

/** By Scapy's class name, in the order in which a menu shows them; of two that match, the first is taken. */
export const headers: ReadonlyMap<string, HeaderSpec> = new Map(
  [
    ...linkHeaders,
    ...ipv4Headers,
    ...ipv6Headers,
    ...transportHeaders,
    ...icmpHeaders,
    ...icmpv6Headers,
    ...neighborHeaders,
    ...neighborOptions,
    icmpv6Unknown,
    ...sctpHeaders,
    ...tunnelHeaders,
    ...payloads,
    ...ipv4Options,
    ...ipv6Options,
  ].map((spec) => [spec.name, spec]),
);
