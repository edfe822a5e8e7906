/** Compares what the builder made with what tshark sees in it, field by field. */
import { expect } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import type { BuiltLayer, BuiltPacket, FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { dissectWithTshark } from './packetOracles.ts';

type Ours = (layer: BuiltLayer) => FieldValue[];

const field =
  (name: string): Ours =>
  (layer) =>
    layer.fields.filter((each) => each.name === name).map(({ value }) => value);
const scaled =
  (name: string, factor: number): Ours =>
  (layer) =>
    field(name)(layer).map((value) => Number(value) * factor);
/** Of a DNS record of that type. */
const data =
  (type: number): Ours =>
  (layer) =>
    Number(field('type')(layer)[0]) === type ? field('rdata')(layer).flatMap((value) => value as FieldValue[]) : [];
/** Integers of a TCP or DHCP option. */
const option =
  (name: string, part?: 'even' | 'odd'): Ours =>
  (layer) =>
    layer.fields
      .filter((each) => each.name === 'options' && Array.isArray(each.value))
      .flatMap(({ value }) => value as readonly (readonly [string, FieldValue])[])
      .filter((each) => each[0] === name)
      .flatMap(([, value]) => (Array.isArray(value) ? (value as FieldValue[]) : [value]))
      .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value))
      .filter((_, index) => part === undefined || index % 2 === (part === 'even' ? 0 : 1));

/** What tshark must show, for every header of that name, in the order of the packet. */
const sameFields: [tshark: string, layers: string[], ours: string | Ours][] = [
  ['eth.src', ['Ether'], 'src'],
  ['eth.dst', ['Ether'], 'dst'],
  ['vlan.id', ['Dot1Q'], 'vlan'],
  ['vlan.priority', ['Dot1Q'], 'prio'],
  ['vlan.dei', ['Dot1Q'], 'id'],
  ['ieee8021ad.id', ['Dot1AD'], 'vlan'],
  ['mpls.label', ['MPLS'], 'label'],
  ['mpls.exp', ['MPLS'], 'cos'],
  ['mpls.bottom', ['MPLS'], 's'],
  ['mpls.ttl', ['MPLS'], 'ttl'],
  ['pppoe.code', ['PPPoE', 'PPPoED'], 'code'],
  ['pppoe.session_id', ['PPPoE', 'PPPoED'], 'sessionid'],
  ['pppoe.payload_length', ['PPPoE', 'PPPoED'], 'len'],
  ['ppp.protocol', ['PPP'], 'proto'],
  ['arp.opcode', ['ARP'], 'op'],
  ['arp.src.hw_mac', ['ARP'], 'hwsrc'],
  ['arp.src.proto_ipv4', ['ARP'], 'psrc'],
  ['arp.dst.hw_mac', ['ARP'], 'hwdst'],
  ['arp.dst.proto_ipv4', ['ARP'], 'pdst'],
  ['ip.hdr_len', ['IP'], scaled('ihl', 4)],
  ['ip.dsfield', ['IP'], 'tos'],
  ['ip.src', ['IP'], 'src'],
  ['ip.dst', ['IP'], 'dst'],
  ['ip.id', ['IP'], 'id'],
  ['ip.flags', ['IP'], 'flags'],
  ['ip.frag_offset', ['IP'], scaled('frag', 8)],
  ['ip.proto', ['IP'], 'proto'],
  ['ip.ttl', ['IP'], 'ttl'],
  ['ip.len', ['IP'], 'len'],
  ['ip.checksum', ['IP'], 'chksum'],
  ['ipv6.src', ['IPv6'], 'src'],
  ['ipv6.dst', ['IPv6'], 'dst'],
  ['ipv6.tclass', ['IPv6'], 'tc'],
  ['ipv6.flow', ['IPv6'], 'fl'],
  ['ipv6.nxt', ['IPv6'], 'nh'],
  ['ipv6.plen', ['IPv6'], 'plen'],
  ['ipv6.hlim', ['IPv6'], 'hlim'],
  ['ipv6.routing.segleft', ['IPv6ExtHdrSegmentRouting', 'IPv6ExtHdrRouting'], 'segleft'],
  ['ipv6.routing.srh.last_entry', ['IPv6ExtHdrSegmentRouting'], 'lastentry'],
  [
    'ipv6.routing.srh.addr',
    ['IPv6ExtHdrSegmentRouting'],
    (layer) => field('addresses')(layer).flatMap((value) => value as FieldValue[]),
  ],
  ['ah.spi', ['AH'], 'spi'],
  ['ah.sequence', ['AH'], 'seq'],
  ['ah.length', ['AH'], 'payloadlen'],
  ['esp.spi', ['ESP'], 'spi'],
  ['esp.sequence', ['ESP'], 'seq'],
  ['tcp.srcport', ['TCP'], 'sport'],
  ['tcp.dstport', ['TCP'], 'dport'],
  ['tcp.seq_raw', ['TCP'], 'seq'],
  ['tcp.ack_raw', ['TCP'], 'ack'],
  ['tcp.hdr_len', ['TCP'], scaled('dataofs', 4)],
  ['tcp.flags', ['TCP'], 'flags'],
  ['tcp.window_size_value', ['TCP'], 'window'],
  ['tcp.checksum', ['TCP'], 'chksum'],
  ['tcp.urgent_pointer', ['TCP'], 'urgptr'],
  ['tcp.options.mss_val', ['TCP'], option('MSS')],
  ['tcp.options.wscale.shift', ['TCP'], option('WScale')],
  ['tcp.options.timestamp.tsval', ['TCP'], option('Timestamp', 'even')],
  ['tcp.options.timestamp.tsecr', ['TCP'], option('Timestamp', 'odd')],
  ['udp.srcport', ['UDP'], 'sport'],
  ['udp.dstport', ['UDP'], 'dport'],
  ['udp.length', ['UDP'], 'len'],
  ['udp.checksum', ['UDP'], 'chksum'],
  ['icmp.type', ['ICMP'], 'type'],
  ['icmp.code', ['ICMP'], 'code'],
  ['icmp.checksum', ['ICMP'], 'chksum'],
  ['icmpv6.mtu', ['ICMPv6PacketTooBig'], 'mtu'],
  ['icmpv6.echo.identifier', ['ICMPv6EchoRequest', 'ICMPv6EchoReply'], 'id'],
  ['icmpv6.echo.sequence_number', ['ICMPv6EchoRequest', 'ICMPv6EchoReply'], 'seq'],
  ['icmpv6.nd.ns.target_address', ['ICMPv6ND_NS'], 'tgt'],
  ['icmpv6.nd.na.target_address', ['ICMPv6ND_NA'], 'tgt'],
  ['icmpv6.nd.na.flag.r', ['ICMPv6ND_NA'], 'R'],
  ['icmpv6.nd.ra.router_lifetime', ['ICMPv6ND_RA'], 'routerlifetime'],
  ['icmpv6.opt.mtu', ['ICMPv6NDOptMTU'], 'mtu'],
  ['icmpv6.opt.prefix', ['ICMPv6NDOptPrefixInfo'], 'prefix'],
  ['sctp.srcport', ['SCTP'], 'sport'],
  ['sctp.verification_tag', ['SCTP'], 'tag'],
  ['sctp.checksum', ['SCTP'], 'chksum'],
  ['sctp.data_tsn_raw', ['SCTPChunkData'], 'tsn'],
  ['sctp.chunk_length', ['SCTPChunkData', 'SCTPChunkInit', 'SCTPChunkCookieEcho', 'SCTPChunkCookieAck'], 'len'],
  ['gre.key', ['GRE'], 'key'],
  ['gre.proto', ['GRE'], 'proto'],
  ['gre.sequence_number', ['GRE'], 'sequence_number'],
  ['vxlan.vni', ['VXLAN'], 'vni'],
  ['geneve.vni', ['GENEVE'], 'vni'],
  ['geneve.proto_type', ['GENEVE'], 'proto'],
  ['geneve.option.class', ['GeneveOptions'], 'classid'],
  ['gtp.teid', ['GTP_U_Header'], 'teid'],
  ['gtp.length', ['GTP_U_Header'], 'length'],
  ['gtp.message', ['GTP_U_Header'], 'gtp_type'],
  ['gtp.ext_hdr.pdu_ses_con.qos_flow_id', ['GTPPDUSessionContainer'], 'QFI'],
  ['igmp.maddr', ['IGMP'], 'gaddr'],
  ['dns.id', ['DNS'], 'id'],
  ['dns.flags.response', ['DNS'], 'qr'],
  ['dns.count.queries', ['DNS'], 'qdcount'],
  ['dns.count.answers', ['DNS'], 'ancount'],
  ['dns.count.auth_rr', ['DNS'], 'nscount'],
  ['dns.count.add_rr', ['DNS'], 'arcount'],
  ['dns.qry.name', ['DNSQR'], 'qname'],
  ['dns.qry.type', ['DNSQR'], 'qtype'],
  ['dns.resp.ttl', ['DNSRR'], 'ttl'],
  ['dns.a', ['DNSRR'], data(1)],
  ['dns.aaaa', ['DNSRR'], data(28)],
  ['dns.cname', ['DNSRR'], data(5)],
  ['dns.ns', ['DNSRR'], data(2)],
  ['dns.txt', ['DNSRR'], data(16)],
  ['dhcp.type', ['BOOTP'], 'op'],
  ['dhcp.id', ['BOOTP'], 'xid'],
  ['dhcp.secs', ['BOOTP'], secondsAsTshark],
  ['dhcp.option.router', ['DHCP'], option('router')],
  ['dhcp.option.requested_ip_address', ['DHCP'], option('requested_addr')],
  ['dhcp.option.ip_address_lease_time', ['DHCP'], option('lease_time')],
  ['dhcp.option.hostname', ['DHCP'], option('hostname')],
  ['dhcp.option.request_list_item', ['DHCP'], option('param_req_list')],
];

const status = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'igmp'].map((protocol) => `${protocol}.checksum.status`);
const preferences = [
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'sctp.checksum:CRC 32c',
  // Random bytes are no encrypted packets.
  'esp.enable_null_encryption_decode_heuristic:FALSE',
];

/** Whole multiples of 256 seconds are taken for a client that has its byte order wrong: packet-dhcp.c. */
function secondsAsTshark({ fields }: BuiltLayer): FieldValue[] {
  const seconds = Number(fields.find(({ name }) => name === 'secs')?.value);
  return [seconds % 256 === 0 ? seconds / 256 : seconds];
}

function ours(packet: BuiltPacket, layers: readonly string[], of: string | Ours): FieldValue[] {
  return packet.layers
    .flatMap((layer) => [layer, ...(layer.parts ?? [])])
    .filter(({ name }) => layers.includes(name))
    .flatMap(typeof of === 'string' ? field(of) : of);
}

const number = (text: string): string => (/^(0x[0-9a-f]+|\d+)$/.test(text) ? String(Number(text)) : text);
const listed = (cell: string | undefined): string[] => (cell ?? '').split(';').filter((value) => value !== '');

/** Fails where tshark and the builder differ. Returns how often each field was there to be compared. */
export function compareWithTshark(packets: readonly (readonly Layer[])[]): Map<string, number> {
  const built = packets.map((packet) => buildPacket(packet));
  const columns = [...sameFields.map(([name]) => name), ...status, '_ws.malformed'];
  const rows = dissectWithTshark(writePcapng(built.map(({ bytes }) => ({ data: bytes }))), columns, preferences);
  expect(rows).toHaveLength(packets.length);
  const compared = new Map(columns.slice(0, -1).map((name) => [name, 0]));
  const count = (name: string, values: number): void => void compared.set(name, (compared.get(name) ?? 0) + values);
  for (const [i, row] of rows.entries()) {
    const packet = built[i];
    if (packet === undefined) continue;
    const text = formatScapy(packets[i] ?? []);
    for (const [column, [name, layers, of]] of sameFields.entries()) {
      const theirs = listed(row[column]).map(number);
      expect({ text, name, values: theirs }).toEqual({ text, name, values: ours(packet, layers, of).map(String) });
      count(name, theirs.length);
    }
    for (const [column, name] of status.entries()) {
      const theirs = listed(row[sameFields.length + column]);
      // 1: good. 0: bad, 2: not looked at, 3: absent.
      expect({ text, name, bad: theirs.filter((value) => value !== '1') }).toEqual({ text, name, bad: [] });
      count(name, theirs.length);
    }
    expect({ text, malformed: row.at(-1) }).toEqual({ text, malformed: '' });
    expect({ text, warnings: packet.warnings }).toEqual({ text, warnings: [] });
  }
  return compared;
}
