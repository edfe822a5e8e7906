import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const icmp = fieldsOf('RFC 4443');
const mld = fieldsOf('RFC 2710 §3');

export const icmpv6Types = {
  1: 'Destination unreachable',
  2: 'Packet too big',
  3: 'Time exceeded',
  4: 'Parameter problem',
  128: 'Echo Request',
  129: 'Echo Reply',
  130: 'MLD Query',
  131: 'MLD Report',
  132: 'MLD Done',
  133: 'Router Solicitation',
  134: 'Router Advertisement',
  135: 'Neighbor Solicitation',
  136: 'Neighbor Advertisement',
  137: 'Redirect Message',
  143: 'MLD Report Version 2',
};

interface Message {
  name: string;
  type: number;
  label: string;
  rfc: string;
  help: string;
  codes?: Readonly<Record<number, string>>;
  fields: FieldSpec[];
  /** What Scapy sets in the IPv6 header besides the next header. */
  set?: Record<string, number | string>;
  extra?: Partial<HeaderSpec>;
}

/** Type, code and checksum, then what is the message's own. */
export function message({ name, type, label, rfc, help, codes, fields, set, extra }: Message): HeaderSpec {
  return {
    name,
    label,
    rfc,
    help,
    role: 'control',
    fields: [
      icmp.enumeration('type', 8, type, icmpv6Types, 'Type', 'Which message this is.'),
      codes === undefined
        ? icmp.uint('code', 8, 0, 'Code', 'Closer reason.')
        : icmp.enumeration('code', 8, 0, codes, 'Code', 'Closer reason.'),
      icmp.checksum('cksum', { pseudo: 58 }, 'Over pseudo header, header and payload.'),
      ...fields,
    ],
    under: [{ lower: 'IPv6', set: { nh: 58, ...set }, match: { nh: 58 }, peek: type }],
    ...extra,
  };
}

const quoting: Partial<HeaderSpec> = { next: { otherwise: 'IPv6', quotes: true } };
const lengthAndUnused = [
  icmp.uint('length', 8, 0, 'Length', 'Of the quoted packet in 64-bit words (RFC 4884).'),
  icmp.hex('unused', 24, 0, 'Unused', 'Zero.'),
];
const echo = [
  icmp.hex('id', 16, 0, 'Identifier', 'Which sender of requests.'),
  icmp.hex('seq', 16, 0, 'Sequence', 'Which request.'),
  icmp.bytes('data', 'rest', 'Data', 'Comes back in the reply.'),
];
const listener = [
  mld.uint('mrd', 16, 0, 'Max response delay', 'In milliseconds.'),
  mld.uint('reserved', 16, 0, 'Reserved', 'Zero.'),
  mld.ipv6('mladdr', '::', 'Group', 'Multicast address; :: in a general query.'),
];

export const icmpv6Headers: readonly HeaderSpec[] = [
  message({
    name: 'ICMPv6DestUnreach',
    type: 1,
    label: 'ICMPv6 destination unreachable',
    rfc: 'RFC 4443 §3.1',
    help: 'A packet could not be delivered; quotes it.',
    codes: {
      0: 'No route to destination',
      1: 'Communication with destination administratively prohibited',
      2: 'Beyond scope of source address',
      3: 'Address unreachable',
      4: 'Port unreachable',
    },
    fields: lengthAndUnused,
    extra: quoting,
  }),
  message({
    name: 'ICMPv6PacketTooBig',
    type: 2,
    label: 'ICMPv6 packet too big',
    rfc: 'RFC 4443 §3.2',
    help: 'A packet did not fit the next link; quotes it.',
    fields: [icmp.uint('mtu', 32, 1280, 'MTU', 'Of the next link.')],
    extra: quoting,
  }),
  message({
    name: 'ICMPv6TimeExceeded',
    type: 3,
    label: 'ICMPv6 time exceeded',
    rfc: 'RFC 4443 §3.3',
    help: 'The hop limit ran out, or reassembly took too long; quotes the packet.',
    codes: { 0: 'hop limit exceeded in transit', 1: 'fragment reassembly time exceeded' },
    fields: lengthAndUnused,
    extra: quoting,
  }),
  message({
    name: 'ICMPv6ParamProblem',
    type: 4,
    label: 'ICMPv6 parameter problem',
    rfc: 'RFC 4443 §3.4',
    help: 'A header could not be processed; quotes the packet.',
    codes: {
      0: 'erroneous header field encountered',
      1: 'unrecognized Next Header type encountered',
      2: 'unrecognized IPv6 option encountered',
      3: 'first fragment has incomplete header chain',
    },
    fields: [icmp.uint('ptr', 32, 6, 'Pointer', 'Byte of the quoted packet that is wrong.')],
    extra: quoting,
  }),
  message({
    name: 'ICMPv6EchoRequest',
    type: 128,
    label: 'ICMPv6 echo request',
    rfc: 'RFC 4443 §4.1',
    help: 'Ping.',
    fields: echo,
  }),
  message({
    name: 'ICMPv6EchoReply',
    type: 129,
    label: 'ICMPv6 echo reply',
    rfc: 'RFC 4443 §4.2',
    help: 'Answer to ping.',
    fields: echo,
  }),
  message({
    name: 'ICMPv6MLQuery',
    type: 130,
    label: 'MLD query',
    rfc: 'RFC 2710',
    help: 'Asks who listens to a multicast group.',
    fields: listener.map((field) => (field.name === 'mrd' ? { ...field, default: 10_000 } : field)),
    set: { dst: 'ff02::1', hlim: 1 },
  }),
  message({
    name: 'ICMPv6MLReport',
    type: 131,
    label: 'MLD report',
    rfc: 'RFC 2710',
    help: 'Someone listens to a multicast group.',
    fields: listener,
    set: { hlim: 1 },
  }),
  message({
    name: 'ICMPv6MLDone',
    type: 132,
    label: 'MLD done',
    rfc: 'RFC 2710',
    help: 'Someone stops listening to a multicast group.',
    fields: listener,
    set: { dst: 'ff02::2', hlim: 1 },
  }),
];

/** After all others: recognised by the next header alone. */
export const icmpv6Unknown: HeaderSpec = {
  name: 'ICMPv6Unknown',
  label: 'ICMPv6 (other)',
  rfc: 'RFC 4443',
  help: 'Any other message.',
  role: 'control',
  fields: [
    icmp.enumeration('type', 8, 1, icmpv6Types, 'Type', 'Which message this is.'),
    icmp.uint('code', 8, 0, 'Code', 'Closer reason.'),
    icmp.checksum('cksum', { pseudo: 58 }, 'Over pseudo header, header and payload.'),
    icmp.bytes('msgbody', 'rest', 'Body', 'The rest of the message.'),
  ],
  under: [{ lower: 'IPv6', set: { nh: 58 } }],
};
