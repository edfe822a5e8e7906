import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { mutate, mutations } from '../../extension/core/packet/mutate.ts';
import { makePayload } from '../../extension/core/packet/payload.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { parseSweep, sweep } from '../../extension/core/packet/sweep.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { hexOf } from '../support/packetHex.ts';
import { dissectWithTshark } from '../support/packetOracles.ts';

const tcp = 'Ether()/IP(src="10.0.0.1")/TCP(dport=80)/Raw(b"0123456789abcdef")';

const made: [id: string, packet: string, at: number, result: string][] = [
  ['flip-bit', 'Ether(type=1)', 8 * 13 + 7, 'Ether(type=0x0)'],
  ['zero-length', 'Ether()/IP()/UDP()', 0, 'Ether()/IP()/UDP(len=0)'],
  ['oversize', 'Ether()/IP()/UDP(dport=9)', 70, 'Ether()/IP()/UDP(dport=9)/Raw(b"x"*28)'],
];

test.each(made)('%s of %s', (id, packet, at, result) => {
  expect(mutate(id, parseScapy(packet), at).map((layers) => formatScapy(layers))).toEqual([result]);
});

test('what is mutated differs where it should and nowhere else', () => {
  const random = new Random(12);
  for (let n = 0; n < 200; n++) {
    const layers = generatePacket(random);
    const { bytes } = buildPacket(layers);
    const at = random.below(bytes.length);
    const one = (id: string, where: number): Uint8Array => buildPacket(mutate(id, layers, where)[0] ?? []).bytes;
    expect(hexOf(one('truncate', at))).toBe(hexOf(bytes.slice(0, at)));
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 0xff;
    expect(hexOf(one('flip-byte', at))).toBe(hexOf(flipped));
    const bit = bytes.slice();
    bit[at] = (bit[at] ?? 0) ^ 0x10;
    expect(hexOf(one('flip-bit', at * 8 + 3))).toBe(hexOf(bit));
    expect(one('oversize', bytes.length + 100)).toHaveLength(bytes.length + 100);
  }
});

test('tshark puts the fragments together again', () => {
  const whole = parseScapy(`${tcp.replace('Raw(b"0123456789abcdef")', 'Raw(b"x"*200)')}`);
  const six = parseScapy('Ether()/IPv6(src="2001:db8::1")/UDP(sport=9, dport=9)/Raw(b"y"*100)');
  const data = [whole, six].flatMap((layers) => mutate('fragment', layers).map((part) => buildPacket(part)));
  expect(data.flatMap(({ warnings }) => warnings)).toEqual([]);
  const rows = dissectWithTshark(
    writePcapng(data.map(({ bytes }) => ({ data: bytes }))),
    ['ip.reassembled.length', 'tcp.len', 'ipv6.reassembled.length', 'udp.length', '_ws.malformed'],
    ['tcp.check_checksum:TRUE'],
  );
  expect(rows[1]).toEqual(['220', '200', '', '', '']);
  expect(rows[3]).toEqual(['', '', '108', '108', '']);
});

test('wrong on purpose is marked, with the right value', () => {
  const [bad = []] = mutate('bad-checksum', parseScapy(tcp));
  const right = buildPacket(parseScapy(tcp)).layers[2]?.fields.find(({ name }) => name === 'chksum')?.value;
  const field = buildPacket(bad).layers[2]?.fields.find(({ name }) => name === 'chksum');
  expect(field).toMatchObject({ auto: false, wrong: right });
  const [longest = []] = mutate('max-options', parseScapy(tcp));
  expect(buildPacket(longest).layers[2]?.length).toBe(60);
  const [options = []] = mutate('max-options', parseScapy('Ether()/IP()/UDP()'));
  expect(dissect(buildPacket(options).bytes).layers[1]?.length).toBe(60);
});

test('every mutation says what it needs', () => {
  expect(() => mutate('nothing', [])).toThrow('There is no mutation');
  expect(() => mutate('fragment', parseScapy('Ether()'))).toThrow('cannot be done');
  expect(() => mutate('flip-byte', parseScapy('Ether()'), 14)).toThrow('no byte 14');
  for (const { label, help } of mutations) expect(`${label}: ${help}`).toMatch(/\.$/);
});

const sweeps: [packet: string, text: string, count: number, first: string, last: string][] = [
  [tcp, 'IP.ttl=1..64', 64, 'ttl=1,', 'IP(src'],
  [tcp, 'TCP.dport=1..1024/8', 128, 'dport=1)', 'dport=1017)'],
  [tcp, 'IP.src=10.0.0.0/28', 16, 'src="10.0.0.0"', 'src="10.0.0.15"'],
  [tcp, 'IP.dst=10.0.0.250..10.0.1.5', 12, 'dst="10.0.0.250"', 'dst="10.0.1.5"'],
  ['Ether()/IP()/IP()', 'IP:2.ttl=0..255', 256, '/IP()/IP(ttl=0)', '/IP()/IP(ttl=255)'],
  ['Ether()', 'Ether.src=02:00:00:00:00:00..02:00:00:00:00:ff/16', 16, '00:00")', ':f0")'],
  ['Ether()/IPv6()', 'IPv6.dst=2001:db8::/126', 4, 'dst="2001:db8::"', 'dst="2001:db8::3"'],
  ['Ether()/ARP()', 'ARP.op=who-has..is-at', 2, 'ARP()', 'op=2'],
];

test.each(sweeps)('%s, %s', (packet, text, count, first, last) => {
  const layers = parseScapy(packet);
  const packets = sweep(layers, parseSweep(text, layers)).map((each) => formatScapy(each));
  expect(packets).toHaveLength(count);
  expect(packets[0]).toContain(first);
  expect(packets.at(-1)).toContain(last);
  expect(new Set(packets).size).toBe(count);
});

const refused: [text: string, says: RegExp][] = [
  ['ttl=1..2', /not a sweep/],
  ['UDP.dport=1..2', /no layer UDP/],
  ['IP.ttll=1..2', /no field "ttll"/],
  ['IP.ttl=1', /not a range/],
  ['IP.ttl=5..1', /backwards/],
  ['IP.ttl=1..300', /does not fit/],
  ['IP.src=10.0.0.0/8', /16777216 packets/],
  ['IP.src=10.0.0.0/33', /not a prefix/],
  ['TCP.options=1..2', /cannot be swept/],
  ['IP.ttl=1..2/0', /step/],
];

test.each(refused)('%s is refused', (text, says) => {
  const layers = parseScapy(tcp);
  expect(() => sweep(layers, parseSweep(text, layers))).toThrow(says);
});

test('payloads by recipe are the same each time', () => {
  expect(hexOf(makePayload({ kind: 'counter', length: 4, start: 254 }))).toBe('feff0001');
  expect(hexOf(makePayload({ kind: 'fill', length: 3, byte: 0xaa }))).toBe('aaaaaa');
  const random = hexOf(makePayload({ kind: 'random', length: 32, seed: 1 }));
  expect(random).toBe(hexOf(makePayload({ kind: 'random', length: 32, seed: 1 })));
  expect(random).not.toBe(hexOf(makePayload({ kind: 'random', length: 32, seed: 2 })));
  expect(() => makePayload({ kind: 'random', length: 1e9, seed: 2 })).toThrow('0 to 65536');
});
