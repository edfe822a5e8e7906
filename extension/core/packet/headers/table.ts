/** Every header there is. To add a protocol, add its entry: nothing else needs to know. */
import { accessHeaders, pppoeTags } from './access.ts';
import { dhcpHeaders } from './dhcp.ts';
import { dnsHeaders, dnsRecords } from './dns.ts';
import { icmpHeaders } from './icmp.ts';
import { icmpv6Headers, icmpv6Unknown } from './icmpv6.ts';
import { ipsecHeaders } from './ipsec.ts';
import { ipv4Headers, ipv4Options } from './ipv4.ts';
import { ipv6Headers, ipv6Options } from './ipv6.ts';
import { linkHeaders } from './link.ts';
import { neighborHeaders, neighborOptions } from './neighbor.ts';
import { geneveOptions, overlayHeaders } from './overlays.ts';
import { payloads } from './payload.ts';
import { sctpHeaders } from './sctp.ts';
import type { HeaderSpec } from './spec.ts';
import { transportHeaders } from './transport.ts';
import { tunnelHeaders } from './tunnels.ts';

/** By Scapy's class name, in the order in which a menu shows them; of two that match, the first is taken. */
export const headers: ReadonlyMap<string, HeaderSpec> = new Map(
  [
    ...linkHeaders,
    ...accessHeaders,
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
    ...overlayHeaders,
    ...ipsecHeaders,
    ...dnsHeaders,
    ...dhcpHeaders,
    ...payloads,
    ...ipv4Options,
    ...ipv6Options,
    ...geneveOptions,
    ...pppoeTags,
    ...dnsRecords,
  ].map((spec) => [spec.name, spec]),
);
