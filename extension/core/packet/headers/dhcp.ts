import { fieldsOf, type HeaderSpec } from './spec.ts';

const bootp = fieldsOf('RFC 2131 §2');
const dhcp = fieldsOf('RFC 2132');

/** RFC 1497: what follows is a list of options. */
const magicCookie = Uint8Array.of(0x63, 0x82, 0x53, 0x63);

export const dhcpHeaders: readonly HeaderSpec[] = [
  {
    name: 'BOOTP',
    label: 'BOOTP (of DHCP)',
    rfc: 'RFC 2131; RFC 951',
    help: 'The fixed part of a DHCP message.',
    role: 'application',
    fields: [
      bootp.enumeration('op', 8, 1, { 1: 'BOOTREQUEST', 2: 'BOOTREPLY' }, 'Operation', '1: from a client, 2: to one.'),
      bootp.uint('htype', 8, 1, 'Hardware type', '1: Ethernet.'),
      bootp.uint('hlen', 8, 6, 'Hardware length', 'Bytes of the hardware address.'),
      bootp.uint('hops', 8, 0, 'Hops', 'Relays that were passed.'),
      bootp.hex('xid', 32, 0, 'Transaction', 'The answer repeats it.'),
      bootp.uint('secs', 16, 0, 'Seconds', 'Since the client began.'),
      bootp.flags('flags', 16, 0, Array.from('???????????????B'), 'Flags', 'B: answer by broadcast.'),
      bootp.ipv4('ciaddr', '0.0.0.0', 'Client address', 'That the client has already.'),
      bootp.ipv4('yiaddr', '0.0.0.0', 'Your address', 'That the client is given.'),
      bootp.ipv4('siaddr', '0.0.0.0', 'Server address', 'Of the next server.'),
      bootp.ipv4('giaddr', '0.0.0.0', 'Relay address', 'Of the relay.'),
      bootp.fixedBytes('chaddr', 16, 'Client hardware address', 'The MAC address, then zeros.'),
      bootp.fixedBytes('sname', 64, 'Server name', 'Text, then zeros.'),
      bootp.fixedBytes('file', 128, 'Boot file', 'Text, then zeros.'),
      bootp.bytes('options', { prefix: magicCookie }, 'Cookie', '63825363: DHCP options follow (RFC 1497).'),
    ],
    next: { otherwise: 'DHCP' },
    under: [
      { lower: 'UDP', set: { sport: 67, dport: 68 }, match: { sport: 67, dport: 68 } },
      { lower: 'UDP', match: { sport: 68, dport: 67 } },
      { lower: 'UDP', match: { sport: 67, dport: 67 } },
    ],
  },
  {
    name: 'DHCP',
    label: 'DHCP options',
    rfc: 'RFC 2132',
    help: 'Options; the first says which message it is.',
    role: 'application',
    fields: [dhcp.dhcpOptions('options', 'rest', 'Options', 'Code, length, value; "end" is the last one.')],
    under: [{ lower: 'BOOTP', set: { options: magicCookie } }],
  },
];
