import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import type { BuiltPacket, FieldValue } from '../../extension/core/packet/model.ts';
import { writePcapng } from '../../extension/core/packet/pcap.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { dissectWithTshark } from '../support/packetOracles.ts';

/** What tshark must show in each field, for every header of that name. */
const sameFields: [tshark: string, layers: string[], field: string][] = [
  ['eth.src', ['Ether'], 'src'],
  ['vlan.id', ['Dot1Q'], 'vlan'],
  ['vlan.priority', ['Dot1Q'], 'prio'],
  ['ieee8021ad.id', ['Dot1AD'], 'vlan'],
  ['arp.opcode', ['ARP'], 'op'],
  ['arp.src.proto_ipv4', ['ARP'], 'psrc'],
  ['ip.src', ['IP'], 'src'],
  ['ip.dst', ['IP'], 'dst'],
  ['ip.id', ['IP'], 'id'],
  ['ip.ttl', ['IP'], 'ttl'],
  ['ip.len', ['IP'], 'len'],
  ['ip.checksum', ['IP'], 'chksum'],
  ['ipv6.src', ['IPv6'], 'src'],
  ['ipv6.dst', ['IPv6'], 'dst'],
  ['ipv6.flow', ['IPv6'], 'fl'],
  ['ipv6.plen', ['IPv6'], 'plen'],
  ['ipv6.hlim', ['IPv6'], 'hlim'],
  ['tcp.srcport', ['TCP'], 'sport'],
  ['tcp.dstport', ['TCP'], 'dport'],
  ['tcp.seq_raw', ['TCP'], 'seq'],
  ['tcp.ack_raw', ['TCP'], 'ack'],
  ['tcp.window_size_value', ['TCP'], 'window'],
  ['tcp.urgent_pointer', ['TCP'], 'urgptr'],
  ['udp.srcport', ['UDP'], 'sport'],
  ['udp.length', ['UDP'], 'len'],
  ['icmp.type', ['ICMP'], 'type'],
  ['icmpv6.mtu', ['ICMPv6PacketTooBig'], 'mtu'],
  ['icmpv6.nd.ns.target_address', ['ICMPv6ND_NS'], 'tgt'],
  ['icmpv6.nd.ra.router_lifetime', ['ICMPv6ND_RA'], 'routerlifetime'],
  ['sctp.verification_tag', ['SCTP'], 'tag'],
  ['sctp.chunk_length', ['SCTPChunkData', 'SCTPChunkInit', 'SCTPChunkCookieEcho', 'SCTPChunkCookieAck'], 'len'],
  ['gre.key', ['GRE'], 'key'],
  ['vxlan.vni', ['VXLAN'], 'vni'],
  ['igmp.maddr', ['IGMP'], 'gaddr'],
];

const status = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'igmp'].map((protocol) => `${protocol}.checksum.status`);
const preferences = [
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'sctp.checksum:CRC 32c',
];

function ours(packet: BuiltPacket, layers: readonly string[], name: string): FieldValue[] {
  return packet.layers
    .filter((layer) => layers.includes(layer.name))
    .flatMap((layer) => layer.fields.filter((field) => field.name === name).map((field) => field.value));
}

const number = (text: string): string => (/^(0x[0-9a-f]+|\d+)$/.test(text) ? String(Number(text)) : text);

test('tshark sees what was built: fields, good checksums, nothing malformed', () => {
  const random = new Random(31_337);
  const packets = Array.from({ length: 800 }, () => generatePacket(random));
  const built = packets.map((packet) => buildPacket(packet));
  const columns = [...sameFields.map(([field]) => field), ...status, '_ws.malformed'];
  const rows = dissectWithTshark(writePcapng(built.map(({ bytes }) => ({ data: bytes }))), columns, preferences);
  expect(rows).toHaveLength(packets.length);
  const compared = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    const packet = built[i];
    if (packet === undefined) continue;
    const text = formatScapy(packets[i] ?? []);
    for (const [column, [field, layers, name]] of sameFields.entries()) {
      const theirs = (row[column] ?? '').split(',').filter((value) => value !== '');
      expect({ text, field, values: theirs.map(number) }).toEqual({
        text,
        field,
        values: ours(packet, layers, name).map(String),
      });
      compared.set(field, (compared.get(field) ?? 0) + theirs.length);
    }
    for (const [column, field] of status.entries()) {
      const theirs = (row[sameFields.length + column] ?? '').split(',').filter((value) => value !== '');
      // 1: good. 0: bad, 2: not looked at, 3: absent.
      expect({ text, field, bad: theirs.filter((value) => value !== '1') }).toEqual({ text, field, bad: [] });
      compared.set(field, (compared.get(field) ?? 0) + theirs.length);
    }
    expect({ text, malformed: row.at(-1) }).toEqual({ text, malformed: '' });
    expect({ text, warnings: packet.warnings }).toEqual({ text, warnings: [] });
  }
  // Every field was there to be compared.
  for (const field of [...sameFields.map(([name]) => name), ...status])
    expect(compared.get(field), field).toBeGreaterThan(3);
});
