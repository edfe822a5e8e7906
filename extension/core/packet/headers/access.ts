/** What stands between Ethernet and IP in access and provider networks: MPLS, PPPoE. */
import { fieldsOf, type HeaderSpec } from './spec.ts';

const mpls = fieldsOf('RFC 3032 §2.1');
const control = fieldsOf('RFC 4385 §3');
const pppoe = fieldsOf('RFC 2516 §4');
const tag = fieldsOf('RFC 2516 Appendix A');
const ppp = fieldsOf('RFC 1661 §2');

const tagTypes = {
  0x0000: 'End-Of-List',
  0x0101: 'Service-Name',
  0x0102: 'AC-Name',
  0x0103: 'Host-Uniq',
  0x0104: 'AC-Cookie',
  0x0105: 'Vendor-Specific',
  0x0110: 'Relay-Session-Id',
  0x0120: 'PPP-Max-Payload',
  0x0201: 'Service-Name-Error',
  0x0202: 'AC-System-Error',
  0x0203: 'Generic-Error',
};
const discoveryCodes = {
  0x00: 'PPP Session Stage',
  0x07: 'PPPoE Active Discovery Offer (PADO)',
  0x09: 'PPPoE Active Discovery Initiation (PADI)',
  0x19: 'PPPoE Active Discovery Request (PADR)',
  0x65: 'PPPoE Active Discovery Session-confirmation (PADS)',
  0xa7: 'PPPoE Active Discovery Terminate (PADT)',
};
const pppProtocols = {
  0x0021: 'Internet Protocol version 4',
  0x0057: 'Internet Protocol version 6',
  0x0281: 'MPLS Unicast',
  0x8021: 'Internet Protocol Control Protocol',
  0x8057: 'IPv6 Control Protocol',
  0xc021: 'Link Control Protocol',
  0xc023: 'Password Authentication Protocol',
  0xc223: 'Challenge Handshake Authentication Protocol',
};

function discovery(code: ReturnType<typeof pppoe.uint>): HeaderSpec['fields'] {
  return [
    pppoe.uint('version', 4, 1, 'Version', 'One.'),
    pppoe.uint('type', 4, 1, 'Type', 'One.'),
    code,
    pppoe.hex('sessionid', 16, 0, 'Session', 'Zero before there is one.'),
    pppoe.uint('len', 16, 0, 'Length', 'Bytes after this header.', { auto: { kind: 'length', of: 'payload' } }),
  ];
}

export const accessHeaders: readonly HeaderSpec[] = [
  {
    name: 'MPLS',
    label: 'MPLS label',
    rfc: 'RFC 3032',
    help: 'One entry of the label stack. What follows the last one is guessed from its first bits.',
    role: 'link',
    fields: [
      mpls.uint(
        'label',
        20,
        3,
        'Label',
        'What routers switch by. 0 to 15 are reserved: 0 and 2 say that IPv4 or IPv6 follows.',
      ),
      mpls.uint('cos', 3, 0, 'Traffic class', 'RFC 5462.'),
      mpls.uint('s', 1, 1, 'S', '1: bottom of the stack.', { auto: { kind: 'next' } }),
      mpls.uint('ttl', 8, 0, 'Time to live', 'Hops that are left.'),
    ],
    next: { fields: ['s'], otherwise: 'Ether' },
    under: [
      { lower: 'Ether', set: { type: 0x8847 } },
      { lower: 'Ether', match: { type: 0x8848 } },
      { lower: 'MPLS', set: { s: 0 }, match: { s: 0 } },
      { lower: 'GRE', set: { proto: 0x8847 } },
      { lower: 'IP', set: { proto: 137 } },
      { lower: 'IPv6', set: { nh: 137 } },
      { lower: 'UDP', set: { dport: 6635 }, match: { dport: 6635 } },
    ],
  },
  {
    name: 'EoMCW',
    label: 'Pseudowire control word',
    rfc: 'RFC 4385; RFC 4448',
    help: 'Between the last MPLS label and an Ethernet frame.',
    role: 'link',
    fields: [
      control.uint('zero', 4, 0, 'Zero', 'So that nobody takes it for IP.'),
      control.uint('reserved', 12, 0, 'Flags and length', 'Zero, mostly.'),
      control.uint('seq', 16, 0, 'Sequence number', 'Zero: not used.'),
    ],
    next: { otherwise: 'Ether' },
    under: [{ lower: 'MPLS', match: { s: 1 }, peek: 0, peekMask: 0xffff }],
  },
  {
    name: 'PPPoED',
    label: 'PPPoE discovery',
    rfc: 'RFC 2516 §5',
    help: 'Finds an access concentrator and opens or ends a session.',
    role: 'link',
    fields: discovery(
      pppoe.enumeration('code', 8, 0x09, discoveryCodes, 'Code', 'Which message this is.', { base: 16 }),
    ),
    extent: { field: 'len', of: 'payload' },
    next: { otherwise: 'PPPoED_Tags' },
    under: [{ lower: 'Ether', set: { type: 0x8863 } }],
  },
  {
    name: 'PPPoED_Tags',
    label: 'PPPoE tags',
    rfc: 'RFC 2516 Appendix A',
    help: 'What a discovery message says.',
    role: 'control',
    fields: [tag.packets('tag_list', 'rest', 'Tags', 'Type, length, value.', { family: 'pppoe' })],
    under: [{ lower: 'PPPoED', set: { type: 1 } }],
  },
  {
    name: 'PPPoE',
    label: 'PPPoE session',
    rfc: 'RFC 2516 §6',
    help: 'Carries PPP over Ethernet.',
    role: 'link',
    fields: discovery(pppoe.enumeration('code', 8, 0, { 0: 'Session' }, 'Code', 'Zero.', { base: 16 })),
    extent: { field: 'len', of: 'payload' },
    next: { fields: ['code'] },
    under: [{ lower: 'Ether', set: { type: 0x8864 } }],
  },
  {
    name: 'PPP',
    label: 'PPP',
    rfc: 'RFC 1661',
    help: 'Which protocol follows. Scapy writes numbers below 0x100 in one byte; PPPoE peers send two (RFC 2516 §7): wide=1.',
    role: 'link',
    fields: [
      ppp.uint('wide', 8, 0, 'Two bytes', '1: two bytes, also where one would do.', { phantom: true }),
      {
        ...ppp.enumeration('proto', 0, 0x21, pppProtocols, 'Protocol', 'What follows.', {
          base: 16,
          auto: { kind: 'next' },
          size: 'own',
        }),
        kind: 'pppProtocol',
      },
    ],
    next: { fields: ['proto'] },
    under: [{ lower: 'PPPoE', set: { code: 0 }, match: { code: 0 } }],
  },
];

export const pppoeTags: readonly HeaderSpec[] = [
  {
    name: 'PPPoETag',
    label: 'PPPoE tag',
    rfc: 'RFC 2516 Appendix A',
    help: 'Any tag.',
    role: 'option',
    fields: [
      tag.enumeration('tag_type', 16, 0, tagTypes, 'Type', 'Which tag.', { base: 16 }),
      tag.uint('tag_len', 16, 0, 'Length', 'Bytes of the value.', {
        auto: { kind: 'fieldLength', field: 'tag_value' },
      }),
      tag.bytes('tag_value', { field: 'tag_len', unit: 1 }, 'Value', 'Of the tag.'),
    ],
    option: { family: 'pppoe' },
  },
];
