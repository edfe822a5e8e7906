import { ipProtocols } from './numbers.ts';
import { fieldsOf, type HeaderSpec } from './spec.ts';

const ah = fieldsOf('RFC 4302 §2');
const esp = fieldsOf('RFC 4303 §2');

export const ipsecHeaders: readonly HeaderSpec[] = [
  {
    name: 'AH',
    label: 'Authentication header (AH)',
    rfc: 'RFC 4302',
    help: 'Proves that nobody changed the packet. Scapy leaves next header and length empty; they are computed here.',
    role: 'extension',
    fields: [
      ah.enumeration('nh', 8, 0, ipProtocols, 'Next header', 'What follows.', {
        auto: { kind: 'next' },
        notAsScapy: true,
      }),
      ah.uint('payloadlen', 8, 0, 'Length', 'Of this header in units of 4 bytes, minus 2.', {
        auto: { kind: 'headerLength', unit: 4, minus: 8 },
        notAsScapy: true,
      }),
      ah.hex('reserved', 16, 0, 'Reserved', 'Zero.'),
      ah.hex('spi', 32, 1, 'Security parameters', 'Index of the security association.'),
      ah.uint('seq', 32, 0, 'Sequence number', 'Counts packets, against replay.'),
      ah.bytes('icv', 'header', 'Integrity check', 'As bytes; a multiple of 4.'),
    ],
    headerLength: { field: 'payloadlen', unit: 4, plus: 8 },
    like: 'IPv6',
    under: [
      { lower: 'IP', set: { proto: 51 } },
      { lower: 'IPv6', set: { nh: 51 } },
    ],
  },
  {
    name: 'ESP',
    label: 'Encapsulating security payload (ESP)',
    rfc: 'RFC 4303',
    help: 'Encrypts what follows, so that is bytes.',
    role: 'transport',
    fields: [
      esp.hex('spi', 32, 1, 'Security parameters', 'Index of the security association.'),
      esp.uint('seq', 32, 0, 'Sequence number', 'Counts packets, against replay.'),
      esp.bytes('data', 'rest', 'Data', 'Encrypted payload, padding and integrity check.'),
    ],
    under: [
      { lower: 'IP', set: { proto: 50 } },
      { lower: 'IPv6', set: { nh: 50 } },
      { lower: 'UDP', set: { sport: 4500 }, match: { dport: 4500 } },
      { lower: 'UDP', match: { sport: 4500 } },
    ],
  },
];
