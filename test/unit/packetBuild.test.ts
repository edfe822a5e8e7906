import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { headerGrid } from '../../extension/core/packet/grid.ts';
import type { BuiltPacket, Layer } from '../../extension/core/packet/model.ts';
import { parseScapy } from '../../extension/core/packet/scapy.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { hexOf } from '../support/packetHex.ts';

function field(packet: BuiltPacket, layer: string, name: string) {
  const found = packet.layers.find((other) => other.name === layer)?.fields.find((other) => other.name === name);
  if (found === undefined) throw new Error(`no ${layer}.${name}`);
  return found;
}

test('the defaults of the contract: nothing from the machine, no padding', () => {
  expect(hexOf(buildPacket(parseScapy('Ether()/IP()/TCP()')).bytes)).toBe(
    'ffffffffffff0000000000000800 45000028000100004006 7ccd 7f0000017f000001 0014 0050 00000000 00000000 5002 2000 917c 0000'.replaceAll(
      ' ',
      '',
    ),
  );
  expect(hexOf(buildPacket(parseScapy('IPv6()/UDP()')).bytes)).toBe(
    '6000000000081140 00000000000000000000000000000001 00000000000000000000000000000001 0035 0035 0008 ff72'.replaceAll(
      ' ',
      '',
    ),
  );
});

test('automatic fields are marked so, given ones keep their value, wrong ones say the right one', () => {
  const packet = buildPacket(parseScapy('Ether(type=0x86dd)/IP(len=99, ttl=1)/UDP(chksum=0x1234)/Raw(b"abc")'));
  expect(field(packet, 'IP', 'ttl')).toMatchObject({ value: 1, auto: false, wrong: undefined });
  expect(field(packet, 'IP', 'id')).toMatchObject({ value: 1, auto: true });
  expect(field(packet, 'IP', 'len')).toMatchObject({
    value: 99,
    auto: false,
    wrong: 31,
    bitOffset: (14 + 2) * 8,
    bitLength: 16,
  });
  expect(field(packet, 'Ether', 'type')).toMatchObject({ value: 0x86dd, auto: false, wrong: 0x0800 });
  expect(field(packet, 'UDP', 'chksum')).toMatchObject({ value: 0x1234, auto: false, wrong: expect.any(Number) });
  expect(field(packet, 'UDP', 'len')).toMatchObject({ value: 11, auto: true });
  expect(packet.warnings).toEqual([
    'Ether.type is 0x86dd as given; this packet calls for 0x0800.',
    'IP.len is 99 as given; this packet calls for 31.',
    expect.stringMatching(/^UDP\.chksum is 0x1234 as given; this packet calls for 0x[0-9a-f]{4}\.$/),
  ]);
});

test('a right value given by hand is not wrong', () => {
  const packet = buildPacket(parseScapy('Ether(type="IPv4")/IP(len=20, ihl=5)'));
  expect(packet.warnings).toEqual([]);
  expect(field(packet, 'IP', 'len')).toMatchObject({ auto: false, wrong: undefined });
});

test('layers that no field announces are built, and said', () => {
  expect(buildPacket(parseScapy('Ether()/TCP()/IP()')).warnings).toEqual([
    'Ether does not say that TCP follows: a receiver will not recognise it by itself.',
    'TCP does not say that IP follows: a receiver will not recognise it by itself.',
  ]);
});

test('a field that this form of the header does not have is left out, and said', () => {
  expect(buildPacket([{ name: 'ICMP', fields: { type: 8, gw: '10.0.0.1' } }]).warnings).toEqual([
    'ICMP.gw is given, but such a header does not have it: it is left out.',
  ]);
});

const invalid: [layers: Layer[], message: string, details: Record<string, unknown>][] = [
  [
    [{ name: 'IP', fields: { ttl: 256 } }],
    'IP.ttl: 256 does not fit: 8 bits hold 0 to 255.',
    { layer: 'IP', field: 'ttl', layerIndex: 0 },
  ],
  [[{ name: 'IP', fields: { ttl: 1.5 } }], 'IP.ttl: 1.5 does not fit: 8 bits hold 0 to 255.', { field: 'ttl' }],
  [[{ name: 'IP', fields: { ttl: Number.NaN } }], 'IP.ttl: NaN does not fit: 8 bits hold 0 to 255.', { field: 'ttl' }],
  [[{ name: 'Dot1Q', fields: { id: 2 } }], 'Dot1Q.id: 2 does not fit: 1 bit holds 0 to 1.', { field: 'id' }],
  [
    [
      { name: 'Ether', fields: {} },
      { name: 'IP', fields: { src: 'x' } },
    ],
    'IP.src: "x" is not an IPv4 address like 10.0.0.1.',
    { layerIndex: 1 },
  ],
  [
    [{ name: 'Ether', fields: { src: new Uint8Array(5) } }],
    'Ether.src: a string of 5 bytes is not a MAC address like 02:00:00:00:00:01.',
    {},
  ],
  [[{ name: 'Foo', fields: {} }], 'There is no layer "Foo".', { layer: 'Foo', layerIndex: 0 }],
  [[{ name: 'IP', fields: { sport: 1 } }], 'IP has no field "sport".', { layer: 'IP', field: 'sport' }],
  [[{ name: 'IP', fields: { constructor: 1 } }], 'IP has no field "constructor".', {}],
  [
    [{ name: 'IP', fields: { options: [{ name: 'IPOption', fields: { value: new Uint8Array(50) } }] } }],
    'IP.ihl would have to be 18: 4 bits hold at most 15.',
    { layer: 'IP', field: 'ihl' },
  ],
  [
    [
      { name: 'IP', fields: {} },
      { name: 'Raw', fields: { load: new Uint8Array(65536) } },
    ],
    'IP.len would have to be 65556: 16 bits hold at most 65535.',
    {},
  ],
  [[{ name: 'Raw', fields: { load: new Uint8Array(300_000) } }], 'The packet is longer than 262144 bytes.', {}],
];

test.each(invalid)('%j', (layers, message, details) => {
  let thrown: unknown;
  try {
    buildPacket(layers);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof XdpError)) throw new Error(`no XdpError but ${String(thrown)}`);
  expect(thrown).toMatchObject({ code: 'packet-invalid', message, details });
  // The next packet is not touched by the failed one.
  expect(hexOf(buildPacket(parseScapy('UDP()')).bytes)).toBe('0035003500080000');
});

test('names of enumerations, in any case; text for bytes is UTF-8', () => {
  const packet = buildPacket([
    { name: 'Ether', fields: { type: 'arp' } },
    { name: 'ARP', fields: { op: 'IS-AT' } },
    { name: 'Raw', fields: { load: 'é€😀' } },
  ]);
  expect(field(packet, 'ARP', 'op').value).toBe(2);
  expect(hexOf(packet.bytes.slice(-9))).toBe(Buffer.from('é€😀').toString('hex'));
});

test('the templates are whole packets that nothing is wrong with', () => {
  for (const { id, layers } of packetTemplates) {
    const built = buildPacket(layers);
    const dissection = dissect(built.bytes);
    expect({ id, warnings: [...built.warnings, ...dissection.warnings] }).toEqual({ id, warnings: [] });
    expect({ id, layers: dissection.layers.map(({ name }) => name) }).toEqual({
      id,
      layers: layers.map(({ name }) => name),
    });
  }
});

test('the picture of an IPv4 header is that of RFC 791', () => {
  const [ip] = buildPacket(parseScapy('IP()')).layers;
  const rows = headerGrid(ip ?? { name: '', offset: 0, length: 0, fields: [] }).map((row) =>
    row.map(({ field: name, column, bits }) => `${name}@${column}+${bits}`).join(' '),
  );
  expect(rows).toEqual([
    'version@0+4 ihl@4+4 tos@8+8 len@16+16',
    'id@0+16 flags@16+3 frag@19+13',
    'ttl@0+8 proto@8+8 chksum@16+16',
    'src@0+32',
    'dst@0+32',
  ]);
});

test('fields wider than a row go over several', () => {
  const [, dot1q, ip] = buildPacket(parseScapy('Ether()/Dot1Q()/IPv6()')).layers;
  const [ether] = buildPacket(parseScapy('Ether()')).layers;
  expect(headerGrid(ether ?? { name: '', offset: 0, length: 0, fields: [] }).flat()).toEqual([
    { field: 'dst', column: 0, bits: 32, part: 0, parts: 2 },
    { field: 'dst', column: 0, bits: 16, part: 1, parts: 2 },
    { field: 'src', column: 16, bits: 16, part: 0, parts: 2 },
    { field: 'src', column: 0, bits: 32, part: 1, parts: 2 },
    { field: 'type', column: 0, bits: 16, part: 0, parts: 1 },
  ]);
  expect(headerGrid(dot1q ?? { name: '', offset: 0, length: 0, fields: [] })).toHaveLength(1);
  expect(headerGrid(ip ?? { name: '', offset: 0, length: 0, fields: [] })).toHaveLength(10);
});
