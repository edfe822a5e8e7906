import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect, layersOf } from '../../extension/core/packet/dissect.ts';
import { packetJson } from '../../extension/core/packet/json.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { bytesOf, hexOf } from '../support/packetHex.ts';

interface Expected {
  shown?: string;
  warnings?: (string | RegExp)[];
}

/** Builds the expression, cuts or edits its bytes, and looks at what is seen in them. */
function check(
  expression: string,
  { shown, warnings }: Expected,
  edit: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): void {
  const bytes = edit(buildPacket(parseScapy(expression)).bytes);
  const dissection = dissect(bytes);
  if (shown !== undefined) expect(formatScapy(layersOf(dissection))).toBe(shown);
  if (warnings !== undefined) {
    expect(dissection.warnings).toEqual(
      warnings.map((warning): unknown => (typeof warning === 'string' ? warning : expect.stringMatching(warning))),
    );
  }
  expect(hexOf(buildPacket(layersOf(dissection)).bytes)).toBe(hexOf(bytes));
}

const set =
  (at: number, ...values: number[]) =>
  (bytes: Uint8Array): Uint8Array => {
    bytes.set(values, at);
    return bytes;
  };
const cut =
  (length: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.slice(0, length);

test('a wrong checksum is kept and marked with the right value', () => {
  check('Ether()/IP(chksum=0x1234)/UDP(chksum=0x5678)', {
    shown: 'Ether()/IP(chksum=0x1234)/UDP(chksum=0x5678)',
    warnings: ['IP.chksum is 0x1234; the right value is 0x7cce.', 'UDP.chksum is 0x5678; the right value is 0x0172.'],
  });
  check('IPv6()/ICMPv6EchoRequest()', {}, (bytes) => bytes);
  check('Ether()/IPv6()/ICMPv6EchoRequest(cksum=1)', {
    warnings: [/^ICMPv6EchoRequest\.cksum is 0x0001; the right value is/],
  });
  check('Ether()/IP()/SCTP(chksum=1)', {
    warnings: [/^SCTP\.chksum is 0x00000001; the right value is 0x[0-9a-f]{8}\.$/],
  });
});

test('UDP without a checksum is fine over IPv4, and not over IPv6', () => {
  check('Ether()/IP()/UDP(chksum=0)', { shown: 'Ether()/IP()/UDP(chksum=0x0)', warnings: [] });
  check('Ether()/IPv6()/UDP(chksum=0)', { warnings: [/over IPv6 only tunnels may do without/] });
});

test('both zeros of one’s complement are a good checksum', () => {
  const even = parseScapy('Ether()/IP()/TCP(seq=0x917c0000)');
  expect(hexOf(buildPacket(even).bytes)).toContain('0000');
  check('Ether()/IP()/TCP(seq=0x917c0000, chksum=0xffff)', { warnings: [] });
});

test('filler of short Ethernet frames is padding and no matter; other bytes after the packet are said', () => {
  check('Ether()/IP()/UDP()/Padding(b"\\x00"*18)', { shown: 'Ether()/IP()/UDP()/Padding(b"\\x00"*18)', warnings: [] });
  check('Ether()/IP()/UDP()/Padding(b"trailer")', { warnings: ['7 bytes after the end of the packet (Padding).'] });
});

test('lengths that contradict the packet', () => {
  check('Ether()/IP(len=100)/UDP()', { warnings: ['IP.len is 100, but only 28 bytes are there.'] });
  // A receiver goes by what is there; Scapy's checksum, and ours, by the length given.
  check('Ether()/IP(len=0)/UDP()', { warnings: ['IP.len is 0: taken as "to the end of the packet".', /^UDP\.chksum/] });
  check('Ether()/IP(len=10)/UDP()', { warnings: ["IP.len is 10, less than the header's own 20 bytes."] });
  check('Ether()/IP()/UDP(len=100)', { warnings: ['UDP.len is 100, but only 8 bytes are there.'] });
  check('Ether()/IP()/UDP(len=9)/Raw(b"abc")', {
    shown: 'Ether()/IP(len=31)/UDP(chksum=0x3d0b)/Raw(b"a")/Padding(b"bc")',
    warnings: [/^UDP\.len is 9, which leaves 2 bytes of the packet over\./, /Padding/, /^UDP\.chksum/],
  });
  check('Ether()/IP()', { warnings: ['IP.ihl is 3; this header calls for 5.', /^IP\.chksum/] }, set(14, 0x43));
});

test('packets that are cut off', () => {
  const whole = 'Ether()/IP()/TCP(options=[("MSS", 1460)])/Raw(b"payload")';
  check(
    whole,
    { shown: 'Raw(b"\\xff\\xff\\xff\\xff")', warnings: ['Ether is cut off or damaged: 4 bytes from byte 0 on.'] },
    cut(4),
  );
  check(whole, { warnings: ['IP is cut off or damaged: 6 bytes from byte 14 on.'] }, cut(20));
  check(
    whole,
    { warnings: ['IP.len is 51, but only 26 bytes are there.', 'TCP is cut off or damaged: 6 bytes from byte 34 on.'] },
    cut(40),
  );
  // Its checksum cannot be judged, so it is not called wrong.
  check(whole, { warnings: ['IP.len is 51, but only 46 bytes are there.'] }, cut(60));
  check(whole, { shown: 'Ether()', warnings: [] }, (bytes) => set(12, 0x90, 0x00)(bytes.slice(0, 14)));
  check(whole, { shown: 'Raw()', warnings: [] }, cut(0));
});

test('fragments: no header behind the first, no judgement over a part', () => {
  check('Ether()/IP(frag=5, proto=17)/Raw(b"abcdefghij")', {
    shown: 'Ether()/IP(frag=5, proto=17)/Raw(b"abcdefghij")',
    warnings: [],
  });
  check('Ether()/IP(flags="MF")/UDP(len=2000, chksum=0x1234)/Raw(b"abcdefgh")', { warnings: [] });
  check('Ether()/IPv6()/IPv6ExtHdrFragment(offset=9, id=1, nh=17)/Raw(b"abcdefgh")', {
    shown: 'Ether()/IPv6()/IPv6ExtHdrFragment(nh=17, offset=9, id=0x1)/Raw(b"abcdefgh")',
    warnings: [],
  });
});

test('what an ICMP error quotes is not judged', () => {
  check('Ether()/IP()/ICMP(type=3, code=3)/IP(len=1500, chksum=7)/UDP(len=1480, chksum=9)', {
    shown: 'Ether()/IP()/ICMP(type=3, code=3)/IP(len=1500, chksum=0x7)/UDP(len=1480, chksum=0x9)',
    warnings: [],
  });
  check('Ether()/IPv6()/ICMPv6PacketTooBig()/IPv6(plen=1400, nh=6)/Raw(b"12345678")', { warnings: [] });
});

test('damaged TCP options are kept as bytes from where they make no sense', () => {
  check(
    'Ether()/IP()/TCP(options=[("NOP", None), ("MSS", 1460), ("NOP", None), ("NOP", None), ("NOP", None)])',
    {
      shown: 'Ether()/IP()/TCP(chksum=0xb76a, options=[("NOP", None), ("raw", b"\\x020\\x05\\xb4\\x01\\x01\\x01")])',
      warnings: ['TCP.options is damaged: kept as bytes from there on.', /^TCP\.chksum/],
    },
    set(14 + 20 + 20 + 2, 0x30),
  );
});

test('options: padding that comes by itself is not shown, other bytes are', () => {
  check('Ether()/IP(options=[IPOption_NOP()])/UDP()', {
    shown: 'Ether()/IP(options=[IPOption_NOP()])/UDP()',
    warnings: [],
  });
  check('Ether()/IPv6()/IPv6ExtHdrHopByHop(options=[RouterAlert()])/UDP()', {
    shown: 'Ether()/IPv6()/IPv6ExtHdrHopByHop(options=[RouterAlert()])/UDP()',
    warnings: [],
  });
  check('Ether()/IPv6()/IPv6ExtHdrHopByHop()/UDP()', {
    shown: 'Ether()/IPv6()/IPv6ExtHdrHopByHop()/UDP()',
    warnings: [],
  });
});

test('tunnels', () => {
  for (const expression of [
    'Ether()/IP()/GRE()/Ether()/IP()/UDP()',
    'Ether()/IP()/GRE(chksum_present=1, key_present=1, key=0x7)/IPv6()/TCP()',
    'Ether()/IP()/IP()/IPv6()/UDP()',
    'Ether()/IP()/UDP(sport=50000)/VXLAN(flags="Instance", vni=7)/Ether()/ARP()',
    'Ether()/IP()/UDP()/VXLAN(vni=7)/Ether()',
  ]) {
    check(expression, { shown: expression, warnings: [] });
  }
});

test('a frame with an 802.3 length is a frame with payload', () => {
  check('Ether(type=3)/Raw(b"abc")', { shown: 'Ether(type=0x3)/Raw(b"abc")', warnings: [] });
});

test('the JSON of the contract', () => {
  const bytes = buildPacket(parseScapy('Ether()/IP(src="10.0.0.1")/TCP(options=[("MSS", 1460)])/Raw(b"hi")')).bytes;
  expect(packetJson(bytes)).toMatchObject({
    bytes: hexOf(bytes),
    layers: [
      { name: 'Ether', offset: 0, fields: { dst: 'ff:ff:ff:ff:ff:ff', src: '00:00:00:00:00:00', type: 0x0800 } },
      { name: 'IP', offset: 14, fields: { version: 4, ihl: 5, len: 46, src: '10.0.0.1', flags: 0, options: [] } },
      { name: 'TCP', offset: 34, fields: { dport: 80, flags: 2, options: [['MSS', 1460]] } },
      { name: 'Raw', offset: 58, fields: { load: '6869' } },
    ],
    warnings: [],
  });
});

test('a packet from a real kernel: ping over loopback', () => {
  const bytes = bytesOf(
    '000000000000 000000000000 0800 4500 0054 dffa 4000 4001 5cac 7f000001 7f000001 0800 3ab4 0001 0001' +
      '78f5e86500000000 5e5e0b0000000000 101112131415161718191a1b1c1d1e1f 202122232425262728292a2b2c2d2e2f 3031323334353637',
  );
  const { layers, warnings } = dissect(bytes);
  expect(layers.map(({ name }) => name)).toEqual(['Ether', 'IP', 'ICMP', 'Raw']);
  expect(warnings.filter((warning) => warning.startsWith('IP.'))).toEqual([]);
});
