import { etherTypes } from './numbers.ts';
import { fieldsOf, type HeaderSpec } from './spec.ts';

const ethernet = fieldsOf('IEEE 802.3 §3.2');
const vlan = fieldsOf('IEEE 802.1Q §9.6');
const arp = fieldsOf('RFC 826');

const tag: HeaderSpec['fields'] = [
  vlan.uint('prio', 3, 0, 'Priority', 'Priority code point, 0 (best effort) to 7.'),
  vlan.uint('id', 1, 0, 'DEI', 'Drop eligible indicator: may be dropped first under congestion.'),
  vlan.uint('vlan', 12, 1, 'VLAN', 'VLAN identifier. 0: priority only; 4095 is reserved.'),
  vlan.enumeration('type', 16, 0, etherTypes, 'EtherType', 'What follows the tag.', {
    base: 16,
    auto: { kind: 'next' },
  }),
];

const hardwareTypes = { 1: 'Ethernet (10Mb)', 6: 'IEEE 802 Networks', 15: 'Frame relay', 20: 'Serial Line' };
const operations = {
  1: 'who-has',
  2: 'is-at',
  3: 'RARP-req',
  4: 'RARP-rep',
  5: 'Dyn-RARP-req',
  6: 'Dyn-RAR-rep',
  7: 'Dyn-RARP-err',
  8: 'InARP-req',
  9: 'InARP-rep',
};

export const linkHeaders: readonly HeaderSpec[] = [
  {
    name: 'Ether',
    label: 'Ethernet',
    rfc: 'IEEE 802.3 §3.2; RFC 894',
    help: 'Ethernet II frame header. XDP sees the frame from here, without preamble and frame check sequence.',
    role: 'link',
    fields: [
      ethernet.mac('dst', 'ff:ff:ff:ff:ff:ff', 'Destination', 'MAC address of the receiver.'),
      ethernet.mac('src', '00:00:00:00:00:00', 'Source', 'MAC address of the sender.'),
      ethernet.enumeration(
        'type',
        16,
        0x9000,
        etherTypes,
        'EtherType',
        'What follows. Below 1536: an IEEE 802.3 length.',
        {
          base: 16,
          auto: { kind: 'next' },
        },
      ),
    ],
    next: { fields: ['type'] },
    under: [
      { lower: 'GRE', set: { proto: 0x6558 } },
      { lower: 'GENEVE', set: { proto: 0x6558 } },
      // Scapy 2.5 builds VXLAN-GPE around Ethernet; plain VXLAN (no next protocol) is recognised by the rule of VXLAN itself.
      { lower: 'VXLAN', set: { flags: 12, NextProtocol: 3 }, match: { NextProtocol: 3 } },
    ],
  },
  {
    name: 'Dot1Q',
    label: 'VLAN tag (802.1Q)',
    rfc: 'IEEE 802.1Q §9.6',
    help: 'The tag that puts a frame into a VLAN. The kernel may strip it in hardware before XDP sees the frame.',
    role: 'link',
    fields: tag,
    like: 'Ether',
    under: [
      { lower: 'Ether', set: { type: 0x8100 } },
      { lower: 'GRE', set: { proto: 0x8100 } },
    ],
  },
  {
    name: 'Dot1AD',
    label: 'Service VLAN tag (802.1ad, QinQ)',
    rfc: 'IEEE 802.1Q §9.6',
    help: "The provider's outer tag; a customer tag (802.1Q) usually follows.",
    role: 'link',
    fields: tag,
    like: 'Ether',
    under: [{ lower: 'Ether', set: { type: 0x88a8 } }],
  },
  {
    name: 'ARP',
    label: 'ARP',
    rfc: 'RFC 826; RFC 5227',
    help: 'Asks for and tells the MAC address that belongs to an IPv4 address.',
    role: 'network',
    fields: [
      arp.enumeration('hwtype', 16, 1, hardwareTypes, 'Hardware type', '1: Ethernet.'),
      arp.enumeration('ptype', 16, 0x0800, etherTypes, 'Protocol type', '0x0800: IPv4.', { base: 16 }),
      arp.uint('hwlen', 8, 6, 'Hardware length', 'Bytes of a hardware address.', {
        auto: { kind: 'fieldLength', field: 'hwsrc' },
      }),
      arp.uint('plen', 8, 4, 'Protocol length', 'Bytes of a protocol address.', {
        auto: { kind: 'fieldLength', field: 'psrc' },
      }),
      arp.enumeration('op', 16, 1, operations, 'Operation', '1: request (who-has), 2: reply (is-at).'),
      arp.address('hwsrc', 0, '00:00:00:00:00:00', 'Sender MAC', 'Hardware address of the sender.', {
        size: { field: 'hwlen', unit: 1 },
      }),
      arp.address('psrc', 0, '0.0.0.0', 'Sender IP', 'Protocol address of the sender. 0.0.0.0 in a probe (RFC 5227).', {
        size: { field: 'plen', unit: 1 },
      }),
      arp.address('hwdst', 0, '00:00:00:00:00:00', 'Target MAC', 'Hardware address of the target; zero in a request.', {
        size: { field: 'hwlen', unit: 1 },
      }),
      arp.address('pdst', 0, '0.0.0.0', 'Target IP', 'Protocol address of the target.', {
        size: { field: 'plen', unit: 1 },
      }),
    ],
    under: [
      { lower: 'Ether', set: { type: 0x0806 } },
      { lower: 'GRE', set: { proto: 0x0806 } },
    ],
  },
];
