import { etherTypes } from './numbers.ts';
import { type Condition, fieldsOf, type HeaderSpec } from './spec.ts';

const gre = fieldsOf('RFC 2784 §2; RFC 2890');
const vxlan = fieldsOf('RFC 7348 §5');

const hasChecksum: Condition = {
  any: [
    { field: 'chksum_present', in: [1] },
    { field: 'routing_present', in: [1] },
  ],
};
const nextProtocol = { field: 'flags', anyBit: 4 } as const;

export const tunnelHeaders: readonly HeaderSpec[] = [
  {
    name: 'GRE',
    label: 'GRE',
    rfc: 'RFC 2784; RFC 2890',
    help: 'Generic Routing Encapsulation: carries any EtherType over IP.',
    role: 'tunnel',
    fields: [
      gre.uint('chksum_present', 1, 0, 'C', '1: a checksum is present.'),
      gre.uint('routing_present', 1, 0, 'R', 'Of RFC 1701; zero.'),
      gre.uint('key_present', 1, 0, 'K', '1: a key is present.'),
      gre.uint('seqnum_present', 1, 0, 'S', '1: a sequence number is present.'),
      gre.uint('strict_route_source', 1, 0, 's', 'Of RFC 1701; zero.'),
      gre.uint('recursion_control', 3, 0, 'Recursion', 'Of RFC 1701; zero.'),
      gre.uint('flags', 5, 0, 'Flags', 'Zero.'),
      gre.uint('version', 3, 0, 'Version', '0; 1 is PPTP (RFC 2637).'),
      gre.enumeration('proto', 16, 0, etherTypes, 'Protocol', 'EtherType of what follows.', {
        base: 16,
        auto: { kind: 'next' },
      }),
      gre.checksum('chksum', { when: { field: 'chksum_present', in: [1] } }, 'Over header and payload.', {
        when: hasChecksum,
      }),
      gre.hex('offset', 16, 0, 'Reserved', 'Zero; an offset in RFC 1701.', { when: hasChecksum }),
      gre.hex('key', 32, 0, 'Key', 'Tells tunnels apart.', { when: { field: 'key_present', in: [1] } }),
      gre.hex('sequence_number', 32, 0, 'Sequence number', 'Of this packet.', {
        when: { field: 'seqnum_present', in: [1] },
      }),
    ],
    // With routing information (RFC 1701) or another version, other fields follow first.
    next: {
      fields: ['proto'],
      when: {
        all: [
          { field: 'routing_present', in: [0] },
          { field: 'version', in: [0] },
        ],
      },
    },
    under: [
      { lower: 'IP', set: { proto: 47, frag: 0 }, match: { proto: 47 } },
      { lower: 'IPv6', set: { nh: 47 } },
    ],
  },
  {
    name: 'VXLAN',
    label: 'VXLAN',
    rfc: 'RFC 7348',
    help: 'Ethernet over UDP. Around another layer Scapy 2.5 writes the Generic Protocol Extension (flags 0x0c); flags=8 with NextProtocol left out gives plain VXLAN.',
    role: 'tunnel',
    fields: [
      vxlan.flags(
        'flags',
        8,
        8,
        ['OAM', 'R', 'NextProtocol', 'Instance', 'V1', 'V2', 'R', 'G'],
        'Flags',
        'Instance: the network identifier is valid.',
        { base: 16 },
      ),
      vxlan.uint('reserved0', 16, 0, 'Reserved', 'Zero.', { when: nextProtocol }),
      vxlan.enumeration(
        'NextProtocol',
        8,
        0,
        { 0: 'NotDefined', 1: 'IPv4', 2: 'IPv6', 3: 'Ethernet', 4: 'NSH' },
        'Next protocol',
        'Generic Protocol Extension: what follows.',
        { when: nextProtocol },
      ),
      vxlan.uint('reserved1', 24, 0, 'Reserved', 'Zero.', {
        when: {
          all: [
            { field: 'flags', noBit: 4 },
            { field: 'flags', noBit: 0x80 },
          ],
        },
      }),
      vxlan.flags(
        'gpflags',
        8,
        0,
        ['R', 'R', 'R', 'A', 'R', 'R', 'D', 'R'],
        'Group policy flags',
        'Group policy extension.',
        {
          when: { field: 'flags', anyBit: 0x80 },
        },
      ),
      vxlan.uint('gpid', 16, 0, 'Group policy', 'Group policy extension.', { when: { field: 'flags', anyBit: 0x80 } }),
      vxlan.uint('vni', 24, 0, 'Network identifier', 'Which virtual network (VNI).'),
      vxlan.hex('reserved2', 8, 0, 'Reserved', 'Zero.'),
    ],
    next: { fields: ['NextProtocol'], otherwise: 'Ether' },
    under: [
      { lower: 'UDP', set: { sport: 4789, dport: 4789 }, match: { dport: 4789 } },
      { lower: 'UDP', match: { dport: 8472 } },
    ],
  },
];
