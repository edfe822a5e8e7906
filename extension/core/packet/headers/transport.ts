import { ports } from './numbers.ts';
import { fieldsOf, type HeaderSpec } from './spec.ts';

const tcp = fieldsOf('RFC 9293 §3.1');
const udp = fieldsOf('RFC 768');

export const transportHeaders: readonly HeaderSpec[] = [
  {
    name: 'TCP',
    label: 'TCP',
    rfc: 'RFC 9293',
    help: 'Transmission Control Protocol.',
    role: 'transport',
    fields: [
      tcp.enumeration('sport', 16, 20, ports, 'Source port', 'Port of the sender.'),
      tcp.enumeration('dport', 16, 80, ports, 'Destination port', 'Port of the receiver.'),
      tcp.uint('seq', 32, 0, 'Sequence number', 'Of the first payload byte; of the SYN itself when SYN is set.'),
      tcp.uint(
        'ack',
        32,
        0,
        'Acknowledgment number',
        'The next sequence number that the sender expects; valid with ACK.',
      ),
      tcp.uint('dataofs', 4, 5, 'Data offset', 'Length of the header in 32-bit words, options included: 5 to 15.', {
        auto: { kind: 'headerLength', unit: 4 },
      }),
      tcp.uint('reserved', 3, 0, 'Reserved', 'Zero.'),
      tcp.flags(
        'flags',
        9,
        2,
        ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C', 'N'],
        'Flags',
        'FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, and N (historic, RFC 3540).',
      ),
      tcp.uint('window', 16, 8192, 'Window', 'Bytes that the sender is willing to receive, before scaling.'),
      tcp.checksum('chksum', { pseudo: 6 }, 'Over pseudo header, header and payload.'),
      tcp.uint('urgptr', 16, 0, 'Urgent pointer', 'Offset of the end of urgent data; valid with URG.'),
      tcp.tcpOptions('options', 'header', 'Options', 'Up to 40 bytes, padded with zeros to a multiple of 4.', {
        pad: 4,
      }),
    ],
    headerLength: { field: 'dataofs', unit: 4 },
    next: { fields: ['dport', 'sport'] },
    under: [
      { lower: 'IP', set: { proto: 6, frag: 0 }, match: { proto: 6 } },
      { lower: 'IPv6', set: { nh: 6 } },
    ],
  },
  {
    name: 'UDP',
    label: 'UDP',
    rfc: 'RFC 768',
    help: 'User Datagram Protocol.',
    role: 'transport',
    fields: [
      udp.enumeration('sport', 16, 53, ports, 'Source port', 'Port of the sender.'),
      udp.enumeration('dport', 16, 53, ports, 'Destination port', 'Port of the receiver.'),
      udp.uint('len', 16, 8, 'Length', 'Bytes of header and payload.', { auto: { kind: 'length', of: 'message' } }),
      udp.checksum(
        'chksum',
        { pseudo: 17, zeroAs: 0xffff },
        'Over pseudo header, header and payload. 0: none (IPv4, and IPv6 tunnels by RFC 6935).',
      ),
    ],
    extent: { field: 'len', of: 'message', openIfZero: { all: [] } },
    next: { fields: ['dport', 'sport'] },
    under: [
      { lower: 'IP', set: { proto: 17, frag: 0 }, match: { proto: 17 } },
      { lower: 'IPv6', set: { nh: 17 } },
    ],
  },
];
