import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect, layersOf } from '../../extension/core/packet/dissect.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { hexOf } from '../support/packetHex.ts';
import { buildWithScapy } from '../support/packetOracles.ts';
import { count, seed } from '../support/soak.ts';

const mac = 'src="02:00:00:00:00:01", dst="02:00:00:00:00:02"';
const ip = 'src="10.0.0.1", dst="10.0.0.2"';
const ip6 = 'src="2001:db8::1", dst="2001:db8::2"';

/** Written by hand, as people write them; addresses are given, since Scapy's own depend on the machine. */
const expressions = [
  `Ether(${mac})`,
  `Ether(${mac})/IP(${ip})/TCP(dport=80, flags="S")/Raw(b"hi")`,
  `Ether(${mac})/IP(${ip})/TCP(dport="https", flags="SA", seq=0xffffffff, ack=1)/"hi"`,
  `Ether(${mac}, type=0x0800)/Raw(load="x")`,
  `Ether(${mac})/IP(${ip}, flags="MF", frag=100)/UDP()/b"\\x00\\xff\\n\\\\"`,
  `Ether(${mac})/IP(${ip}, flags="MF+DF")/UDP(sport=1, dport=2)/("a"*10)`,
  `Ether(${mac})/IP(${ip}, chksum=0x1234, len=99)/UDP(chksum=0xdead, len=3)/Raw("abc")/Padding("pad")`,
  `Ether(${mac})/Dot1Q(vlan=5, prio=3)/Dot1Q(vlan=6)/IP(${ip})/ICMP()/Raw(b'ping')`,
  `Ether(${mac})/Dot1AD(vlan=100)/Dot1Q(vlan=200)/IPv6(${ip6})/UDP(dport=123)`,
  `Ether(${mac})/ARP(op="is-at", hwsrc="02:00:00:00:00:01", psrc="10.0.0.1", pdst="10.0.0.2")`,
  `Ether(${mac})/ARP(op=2, hwlen=8, plen=4, hwsrc=b"12345678", psrc="10.0.0.1", hwdst=b"", pdst="10.0.0.2")`,
  `IP(${ip}, tos=0xb8, id=0, ttl=1, proto="icmp")/ICMP(type="echo-reply", code=0, id=7, seq=9)`,
  `IP(${ip}, options=[IPOption_NOP(), IPOption_Router_Alert(), IPOption_EOL()])/TCP()`,
  `IP(${ip}, options=[IPOption_LSRR(routers=["1.2.3.4", "5.6.7.8"])])/TCP()`,
  `IP(${ip}, options=IPOption(b"\\x83\\x07\\x04\\x01\\x02\\x03\\x04"))/UDP()`,
  `IP(${ip})/TCP(options=[("MSS", 1460), ("NOP", None), ("WScale", 7), ("SAckOK", ""), ("Timestamp", (1, 2))])`,
  `IP(${ip})/TCP(options=[("SAck", (1, 2, 3, 4)), ("EOL", None)])`,
  `IP(${ip})/TCP(options=[(254, b"\\x01\\x02"), ("MD5", b"0123456789abcdef"), ("TFO", (1, 2))])`,
  `IP(${ip})/TCP(dataofs=15, reserved=5, flags=0x1ff, urgptr=77)`,
  `IP(${ip})/ICMP(type=3, code=4, nexthopmtu=1400)/IP(${ip})/UDP()`,
  `IP(${ip})/ICMP(type=5, gw="10.0.0.9")/IP(${ip})`,
  `IP(${ip})/ICMP(type=12, ptr=4)`,
  `IP(${ip})/ICMP(type=17, addr_mask="255.0.0.0")`,
  `IP(${ip})/ICMP(type=37)`,
  `IP(${ip})/ICMP(type=200, unused=5)`,
  `IP(${ip})/IGMP(type=0x16, gaddr="224.1.2.3")`,
  `IP(${ip})/GRE(chksum_present=1, key_present=1, key=5)/IP(${ip})/UDP()`,
  `IP(${ip})/GRE(proto=0x6558)/Ether(${mac})/IP(${ip})`,
  `IP(${ip})/IPv6(${ip6})/TCP()`,
  `IP(${ip})/IP(${ip})/IP(${ip})`,
  `IPv6(${ip6})/IPv6(${ip6})`,
  `IPv6(${ip6}, tc=0xff, fl=0xfffff, hlim=0)/TCP()`,
  `IPv6(${ip6})/IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)])/UDP()`,
  `IPv6(${ip6})/IPv6ExtHdrHopByHop(options=[Pad1(), Jumbo(jumboplen=70000)])/UDP()`,
  `IPv6(${ip6})/IPv6ExtHdrHopByHop(autopad=0, options=[PadN(optdata=b"\\x00"*4)])/UDP()`,
  `IPv6(${ip6})/IPv6ExtHdrDestOpt(options=[HAO(hoa="2001:db8::9")])/TCP()`,
  `IPv6(${ip6})/IPv6ExtHdrRouting(addresses=["2001:db8::3", "2001:db8::4"])/TCP()`,
  `IPv6(${ip6})/IPv6ExtHdrSegmentRouting(addresses=["2001:db8::3", "2001:db8::4"], tag=7)/TCP()`,
  `IPv6(${ip6})/IPv6ExtHdrFragment(id=7, m=1, offset=0)/UDP()/Raw(b"x"*24)`,
  `IPv6(${ip6})/ICMPv6EchoRequest(id=1, seq=2, data=b"abc")`,
  `IPv6(${ip6})/ICMPv6DestUnreach(code=4)/IPv6(${ip6})/UDP()`,
  `IPv6(src="fe80::1")/ICMPv6ND_NS(tgt="fe80::2")/ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`,
  `IPv6(src="fe80::1")/ICMPv6ND_RA()/ICMPv6NDOptPrefixInfo(prefix="2001:db8::")/ICMPv6NDOptMTU()`,
  `IPv6(src="fe80::1")/ICMPv6ND_RS()`,
  `IPv6(src="fe80::1")/ICMPv6ND_Redirect(tgt="fe80::2", dst="fe80::3")`,
  `IPv6(src="fe80::1")/ICMPv6MLQuery()`,
  `IPv6(src="fe80::1", dst="ff02::1:3")/ICMPv6MLReport(mladdr="ff02::1:3")`,
  `IPv6(${ip6})/ICMPv6Unknown(type=200, msgbody=b"abcd")`,
  `IPv6(${ip6})/SCTP(sport=1, dport=2)/SCTPChunkData(data=b"abc", beginning=1, ending=1)/SCTPChunkCookieAck()`,
  `IP(${ip})/SCTP(tag=0)/SCTPChunkInit(init_tag=1, a_rwnd=1500, n_out_streams=1, n_in_streams=1)`,
  `IP(${ip})/UDP()/VXLAN(vni=5)/Ether(${mac})/IP(${ip})/UDP()`,
  `IP(${ip})/UDP()/VXLAN(vni=5, flags=8)/Ether(${mac})`,
  `IP(${ip})/UDP()/DNS(id=7, qd=DNSQR(qname="example.com", qtype="AAAA"))`,
  `IP(${ip})/UDP()/DNS()`,
  `IP(${ip})/TCP()/DNS(rd=0, qd=DNSQR(qname="a.b."))`,
  `IP(${ip})/UDP()/DNS(qr=1, qd=None, an=DNSRR(rrname="a.b", type="TXT", rdata=["v=spf1 ip4:10.0.0.0/8", "x"])/DNSRR(rrname="a", rdata="10.0.0.1", ttl=60))`,
  `IP(${ip})/UDP()/DNS(qr=1, an=DNSRR(rrname="a", type="AAAA", rdata="2001:db8::1")/DNSRR(rrname=b"\\xc0\\x0c", type=5, rdata="b.c")/DNSRR(type=99, rdata=b"\\x01\\x02"))`,
  `IP(${ip})/UDP()/DNS(an=DNSRRMX(type="MX", rrname="a", exchange="m.x", preference=10), ns=DNSRRSOA(mname="m.x", serial=5), ar=DNSRRSRV(target="t.x", port=443))`,
  `IP(${ip})/UDP()/DNS(ar=DNSRROPT(rdata=[EDNS0TLV(optcode=10, optdata=b"12345678")]))`,
  `IP(${ip})/UDP()/BOOTP(xid=5, chaddr=b"abcdef", flags="B")/DHCP(options=[("message-type", "discover"), ("requested_addr", "10.0.0.9"), ("router", "10.0.0.1", "10.0.0.2"), ("param_req_list", [1, 3, 6]), ("hostname", b"host"), ("client_id", b"\\x01\\x02"), (200, b"xy"), ("lease_time", 60), "end", "pad"])`,
  `IP(${ip})/UDP(sport=68, dport=67)/BOOTP(options=b"xyz")`,
  `Ether(${mac})/PPPoED()/PPPoED_Tags(tag_list=[PPPoETag(tag_type=0x101, tag_value=b""), PPPoETag(tag_type="Host-Uniq", tag_value=b"abc")])`,
  `Ether(${mac})/Dot1Q(vlan=7)/PPPoE(sessionid=0x1234)/PPP()/IP(${ip})/UDP()`,
  `Ether(${mac})/PPPoE(sessionid=1)/PPP(proto=0xc021)/Raw(b"\\x01\\x01\\x00\\x04")`,
  `Ether(${mac})/PPPoE()/PPP()/IPv6(${ip6})`,
  `Ether(${mac})/MPLS(label=16, ttl=64)/MPLS(label=17, ttl=63)/IP(${ip})/UDP()`,
  `Ether(${mac})/MPLS(label=16, ttl=64)/IPv6(${ip6})/TCP()`,
  `Ether(${mac})/MPLS(label=16)/EoMCW()/Ether(${mac})/IP(${ip})`,
  `IP(${ip})/MPLS()/IP(${ip})`,
  `IP(${ip})/UDP()/MPLS()/IPv6(${ip6})`,
  `IP(${ip})/GRE()/MPLS()/IP(${ip})`,
  `IP(${ip})/UDP()/GENEVE(vni=7)/Ether(${mac})/IP(${ip})/TCP()`,
  `IP(${ip})/UDP(sport=12345)/GENEVE(vni=7, critical=1, options=[GeneveOptions(classid=0x102, type=0x80, data=b"12345678"), GeneveOptions()])/IP(${ip})`,
  `IP(${ip})/UDP()/GENEVE()/IPv6(${ip6})`,
  `IP(${ip})/UDP()/GTP_U_Header(teid=0x1234)/IP(${ip})/UDP()/Raw(b"x")`,
  `IP(${ip})/UDP()/GTP_U_Header(S=1, seq=9)/IPv6(${ip6})/TCP()`,
  `IP(${ip})/UDP()/GTP_U_Header(gtp_type=1, S=1, seq=5)`,
  `IP(${ip})/UDP()/GTP_U_Header(teid=1)/GTPPDUSessionContainer(QFI=9)/IP(${ip})`,
  `IP(${ip})/UDP()/GTP_U_Header(teid=1)/GTPPDUSessionContainer(type=1, QMP=1, QFI=9, dlSendTimeRpt=1)/IP(${ip})`,
  `IP(${ip})/UDP()/GTP_U_Header(teid=1)/GTPPDUSessionContainer(PPP=1, PPI=3, SNP=1)/IP(${ip})`,
  `IP(${ip})/AH(nh=17, payloadlen=4, spi=5, seq=6, icv=b"123456789012")/UDP(chksum=0x1234)`,
  `IPv6(${ip6})/AH(nh=59, payloadlen=1)`,
  `IP(${ip})/ESP(spi=5, seq=6, data=b"secret")`,
  `IPv6(${ip6})/ESP()`,
  `IP(${ip})/UDP()/ESP(spi=5)`,
  // Nothing below that could say it, no pseudo header, a checksum that is zero.
  'TCP()/Raw(b"x")',
  `Ether(${mac})/UDP()`,
  `IP(${ip})/UDP(sport=0, dport=0)/Raw(b"\\xeb\\xd2")`,
];

test('the same bytes as Scapy from the same expression', () => {
  const theirs = buildWithScapy(expressions);
  const ours = expressions.map((expression) => hexOf(buildPacket(parseScapy(expression)).bytes));
  expect(Object.fromEntries(expressions.map((expression, i) => [expression, ours[i]]))).toEqual(
    Object.fromEntries(expressions.map((expression, i) => [expression, theirs[i]])),
  );
});

test('the same bytes as Scapy from generated expressions, with wrong fields among them', { timeout: 600_000 }, () => {
  const random = new Random(20_240_600 + seed);
  const packets = Array.from({ length: count(600, 6000) }, () => generatePacket(random, { wrong: true }));
  const texts = packets.map((packet) => formatScapy(packet, { portable: true }));
  const theirs = buildWithScapy(texts);
  for (const [i, packet] of packets.entries()) {
    const ours = hexOf(buildPacket(packet).bytes);
    expect({ text: texts[i], bytes: ours }).toEqual({ text: texts[i], bytes: theirs[i] });
    expect(hexOf(buildPacket(parseScapy(texts[i] ?? '')).bytes), texts[i]).toBe(ours);
  }
});

test('Scapy builds the bytes of a dissected packet again from our expression', () => {
  const random = new Random(7);
  const packets = Array.from({ length: 200 }, () => buildPacket(generatePacket(random)).bytes);
  const texts = packets.map((bytes) => formatScapy(layersOf(dissect(bytes)), { portable: true }));
  expect(buildWithScapy(texts)).toEqual(packets.map(hexOf));
});

const shortest: [written: string, shown: string][] = [
  ['Ether(type=0x800)/IP(version=4, ihl=5, len=28, proto=17, ttl=64)/UDP(len=8)', 'Ether()/IP()/UDP()'],
  ['Ether()/IP(src="127.0.0.1", chksum=1)/TCP(flags=2)', 'Ether()/IP(chksum=0x1)/TCP()'],
  ['IP(flags=3)/TCP(flags=0x12)', 'IP(flags="MF+DF")/TCP(flags="SA")'],
  ['IP(flags=0)/TCP(flags=0)', 'IP()/TCP(flags="")'],
  ['ARP(op="who-has")', 'ARP()'],
  ['ARP(op="is-at")', 'ARP(op=2)'],
  ['IP(id=7)/"say \\"hi\\"\\n\\x00"', 'IP(id=7)/Raw(b"say \\"hi\\"\\n\\x00")'],
  ['UDP()/Raw(b"A"*100)', 'UDP()/Raw(b"A"*100)'],
  [
    'TCP(options=[("NOP", None), ("SAckOK", b""), ("SAck", (1, 2))])',
    'TCP(options=[("NOP", None), ("SAckOK", b""), ("SAck", (1, 2))])',
  ],
  ['IPv6(src="0:0:0:0:0:0:0:2", dst="::FFFF:1.2.3.4")', 'IPv6(src="::2", dst="::ffff:1.2.3.4")'],
  ['Ether(src="AA-BB-CC-DD-EE-FF")', 'Ether(src="aa:bb:cc:dd:ee:ff")'],
  ['IP(dst=None)/UDP(dport=None)', 'IP()/UDP()'],
  [
    'IP(b"E\\x00\\x00\\x1c\\x00\\x01\\x00\\x00@\\x11|\\xce\\x7f\\x00\\x00\\x01\\x7f\\x00\\x00\\x01\\x005\\x005\\x00\\x08\\x01r")',
    'IP()/UDP()',
  ],
  ['Ether() / ( IP() / UDP() )', 'Ether()/IP()/UDP()'],
  ['IP(ttl=0x10)/UDP(sport=0b11, dport=0o17)', 'IP(ttl=16)/UDP(sport=3, dport=15)'],
  ['Raw(bytes.fromhex("00 ff"))', 'Raw(b"\\x00\\xff")'],
  ['Raw(r"\\n")/Raw("\\u00e9")', 'Raw(b"\\\\n")/Raw(b"\\xc3\\xa9")'],
];

test.each(shortest)('%s is shown as %s', (written, shown) => {
  const layers = parseScapy(written);
  expect(formatScapy(layers)).toBe(shown);
  expect(hexOf(buildPacket(parseScapy(shown)).bytes)).toBe(hexOf(buildPacket(layers).bytes));
});

/** `⟨` marks the position that the error gives. */
const mistakes: [marked: string, message: RegExp, fix?: RegExp][] = [
  ['⟨', /empty/, /Ether\(\)/],
  ['Ether()/IP(src=⟨"10.0.0.0/24")', /many addresses/, /sweep/],
  ['IP(dst=⟨["10.0.0.1", "10.0.0.2"])', /list/, /sweep/],
  ['IP()/TCP(dport=⟨(1, 1024))', /range/, /sweep/],
  ['IP(dst=⟨RandIP())', /many values/, /sweep/],
  ['⟨[IP(), IP()]', /list of packets/, /sweep/],
  ['Ether()/⟨Ipv4()', /no layer "Ipv4"/, /Did you mean/],
  ['⟨Eth()/IP()', /no layer "Eth"/, /Ether/],
  ['Ether()/⟨IP', /parentheses/],
  ['IP()/UDP(⟨dst=53)', /no field "dst"/],
  ['IP(⟨tttl=5)', /no field "tttl"/, /ttl/],
  ['Ether()/IP(ttl=⟨300)', /8 bits hold 0 to 255/],
  ['IP()/TCP(dport=⟨-1)', /does not fit/],
  ['IP(src=⟨"10.0.0.256")', /not an IPv4 address/],
  ['IPv6(dst=⟨"10.0.0.1")', /not an IPv6 address/],
  ['Ether(src=⟨"00:11:22")', /not a MAC address/],
  ['IP()/TCP(flags=⟨"SX")', /"X" is not one/, /F, S, R/],
  ['IP(flags=⟨"DFMF")', /not one of its flags/, /MF\+DF/],
  ['IP()/TCP(options=⟨[("MSS", 70000)])', /does not fit into 16 bits/],
  ['IP()/TCP(options=[⟨("MSS",)])', /pair/],
  ['IP()/TCP(options=⟨[("Mss", 1)])', /no option "Mss"/],
  ['IP(options=⟨[UDP()])', /UDP is not one of its options|options/],
  ['IP(ttl=5⟨', /comma or "\)"/],
  ['IP(ttl=5⟨ ttl=6)', /comma or "\)"/],
  ['IP(ttl=5, ⟨ttl=6)', /twice/],
  ['IP()/⟨', /ends too early/],
  ['IP()⟨)', /not expected/],
  ['IP(ttl=⟨ttl)', /not a value/],
  ['IP(ttl=⟨1.5)', /whole numbers/],
  ['Raw(⟨b"abc)', /not closed/],
  ['Raw(b"a⟨é")', /ASCII/],
  ['Raw(b"⟨\\xg0")', /escape/],
  ['⟨5', /layer is expected/],
  ['IP(⟨5)', /by name/],
  ['Raw(b"A"⟨*100000)', /more than/],
  ['IP()/⟨IPOption_NOP()', /option, not a layer/],
  ['Padding(b"x")/⟨IP()', /after Padding/],
  ['IP(len=5, ihl=5)/Raw(load=⟨7)', /neither text nor bytes/],
];

test.each(mistakes)('%s', (marked, message, fix) => {
  const position = marked.indexOf('⟨');
  const text = marked.replace('⟨', '');
  let thrown: unknown;
  try {
    parseScapy(text);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof XdpError)) throw new Error(`no XdpError but ${String(thrown)}`);
  expect(thrown.code).toBe('packet-invalid');
  expect(thrown.message).toMatch(message);
  if (fix !== undefined) expect(thrown.fix).toMatch(fix);
  // Python's own space between arguments belongs to neither.
  expect(text.slice(Number(thrown.details['position'])).trimStart()).toBe(text.slice(position).trimStart());
});

test('deep nesting and long literals end in an error, not in a crash', () => {
  for (const text of [
    `${'('.repeat(100_000)}IP()`,
    `Raw("${'a'.repeat(200_000)}")`,
    `IP(options=${'['.repeat(1000)}`,
  ]) {
    expect(() => parseScapy(text)).toThrow(XdpError);
  }
});
