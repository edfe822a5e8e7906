import { fieldsOf, type HeaderSpec } from './spec.ts';

const icmp = fieldsOf('RFC 792');
const error = fieldsOf('RFC 792; RFC 4884; RFC 1191');
const igmp = fieldsOf('RFC 2236 §2');

const types = {
  0: 'echo-reply',
  3: 'dest-unreach',
  4: 'source-quench',
  5: 'redirect',
  8: 'echo-request',
  9: 'router-advertisement',
  10: 'router-solicitation',
  11: 'time-exceeded',
  12: 'parameter-problem',
  13: 'timestamp-request',
  14: 'timestamp-reply',
  15: 'information-request',
  16: 'information-response',
  17: 'address-mask-request',
  18: 'address-mask-reply',
  30: 'traceroute',
  40: 'photuris',
};
const withIdentifier = [0, 8, 13, 14, 15, 16, 17, 18, 37, 38];

export const icmpHeaders: readonly HeaderSpec[] = [
  {
    name: 'ICMP',
    label: 'ICMP',
    rfc: 'RFC 792',
    help: 'Control and error messages of IPv4. Its fields depend on the type.',
    role: 'control',
    fields: [
      icmp.enumeration('type', 8, 8, types, 'Type', 'Which message this is.'),
      icmp.uint('code', 8, 0, 'Code', 'Closer reason; depends on the type.'),
      icmp.checksum('chksum', {}, 'Over header and payload.'),
      icmp.hex('id', 16, 0, 'Identifier', 'Which sender of requests.', { when: { field: 'type', in: withIdentifier } }),
      icmp.hex('seq', 16, 0, 'Sequence', 'Which request.', { when: { field: 'type', in: withIdentifier } }),
      ...(['ts_ori', 'ts_rx', 'ts_tx'] as const).map((name) =>
        icmp.uint(name, 32, 0, 'Timestamp', 'Milliseconds since midnight UTC.', {
          when: { field: 'type', in: [13, 14] },
          notAsScapy: true,
        }),
      ),
      icmp.ipv4('gw', '0.0.0.0', 'Gateway', 'Use this router instead.', { when: { field: 'type', in: [5] } }),
      icmp.uint('ptr', 8, 0, 'Pointer', 'Byte of the header that is wrong.', { when: { field: 'type', in: [12] } }),
      error.uint('reserved', 8, 0, 'Reserved', 'Zero.', { when: { field: 'type', in: [3, 11] } }),
      error.uint('length', 8, 0, 'Length', 'Of the quoted datagram in 32-bit words (RFC 4884).', {
        when: { field: 'type', in: [3, 11, 12] },
      }),
      icmp.ipv4('addr_mask', '0.0.0.0', 'Address mask', 'RFC 950.', { when: { field: 'type', in: [17, 18] } }),
      error.uint('nexthopmtu', 16, 0, 'Next-hop MTU', 'With code 4: the largest that passes (RFC 1191).', {
        when: { field: 'type', in: [3] },
      }),
      icmp.uint('unused', 16, 0, 'Unused', 'Zero.', { when: { field: 'type', in: [11, 12] } }),
      icmp.uint('unused', 32, 0, 'Unused', 'Zero.', {
        when: { field: 'type', notIn: [0, 3, 5, 8, 11, 12, 13, 14, 15, 16, 17, 18] },
      }),
    ],
    next: { fields: ['type'], quotes: true },
    under: [{ lower: 'IP', set: { proto: 1, frag: 0 }, match: { proto: 1 } }],
  },
  {
    name: 'IGMP',
    label: 'IGMP',
    rfc: 'RFC 2236',
    help: 'Membership in IPv4 multicast groups, versions 1 and 2. Sent with a time to live of 1.',
    role: 'control',
    fields: [
      igmp.enumeration(
        'type',
        8,
        0x11,
        {
          0x11: 'Group Membership Query',
          0x12: 'Version 1 - Membership Report',
          0x16: 'Version 2 - Membership Report',
          0x17: 'Leave Group',
        },
        'Type',
        'Which message this is.',
        { base: 16 },
      ),
      igmp.uint('mrcode', 8, 20, 'Max response time', 'In tenths of a second.'),
      igmp.checksum('chksum', {}, 'Over the whole message.'),
      igmp.ipv4('gaddr', '0.0.0.0', 'Group', 'Multicast address; 0.0.0.0 in a general query.'),
    ],
    under: [{ lower: 'IP', set: { proto: 2, frag: 0, ttl: 1 }, match: { proto: 2 } }],
  },
];
