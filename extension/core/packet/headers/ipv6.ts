import { ipProtocols } from './numbers.ts';
import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const ipv6 = fieldsOf('RFC 8200 §3');
const extension = fieldsOf('RFC 8200 §4');
const fragment = fieldsOf('RFC 8200 §4.5');
const routing = fieldsOf('RFC 8200 §4.4');
const segment = fieldsOf('RFC 8754 §2');

const nextHeader = extension.enumeration('nh', 8, 59, ipProtocols, 'Next header', 'What follows. 59: nothing.', {
  auto: { kind: 'next' },
});

function optionsHeader(name: string, label: string, help: string, nh: number): HeaderSpec {
  return {
    name,
    label,
    rfc: 'RFC 8200 §4',
    help,
    role: 'extension',
    fields: [
      nextHeader,
      extension.uint('len', 8, 0, 'Length', 'In units of 8 bytes, without the first 8.', {
        auto: { kind: 'headerLength', unit: 8, minus: 8 },
      }),
      extension.uint('autopad', 8, 1, 'Automatic padding', 'Align the options and fill up to a multiple of 8 bytes.', {
        phantom: true,
      }),
      extension.packets('options', 'header', 'Options', 'Type, length, value.', { family: 'ipv6' }),
    ],
    headerLength: { field: 'len', unit: 8, plus: 8 },
    like: 'IPv6',
    under: [{ lower: 'IPv6', set: { nh } }],
  };
}

export const ipv6Headers: readonly HeaderSpec[] = [
  {
    name: 'IPv6',
    label: 'IPv6',
    rfc: 'RFC 8200',
    help: 'Internet Protocol version 6.',
    role: 'network',
    fields: [
      ipv6.uint('version', 4, 6, 'Version', 'Always 6.'),
      ipv6.hex('tc', 8, 0, 'Traffic class', 'Differentiated services code point and congestion notification.'),
      ipv6.hex('fl', 20, 0, 'Flow label', 'The same for all packets of one flow (RFC 6437).'),
      ipv6.uint('plen', 16, 0, 'Payload length', 'Bytes after this header, extension headers included.', {
        auto: { kind: 'length', of: 'payload' },
      }),
      ipv6.enumeration('nh', 8, 59, ipProtocols, 'Next header', 'What follows. 59: nothing.', {
        auto: { kind: 'next' },
      }),
      ipv6.uint('hlim', 8, 64, 'Hop limit', 'Hops that are left.'),
      ipv6.ipv6('src', '::1', 'Source', 'Address of the sender.'),
      ipv6.ipv6('dst', '::1', 'Destination', 'Address of the receiver, or of the next router in a routing header.'),
    ],
    // Zero with hop-by-hop options: a jumbogram (RFC 2675), whose length an option holds.
    extent: { field: 'plen', of: 'payload', openIfZero: { field: 'nh', in: [0] } },
    next: { fields: ['nh'] },
    pseudo: 'ipv6',
    under: [
      { lower: 'Ether', set: { type: 0x86dd } },
      { lower: 'IP', set: { proto: 41 } },
      { lower: 'IPv6', set: { nh: 41 } },
      { lower: 'GRE', set: { proto: 0x86dd } },
      { lower: 'VXLAN', set: { flags: 12, NextProtocol: 2 }, match: { NextProtocol: 2 } },
      { lower: 'GENEVE', set: { proto: 0x86dd } },
      { lower: 'MPLS', set: { label: 2 }, match: { s: 1 }, peek: 0x60, peekMask: 0xf0 },
      { lower: 'PPP', set: { proto: 0x57 } },
      {
        lower: 'GTP_U_Header',
        set: { gtp_type: 255 },
        match: { gtp_type: 255, next_ex: 0 },
        peek: 0x60,
        peekMask: 0xf0,
      },
      { lower: 'GTPPDUSessionContainer', match: { NextExtHdr: 0 }, peek: 0x60, peekMask: 0xf0 },
    ],
  },
  optionsHeader('IPv6ExtHdrHopByHop', 'Hop-by-hop options', 'Options for every router on the way.', 0),
  optionsHeader('IPv6ExtHdrDestOpt', 'Destination options', 'Options for the destination.', 60),
  {
    name: 'IPv6ExtHdrSegmentRouting',
    label: 'Segment routing (SRv6)',
    rfc: 'RFC 8754',
    help: 'Routing header of type 4: the segments that the packet passes, last one first.',
    role: 'extension',
    fields: [
      nextHeader,
      segment.uint('len', 8, 0, 'Length', 'In units of 8 bytes, without the first 8.', {
        auto: { kind: 'headerLength', unit: 8, minus: 8 },
      }),
      segment.uint('type', 8, 4, 'Routing type', '4: segment routing.'),
      segment.uint('segleft', 8, 0, 'Segments left', 'Index of the active segment.', {
        auto: { kind: 'count', field: 'addresses', plus: -1, free: true },
      }),
      segment.uint('lastentry', 8, 0, 'Last entry', 'Index of the last segment of the list.', {
        auto: { kind: 'count', field: 'addresses', plus: -1 },
      }),
      segment.uint('unused1', 1, 0, 'Unused', 'Zero.'),
      segment.uint('protected', 1, 0, 'Protected', 'Of an earlier draft; unused in RFC 8754.'),
      segment.uint('oam', 1, 0, 'OAM', 'For operations and management (RFC 9259).'),
      segment.uint('alert', 1, 0, 'Alert', 'Of an earlier draft; unused in RFC 8754.'),
      segment.uint('hmac', 1, 0, 'HMAC', 'Of an earlier draft; unused in RFC 8754.'),
      segment.uint('unused2', 3, 0, 'Unused', 'Zero.'),
      segment.uint('tag', 16, 0, 'Tag', 'Marks packets of one class.'),
      {
        ...segment.ipv6List('addresses', { field: 'lastentry', unit: 16, plus: 16 }, 'Segments', 'Last segment first.'),
        default: ['::1'],
      },
      segment.bytes('tlv_objects', 'header', 'TLVs', 'Type-length-value objects, as bytes.', { pad: 8 }),
    ],
    headerLength: { field: 'len', unit: 8, plus: 8 },
    like: 'IPv6',
    under: [{ lower: 'IPv6', set: { nh: 43 }, peek: 4, peekAt: 2 }],
  },
  {
    name: 'IPv6ExtHdrRouting',
    label: 'Routing',
    rfc: 'RFC 8200 §4.4; RFC 5095',
    help: 'Routers that the packet passes. Type 0 is deprecated.',
    role: 'extension',
    fields: [
      nextHeader,
      routing.uint('len', 8, 0, 'Length', 'In units of 8 bytes, without the first 8.', {
        auto: { kind: 'headerLength', unit: 8, minus: 8 },
      }),
      routing.uint('type', 8, 0, 'Routing type', '0: deprecated source route, 2: Mobile IPv6.'),
      routing.uint('segleft', 8, 0, 'Segments left', 'Addresses that are still to be passed.', {
        auto: { kind: 'count', field: 'addresses', free: true },
      }),
      routing.hex('reserved', 32, 0, 'Reserved', 'Zero.'),
      routing.ipv6List('addresses', 'header', 'Addresses', 'Of the routers.'),
    ],
    headerLength: { field: 'len', unit: 8, plus: 8 },
    like: 'IPv6',
    under: [{ lower: 'IPv6', set: { nh: 43 } }],
  },
  {
    name: 'IPv6ExtHdrFragment',
    label: 'Fragment',
    rfc: 'RFC 8200 §4.5',
    help: 'One fragment of a packet.',
    role: 'extension',
    fields: [
      nextHeader,
      fragment.uint('res1', 8, 0, 'Reserved', 'Zero.'),
      fragment.uint('offset', 13, 0, 'Fragment offset', 'In units of 8 bytes.'),
      fragment.uint('res2', 2, 0, 'Reserved', 'Zero.'),
      fragment.uint('m', 1, 0, 'More', '1: more fragments follow.'),
      fragment.hex('id', 32, 0, 'Identification', 'The same in all fragments of one packet.'),
    ],
    like: 'IPv6',
    next: { fields: ['nh'], when: { field: 'offset', in: [0] } },
    partial: {
      any: [
        { field: 'offset', notIn: [0] },
        { field: 'm', in: [1] },
      ],
    },
    under: [{ lower: 'IPv6', set: { nh: 44 } }],
  },
];

const optionTypes = {
  0: 'Pad1',
  1: 'PadN',
  4: 'Tunnel Encapsulation Limit',
  5: 'Router Alert',
  6: 'Quick-Start',
  0xc2: 'Jumbo Payload',
  0xc9: 'Home Address Option',
};
const opt = fieldsOf('RFC 8200 §4.2');

function option(
  name: string,
  type: number | undefined,
  rfc: string,
  label: string,
  help: string,
  fields: FieldSpec[],
  align?: readonly [number, number],
): HeaderSpec {
  const kind = opt.enumeration(
    'otype',
    8,
    type ?? 1,
    optionTypes,
    'Type',
    'The first two bits say what to do when it is unknown.',
  );
  return {
    name,
    label,
    rfc,
    help,
    role: 'option',
    fields: [kind, ...fields],
    option: {
      family: 'ipv6',
      ...(type === undefined ? {} : { type }),
      ...(align === undefined ? {} : { align }),
    },
  };
}

const data: FieldSpec[] = [
  opt.uint('optlen', 8, 0, 'Length', 'Bytes of the data.', { auto: { kind: 'fieldLength', field: 'optdata' } }),
  opt.bytes('optdata', { field: 'optlen', unit: 1 }, 'Data', 'Of the option.'),
];
const length = (bytes: number): FieldSpec => opt.uint('optlen', 8, bytes, 'Length', 'Bytes of the data.');

export const ipv6Options: readonly HeaderSpec[] = [
  option('HBHOptUnknown', undefined, 'RFC 8200 §4.2', 'Option', 'Any option.', data),
  option('Pad1', 0, 'RFC 8200 §4.2', 'Pad1', 'One byte of padding.', []),
  option('PadN', 1, 'RFC 8200 §4.2', 'PadN', 'Two or more bytes of padding.', data),
  option(
    'RouterAlert',
    5,
    'RFC 2711',
    'Router alert',
    'Routers look at the packet more closely.',
    [length(2), opt.uint('value', 16, 0, 'Value', '0: MLD, 1: RSVP, 2: active networks.')],
    [2, 0],
  ),
  option(
    'Jumbo',
    0xc2,
    'RFC 2675',
    'Jumbo payload',
    'A payload of 64 KiB or more.',
    [length(4), opt.uint('jumboplen', 32, 0, 'Length', 'Bytes of the payload.')],
    [4, 2],
  ),
  option(
    'HAO',
    0xc9,
    'RFC 6275 §6.3',
    'Home address',
    'Home address of a mobile node: takes part in the checksum instead of the source.',
    [length(16), opt.ipv6('hoa', '::', 'Address', 'The home address.')],
    [8, 6],
  ),
];
