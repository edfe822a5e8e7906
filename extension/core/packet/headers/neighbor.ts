import { message } from './icmpv6.ts';
import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const nd = fieldsOf('RFC 4861 §4');
const opt = fieldsOf('RFC 4861 §4.6');

/** Neighbor discovery: every message is followed by options, recognised by their first byte. */
const followed: Partial<HeaderSpec> = { like: 'ICMPv6ND_NS' };
const allNodes = { dst: 'ff02::1', hlim: 255 };
const target = nd.ipv6('tgt', '::', 'Target', 'The address asked or told about.');

export const neighborHeaders: readonly HeaderSpec[] = [
  message({
    name: 'ICMPv6ND_NS',
    type: 135,
    label: 'Neighbor solicitation',
    rfc: 'RFC 4861 §4.3',
    help: 'Asks for the MAC address of an IPv6 address.',
    fields: [nd.uint('res', 32, 0, 'Reserved', 'Zero.'), target],
    set: allNodes,
    extra: { next: { peek: true } },
  }),
  message({
    name: 'ICMPv6ND_NA',
    type: 136,
    label: 'Neighbor advertisement',
    rfc: 'RFC 4861 §4.4',
    help: 'Tells the MAC address of an IPv6 address.',
    fields: [
      nd.uint('R', 1, 1, 'Router', '1: the sender is a router.'),
      nd.uint('S', 1, 0, 'Solicited', '1: answers a solicitation.'),
      nd.uint('O', 1, 1, 'Override', '1: replaces what the receiver knew.'),
      nd.hex('res', 29, 0, 'Reserved', 'Zero.'),
      target,
    ],
    set: allNodes,
    extra: followed,
  }),
  message({
    name: 'ICMPv6ND_RS',
    type: 133,
    label: 'Router solicitation',
    rfc: 'RFC 4861 §4.1',
    help: 'Asks routers to advertise themselves.',
    fields: [nd.uint('res', 32, 0, 'Reserved', 'Zero.')],
    set: { dst: 'ff02::2', hlim: 255 },
    extra: followed,
  }),
  message({
    name: 'ICMPv6ND_RA',
    type: 134,
    label: 'Router advertisement',
    rfc: 'RFC 4861 §4.2',
    help: 'A router tells about itself and its links.',
    fields: [
      nd.uint('chlim', 8, 0, 'Hop limit', 'That hosts should use; 0: not said.'),
      nd.uint('M', 1, 0, 'Managed', '1: addresses come by DHCPv6.'),
      nd.uint('O', 1, 0, 'Other', '1: other settings come by DHCPv6.'),
      nd.uint('H', 1, 0, 'Home agent', 'RFC 6275.'),
      nd.enumeration(
        'prf',
        2,
        1,
        { 0: 'Medium (default)', 1: 'High', 2: 'Reserved', 3: 'Low' },
        'Preference',
        'RFC 4191.',
      ),
      nd.uint('P', 1, 0, 'Proxy', 'RFC 4389.'),
      nd.uint('res', 2, 0, 'Reserved', 'Zero.'),
      nd.uint('routerlifetime', 16, 1800, 'Router lifetime', 'In seconds.'),
      nd.uint('reachabletime', 32, 0, 'Reachable time', 'In milliseconds; 0: not said.'),
      nd.uint('retranstimer', 32, 0, 'Retransmission timer', 'In milliseconds; 0: not said.'),
    ],
    set: allNodes,
    extra: followed,
  }),
  message({
    name: 'ICMPv6ND_Redirect',
    type: 137,
    label: 'Redirect',
    rfc: 'RFC 4861 §4.5',
    help: 'There is a better first hop.',
    fields: [
      nd.hex('res', 32, 0, 'Reserved', 'Zero.'),
      target,
      nd.ipv6('dst', '::', 'Destination', 'The address that is redirected.'),
    ],
    set: allNodes,
    extra: followed,
  }),
];

const optionTypes = {
  1: 'Source Link-Layer Address',
  2: 'Target Link-Layer Address',
  3: 'Prefix Information',
  4: 'Redirected Header',
  5: 'MTU',
  24: 'Route Information Option',
  25: 'Recursive DNS Server Option',
};

function option(
  name: string,
  type: number,
  units: number,
  label: string,
  help: string,
  fields: FieldSpec[],
): HeaderSpec {
  return {
    name,
    label,
    rfc: 'RFC 4861 §4.6',
    help,
    role: 'control',
    fields: [
      opt.enumeration('type', 8, type, optionTypes, 'Type', 'Which option this is.'),
      opt.uint('len', 8, units, 'Length', 'In units of 8 bytes, type and length included.'),
      ...fields,
    ],
    like: 'ICMPv6ND_NS',
    under: [{ lower: 'ICMPv6ND_NS', peek: type }],
  };
}

const linkLayerAddress = opt.mac('lladdr', '00:00:00:00:00:00', 'MAC address', 'The link-layer address.');

export const neighborOptions: readonly HeaderSpec[] = [
  option('ICMPv6NDOptSrcLLAddr', 1, 1, 'Source link-layer address', 'MAC address of the sender.', [linkLayerAddress]),
  option('ICMPv6NDOptDstLLAddr', 2, 1, 'Target link-layer address', 'MAC address of the target.', [linkLayerAddress]),
  option('ICMPv6NDOptPrefixInfo', 3, 4, 'Prefix information', 'A prefix of the link.', [
    opt.uint('prefixlen', 8, 64, 'Prefix length', 'In bits.'),
    opt.uint('L', 1, 1, 'On-link', '1: the prefix is on this link.'),
    opt.uint('A', 1, 1, 'Autonomous', '1: hosts may form addresses from it.'),
    opt.uint('R', 1, 0, 'Router address', 'RFC 6275.'),
    opt.uint('res1', 5, 0, 'Reserved', 'Zero.'),
    opt.hex('validlifetime', 32, 0xffffffff, 'Valid lifetime', 'In seconds.'),
    opt.hex('preferredlifetime', 32, 0xffffffff, 'Preferred lifetime', 'In seconds.'),
    opt.hex('res2', 32, 0, 'Reserved', 'Zero.'),
    opt.ipv6('prefix', '::', 'Prefix', 'The prefix.'),
  ]),
  option('ICMPv6NDOptMTU', 5, 1, 'MTU', 'MTU of the link.', [
    opt.hex('res', 16, 0, 'Reserved', 'Zero.'),
    opt.uint('mtu', 32, 1280, 'MTU', 'In bytes.'),
  ]),
];
