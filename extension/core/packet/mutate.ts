/** Ways to make a packet a hostile or an unusual one. Each gives layers again, what it made wrong being given by hand. */
import { buildPacket } from './build.ts';
import { compiledHeaders } from './compile.ts';
import { exactLayers } from './exact.ts';
import { packetInvalid } from './fail.ts';
import type { BuiltPacket, FieldValue, Layer, NamedOption } from './model.ts';

export interface Mutation {
  id: string;
  label: string;
  help: string;
  /** What it is asked for: a byte of the packet, a bit in it (0 is the highest), a size in bytes, or nothing. */
  asks: 'byte' | 'bit' | 'size' | 'none';
  /** Whether it can be done to this packet. */
  fits: (packet: BuiltPacket) => boolean;
  apply: (packet: MutationInput) => (readonly Layer[])[];
}

export interface MutationInput {
  layers: readonly Layer[];
  built: BuiltPacket;
  /** Of `asks`; checked. */
  at: number;
}

const layerNamed = (packet: BuiltPacket, ...names: string[]): number =>
  packet.layers.findLastIndex(({ name }) => names.includes(name));
const checksums = (packet: BuiltPacket): { layer: number; field: string; value: number }[] =>
  packet.layers.flatMap((layer, index) =>
    layer.fields
      .filter(({ name, value }) => (name === 'chksum' || name === 'cksum') && typeof value === 'number')
      .map(({ name, value }) => ({ layer: index, field: name, value: Number(value) })),
  );

function withField(layers: readonly Layer[], at: number, field: string, value: FieldValue | undefined): Layer[] {
  return layers.map((layer, index) =>
    index === at ? { ...layer, fields: { ...layer.fields, [field]: value } } : layer,
  );
}

function flipped({ built, at }: MutationInput, mask: number, byte: number): (readonly Layer[])[] {
  if (byte < 0 || byte >= built.bytes.length) {
    throw packetInvalid(`The packet has no byte ${byte}: it has ${built.bytes.length}.`, { offset: at });
  }
  const bytes = built.bytes.slice();
  bytes[byte] = (bytes[byte] ?? 0) ^ mask;
  return [exactLayers(bytes)];
}

/** TCP options that fill the 40 bytes there are. */
const allTcpOptions: readonly NamedOption[] = [
  ['MSS', 1460],
  ['SAckOK', null],
  ['Timestamp', [1, 0]],
  ['NOP', null],
  ['WScale', 7],
  ['MD5', new Uint8Array(16)],
  ['NOP', null],
  ['NOP', null],
];

function fragments({ built }: MutationInput): (readonly Layer[])[] {
  const at = layerNamed(built, 'IP', 'IPv6');
  const network = built.layers[at];
  if (network === undefined) return [];
  const layers = exactLayers(built.bytes);
  const below = layers.slice(0, at + 1);
  const padding = built.layers.find(({ name }) => name === 'Padding')?.offset ?? built.bytes.length;
  const payload = built.bytes.subarray(network.offset + network.length, padding);
  // Offsets count in 8 bytes (RFC 791 §3.2, RFC 8200 §4.5): the first half, rounded up to that, then the rest.
  const cut = Math.max(8, Math.ceil(payload.length / 2 / 8) * 8);
  const next = network.fields.find(({ name }) => name === 'proto' || name === 'nh')?.value ?? 59;
  return [
    { from: 0, to: cut },
    { from: cut, to: payload.length },
  ].map(({ from, to }): readonly Layer[] => {
    const more = to < payload.length;
    const load: Layer = { name: 'Raw', fields: { load: payload.slice(from, to) } };
    const own = below.slice(0, -1);
    const ip = below.at(-1);
    if (ip === undefined) return [load];
    // The lengths and the checksum of the whole are not those of a fragment.
    if (network.name === 'IP') {
      const { len: _len, chksum: _chksum, flags: _flags, ...kept } = ip.fields;
      return [...own, { name: 'IP', fields: { ...kept, proto: next, flags: more ? 'MF' : 0, frag: from / 8 } }, load];
    }
    const { plen: _plen, ...kept } = ip.fields;
    return [
      ...own,
      { name: 'IPv6', fields: { ...kept, nh: 44 } },
      { name: 'IPv6ExtHdrFragment', fields: { nh: next, offset: from / 8, m: more ? 1 : 0, id: 1 } },
      load,
    ];
  });
}

export const mutations: readonly Mutation[] = [
  {
    id: 'truncate',
    label: 'Truncate at a byte',
    help: 'The packet ends there; its lengths still say what they said.',
    asks: 'byte',
    fits: ({ bytes }) => bytes.length > 1,
    apply: ({ built, at }) => [exactLayers(built.bytes.slice(0, at))],
  },
  {
    id: 'flip-bit',
    label: 'Flip a bit',
    help: 'One bit, as noise on the line does. 0 is the highest bit of the first byte.',
    asks: 'bit',
    fits: ({ bytes }) => bytes.length > 0,
    apply: (input) => flipped(input, 0x80 >> (input.at & 7), input.at >> 3),
  },
  {
    id: 'flip-byte',
    label: 'Flip a byte',
    help: 'All bits of one byte.',
    asks: 'byte',
    fits: ({ bytes }) => bytes.length > 0,
    apply: (input) => flipped(input, 0xff, input.at),
  },
  {
    id: 'fragment',
    label: 'Fragment',
    help: 'Two fragments of the innermost IP packet: the second has no transport header.',
    asks: 'none',
    fits: (packet) => {
      const network = packet.layers[layerNamed(packet, 'IP', 'IPv6')];
      return network !== undefined && packet.bytes.length - network.offset - network.length > 8;
    },
    apply: fragments,
  },
  {
    id: 'oversize',
    label: 'Fill up to a size',
    help: 'Payload is added until the packet has that many bytes, everything else follows.',
    asks: 'size',
    fits: ({ bytes }) => bytes.length > 0,
    apply: ({ layers, built, at }) => {
      const missing = at - built.bytes.length;
      if (missing <= 0) throw packetInvalid(`The packet has ${built.bytes.length} bytes already.`, { bytes: at });
      const filler = new Uint8Array(missing).fill(0x78);
      const end = layers.findLastIndex(({ name }) => name !== 'Padding') + 1;
      return [[...layers.slice(0, end), { name: 'Raw', fields: { load: filler } }, ...layers.slice(end)]];
    },
  },
  {
    id: 'bad-checksum',
    label: 'Wrong checksum',
    help: 'The innermost checksum is off by one bit.',
    asks: 'none',
    fits: (packet) => checksums(packet).length > 0,
    apply: ({ layers, built }) => {
      const last = checksums(built).at(-1);
      return last === undefined ? [] : [withField(layers, last.layer, last.field, (last.value ^ 1) >>> 0)];
    },
  },
  {
    id: 'max-options',
    label: 'Longest header',
    help: 'Options that fill the IPv4 or TCP header to 60 bytes: fixed-size parsing breaks on it.',
    asks: 'none',
    fits: (packet) => layerNamed(packet, 'IP', 'TCP') >= 0,
    apply: ({ layers, built }) => {
      const tcp = layerNamed(built, 'TCP');
      if (tcp >= 0) return [withField(layers, tcp, 'options', allTcpOptions)];
      const nops = Array.from({ length: 40 }, (): Layer => ({ name: 'IPOption_NOP', fields: {} }));
      return [withField(layers, layerNamed(built, 'IP'), 'options', nops)];
    },
  },
  {
    id: 'zero-length',
    label: 'Length of zero',
    help: 'The innermost length field says zero.',
    asks: 'none',
    fits: (packet) => lengthField(packet) !== undefined,
    apply: ({ layers, built }) => {
      const field = lengthField(built);
      return field === undefined ? [] : [withField(layers, field.layer, field.name, 0)];
    },
  },
];

/** The innermost field that says how long a message is. */
function lengthField({ layers }: BuiltPacket): { layer: number; name: string } | undefined {
  const layer = layers.findLastIndex(({ name }) => compiledHeaders().get(name)?.spec.extent !== undefined);
  const name = compiledHeaders().get(layers[layer]?.name ?? '')?.spec.extent?.field;
  return name === undefined ? undefined : { layer, name };
}

/**
 * The packets that a mutation makes of one: one, or the fragments. `at`: the byte, bit or size that it asks for.
 * Throws XdpError('packet-invalid').
 */
export function mutate(id: string, layers: readonly Layer[], at = 0): (readonly Layer[])[] {
  const mutation = mutations.find((each) => each.id === id);
  if (mutation === undefined) {
    throw packetInvalid(`There is no mutation "${id}".`, {}, `Known: ${mutations.map((each) => each.id).join(', ')}.`);
  }
  if (!Number.isSafeInteger(at) || at < 0) throw packetInvalid(`${at} is not a whole number.`, {});
  const built = buildPacket(layers);
  if (!mutation.fits(built))
    throw packetInvalid(`"${mutation.label}" cannot be done to this packet.`, {}, mutation.help);
  return mutation.apply({ layers, built, at });
}
