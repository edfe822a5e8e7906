/** Packets to begin with. The addresses are those for documentation (RFC 5737, RFC 3849) and locally administered MACs. */
import type { Layer } from './model.ts';

export interface PacketTemplate {
  id: string;
  name: string;
  layers: readonly Layer[];
}

const ethernet: Layer = { name: 'Ether', fields: { dst: '02:00:00:00:00:02', src: '02:00:00:00:00:01' } };
const ipv4: Layer = { name: 'IP', fields: { src: '192.0.2.1', dst: '192.0.2.2' } };
const ipv6: Layer = { name: 'IPv6', fields: { src: '2001:db8::1', dst: '2001:db8::2' } };

export const packetTemplates: readonly PacketTemplate[] = [
  {
    id: 'arp-who-has',
    name: 'ARP: who has 192.0.2.2?',
    layers: [
      { name: 'Ether', fields: { src: '02:00:00:00:00:01' } },
      { name: 'ARP', fields: { hwsrc: '02:00:00:00:00:01', psrc: '192.0.2.1', pdst: '192.0.2.2' } },
    ],
  },
  {
    id: 'ipv4-tcp-syn',
    name: 'IPv4: TCP SYN to port 80',
    layers: [
      ethernet,
      ipv4,
      { name: 'TCP', fields: { sport: 49152, dport: 80, flags: 'S', options: [['MSS', 1460]] } },
    ],
  },
  {
    id: 'ipv4-udp-dns',
    name: 'IPv4: UDP to the DNS port',
    layers: [
      ethernet,
      ipv4,
      { name: 'UDP', fields: { sport: 49152, dport: 53 } },
      { name: 'Raw', fields: { load: 'query' } },
    ],
  },
  {
    id: 'ipv4-icmp-echo',
    name: 'IPv4: ping',
    layers: [ethernet, ipv4, { name: 'ICMP', fields: { id: 1, seq: 1 } }, { name: 'Raw', fields: { load: 'ping' } }],
  },
  {
    id: 'ipv6-tcp-syn',
    name: 'IPv6: TCP SYN to port 80',
    layers: [
      ethernet,
      ipv6,
      { name: 'TCP', fields: { sport: 49152, dport: 80, flags: 'S', options: [['MSS', 1440]] } },
    ],
  },
  {
    id: 'ipv6-icmp-echo',
    name: 'IPv6: ping',
    layers: [ethernet, ipv6, { name: 'ICMPv6EchoRequest', fields: { id: 1, seq: 1, data: 'ping' } }],
  },
  {
    id: 'vlan-ipv4-udp',
    name: 'VLAN 100: IPv4, UDP',
    layers: [
      ethernet,
      { name: 'Dot1Q', fields: { vlan: 100 } },
      ipv4,
      { name: 'UDP', fields: { sport: 49152, dport: 9000 } },
      { name: 'Raw', fields: { load: 'hello' } },
    ],
  },
];
