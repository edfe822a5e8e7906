import { ipProtocols } from './numbers.ts';
import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const ip = fieldsOf('RFC 791 §3.1');
const tos = fieldsOf('RFC 2474; RFC 3168');

export const ipv4Headers: readonly HeaderSpec[] = [
  {
    name: 'IP',
    label: 'IPv4',
    rfc: 'RFC 791',
    help: 'Internet Protocol version 4.',
    role: 'network',
    fields: [
      ip.uint('version', 4, 4, 'Version', 'Always 4.'),
      ip.uint('ihl', 4, 5, 'Header length', 'In 32-bit words, options included: 5 to 15.', {
        auto: { kind: 'headerLength', unit: 4 },
      }),
      tos.hex(
        'tos',
        8,
        0,
        'DS field / ECN',
        'Differentiated services code point (6 bits) and congestion notification (2 bits).',
      ),
      ip.uint('len', 16, 0, 'Total length', 'Bytes of header and payload.', {
        auto: { kind: 'length', of: 'message' },
      }),
      ip.uint('id', 16, 1, 'Identification', 'The same in all fragments of one datagram.'),
      ip.flags('flags', 3, 0, ['MF', 'DF', 'evil'], 'Flags', 'DF: do not fragment; MF: more fragments follow.'),
      ip.uint('frag', 13, 0, 'Fragment offset', 'Of this fragment in the datagram, in units of 8 bytes.'),
      ip.uint('ttl', 8, 64, 'Time to live', 'Hops that are left.'),
      ip.enumeration('proto', 8, 0, ipProtocols, 'Protocol', 'What follows.', { auto: { kind: 'next' } }),
      ip.checksum('chksum', { over: 'header' }, 'Over the header only.'),
      ip.ipv4('src', '127.0.0.1', 'Source', 'Address of the sender.'),
      ip.ipv4('dst', '127.0.0.1', 'Destination', 'Address of the receiver.'),
      ip.packets('options', 'header', 'Options', 'Up to 40 bytes, padded with zeros to a multiple of 4.', {
        family: 'ipv4',
        pad: 4,
      }),
    ],
    headerLength: { field: 'ihl', unit: 4 },
    extent: { field: 'len', of: 'message', openIfZero: { all: [] } },
    // Only the first fragment holds the next header.
    next: { fields: ['proto'], when: { field: 'frag', in: [0] } },
    partial: {
      any: [
        { field: 'frag', notIn: [0] },
        { field: 'flags', anyBit: 1 },
      ],
    },
    pseudo: 'ipv4',
    under: [
      { lower: 'Ether', set: { type: 0x0800 } },
      { lower: 'IP', set: { proto: 4, frag: 0 }, match: { proto: 4 } },
      { lower: 'IPv6', set: { nh: 4 } },
      { lower: 'GRE', set: { proto: 0x0800 } },
      { lower: 'VXLAN', set: { flags: 12, NextProtocol: 1 }, match: { NextProtocol: 1 } },
      { lower: 'GENEVE', set: { proto: 0x0800 } },
      { lower: 'MPLS', set: { label: 0 }, match: { s: 1 }, peek: 0x40, peekMask: 0xf0 },
      { lower: 'PPP', set: { proto: 0x21 } },
      {
        lower: 'GTP_U_Header',
        set: { gtp_type: 255 },
        match: { gtp_type: 255, next_ex: 0 },
        peek: 0x40,
        peekMask: 0xf0,
      },
      { lower: 'GTPPDUSessionContainer', match: { NextExtHdr: 0 }, peek: 0x40, peekMask: 0xf0 },
      { lower: 'ICMP', match: { type: 3 } },
      { lower: 'ICMP', match: { type: 4 } },
      { lower: 'ICMP', match: { type: 5 } },
      { lower: 'ICMP', match: { type: 11 } },
      { lower: 'ICMP', match: { type: 12 } },
    ],
  },
];

const optionNames = {
  0: 'end_of_list',
  1: 'nop',
  2: 'security',
  3: 'loose_source_route',
  4: 'timestamp',
  7: 'record_route',
  8: 'stream_id',
  9: 'strict_source_route',
  11: 'mtu_probe',
  12: 'mtu_reply',
  18: 'traceroute',
  19: 'address_extension',
  20: 'router_alert',
  21: 'selective_directed_broadcast_mode',
};

/** The type byte that every option begins with. */
function typeByte(copyFlag: number, optionClass: number, option: number): FieldSpec[] {
  return [
    ip.uint('copy_flag', 1, copyFlag, 'Copied', 'Whether fragments repeat the option.'),
    ip.enumeration('optclass', 2, optionClass, { 0: 'control', 2: 'debug' }, 'Class', '0: control, 2: debugging.'),
    ip.enumeration('option', 5, option, optionNames, 'Option', 'Which option.'),
  ];
}

const computedLength = ip.uint('length', 8, 0, 'Length', 'Bytes of the whole option.', {
  auto: { kind: 'headerLength', unit: 1 },
});

function fixedLength(bytes: number): FieldSpec {
  return ip.uint('length', 8, bytes, 'Length', 'Bytes of the whole option.');
}

function option(name: string, type: number | undefined, label: string, help: string, fields: FieldSpec[]): HeaderSpec {
  return {
    name,
    label,
    rfc: 'RFC 791 §3.1',
    help,
    role: 'option',
    fields,
    option: type === undefined ? { family: 'ipv4' } : { family: 'ipv4', type },
  };
}

function route(name: string, copyFlag: number, type: number, label: string, help: string): HeaderSpec {
  return option(name, type, label, help, [
    ...typeByte(copyFlag, 0, type),
    computedLength,
    ip.uint('pointer', 8, 4, 'Pointer', 'Offset of the next address in the option, from 1; 4 is the first.'),
    ip.ipv4List('routers', { field: 'length', unit: 1, plus: -3 }, 'Addresses', 'Of the routers.'),
  ]);
}

export const ipv4Options: readonly HeaderSpec[] = [
  option('IPOption', undefined, 'Option', 'Any option with a length byte.', [
    ...typeByte(0, 0, 0),
    computedLength,
    ip.bytes('value', { field: 'length', unit: 1, plus: -2 }, 'Value', 'The bytes after the length.'),
  ]),
  option('IPOption_EOL', 0, 'End of options', 'Ends the list.', typeByte(0, 0, 0)),
  option('IPOption_NOP', 1, 'No operation', 'Fills up to an alignment.', typeByte(0, 0, 1)),
  route('IPOption_RR', 0, 7, 'Record route', 'Routers write their addresses here.'),
  route('IPOption_LSRR', 1, 3, 'Loose source route', 'The datagram passes these routers, with others in between.'),
  route('IPOption_SSRR', 1, 9, 'Strict source route', 'The datagram passes exactly these routers.'),
  option('IPOption_Stream_Id', 8, 'Stream identifier', 'Historic (RFC 6814).', [
    ...typeByte(1, 0, 8),
    fixedLength(4),
    ip.uint('security', 16, 0, 'Stream', 'The SATNET stream.'),
  ]),
  option('IPOption_MTU_Probe', 11, 'MTU probe', 'RFC 1063, historic.', [
    ...typeByte(0, 0, 11),
    fixedLength(4),
    ip.uint('mtu', 16, 0, 'MTU', 'Smallest on the way so far.'),
  ]),
  option('IPOption_Router_Alert', 20, 'Router alert', 'RFC 2113: routers look at the datagram more closely.', [
    ...typeByte(1, 0, 20),
    fixedLength(4),
    ip.enumeration('alert', 16, 0, { 0: 'router_shall_examine_packet' }, 'Value', '0: examine the packet.'),
  ]),
];
