/** One field over a range of values: many packets from one. */
import { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from './address.ts';
import { readBigBits, writeBigBits } from './bits.ts';
import { buildPacket } from './build.ts';
import { type CompiledField, headerNamed } from './compile.ts';
import { packetInvalid, suggest } from './fail.ts';
import type { FieldValue, Layer } from './model.ts';

/** As many packets as one sweep makes. */
export const maxSweep = 65_536;

export interface Sweep {
  /** Position in the stack. */
  layer: number;
  field: string;
  /** Numbers, names or addresses, as people write them; the end is included. */
  from: string;
  to: string;
  /** Default 1. */
  step?: number;
}

/**
 * `IP.ttl=1..64`, `IP:2.src=10.0.0.1..10.0.0.254`, `TCP.dport=1..1024/8`, `IP.dst=10.0.0.0/28`: the layer (counted as
 * Scapy counts those of one name), its field, and the values. Throws XdpError('packet-invalid') with `details.position`.
 */
export function parseSweep(text: string, layers: readonly Layer[]): Sweep {
  const match = /^\s*([A-Za-z_]\w*)(?::(\d+))?\.(\w+)\s*=\s*(.+?)\s*$/.exec(text);
  const [, name, nth, field, values] = match ?? [];
  if (name === undefined || field === undefined || values === undefined) {
    throw packetInvalid(`"${text}" is not a sweep.`, { position: 0 }, example);
  }
  const position = text.indexOf('=') + 1;
  const places = layers.flatMap((layer, index) => (layer.name === name ? [index] : []));
  const layer = places[nth === undefined ? 0 : Number(nth) - 1];
  if (layer === undefined) {
    const there = [...new Set(layers.map((each) => each.name))];
    throw packetInvalid(
      `The packet has no layer ${name}${nth === undefined ? '' : `:${nth}`}.`,
      { position: 0 },
      suggest(name, there),
    );
  }
  const prefix = values.includes('..') ? null : /^([0-9a-f.:]+)\/(\d+)$/i.exec(values);
  if (prefix?.[1] !== undefined) return { layer, field, ...prefixRange(prefix[1], Number(prefix[2]), position) };
  const range = /^(.+?)\.\.(.+?)(?:\/(\d+))?$/.exec(values);
  if (range?.[1] === undefined || range[2] === undefined) {
    throw packetInvalid(`"${values}" is not a range.`, { position }, example);
  }
  return { layer, field, from: range[1].trim(), to: range[2].trim(), step: Number(range[3] ?? 1) };
}

const example = 'Like this: IP.ttl=1..64, TCP.dport=1..1024/8 (every eighth), IP.src=10.0.0.0/28.';

function prefixRange(address: string, length: number, position: number): { from: string; to: string } {
  const bytes = parseIpv4(address) ?? parseIpv6(address);
  if (bytes === undefined || length > bytes.length * 8) {
    throw packetInvalid(`${address}/${length} is not a prefix.`, { position }, example);
  }
  const bits = bytes.length * 8;
  const host = (1n << BigInt(bits - length)) - 1n;
  const first = readBigBits(bytes, 0, bits) & ~host;
  return { from: addressOf(first, bits), to: addressOf(first | host, bits) };
}

function addressOf(value: bigint, bits: number): string {
  const bytes = new Uint8Array(bits / 8);
  writeBigBits(bytes, 0, bits, value);
  return bits === 32 ? formatIpv4(bytes, 0) : bits === 48 ? formatMac(bytes, 0) : formatIpv6(bytes, 0);
}

/** The packets, in the order of the values. Throws XdpError('packet-invalid') naming what does not fit. */
export function sweep(layers: readonly Layer[], { layer, field, from, to, step = 1 }: Sweep): (readonly Layer[])[] {
  const spec = fieldOf(layers, layer, field);
  const first = ordinal(spec, from);
  const last = ordinal(spec, to);
  if (!Number.isSafeInteger(step) || step < 1) throw packetInvalid(`The step is ${step}; it is 1 or more.`, { field });
  if (last < first) throw packetInvalid(`The range ${from}..${to} goes backwards.`, { field });
  const count = (last - first) / BigInt(step) + 1n;
  if (count > maxSweep) {
    throw packetInvalid(`That is ${count} packets; ${maxSweep} are made at once.`, { field }, 'Take a larger step.');
  }
  const made: (readonly Layer[])[] = [];
  for (let value = first; value <= last; value += BigInt(step)) {
    const swept = layers.map((each, index) =>
      index === layer ? { ...each, fields: { ...each.fields, [field]: valueOf(spec, value) } } : each,
    );
    // The ends tell whether the field takes such values; the rest lies between them.
    if (made.length === 0 || value + BigInt(step) > last) buildPacket(swept);
    made.push(swept);
  }
  return made;
}

function fieldOf(layers: readonly Layer[], at: number, field: string): CompiledField {
  const layer = layers[at];
  if (layer === undefined) throw packetInvalid(`The packet has no layer ${at}.`, {});
  const header = headerNamed(layer.name, at);
  const found = header.fields.find(({ name }) => name === field);
  if (found === undefined) {
    throw packetInvalid(
      `${layer.name} has no field "${field}".`,
      { layer: layer.name, field },
      suggest(field, [...header.positions.keys()]),
    );
  }
  return found;
}

/** Whether a field's values can be counted through. */
export function sweepable(field: CompiledField): boolean {
  return ['uint', 'enum', 'flags', 'mac', 'ipv4', 'ipv6', 'address', 'pppProtocol'].includes(field.spec.kind);
}

function ordinal({ spec, name }: CompiledField, text: string): bigint {
  switch (spec.kind) {
    case 'uint':
    case 'enum':
    case 'flags':
    case 'pppProtocol': {
      if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
      const named = Object.entries(spec.names ?? {}).find(([, known]) => known.toLowerCase() === text.toLowerCase());
      if (named !== undefined) return BigInt(named[0]);
      break;
    }
    case 'mac':
    case 'ipv4':
    case 'ipv6':
    case 'address': {
      const bytes =
        spec.kind === 'mac'
          ? parseMac(text)
          : spec.kind === 'ipv4'
            ? parseIpv4(text)
            : spec.kind === 'ipv6'
              ? parseIpv6(text)
              : (parseMac(text) ?? parseIpv4(text));
      if (bytes !== undefined) return readBigBits(bytes, 0, bytes.length * 8);
      break;
    }
    case 'bytes':
    case 'ipv4List':
    case 'ipv6List':
    case 'tcpOptions':
    case 'dhcpOptions':
    case 'dnsName':
    case 'texts':
    case 'packets':
      throw packetInvalid(`${name} cannot be swept: it is no number and no address.`, { field: name });
  }
  throw packetInvalid(`"${text}" is no value of ${name}.`, { field: name }, spec.help);
}

function valueOf({ spec }: CompiledField, value: bigint): FieldValue {
  switch (spec.kind) {
    case 'mac':
      return addressOf(value, 48);
    case 'ipv4':
      return addressOf(value, 32);
    case 'ipv6':
      return addressOf(value, 128);
    case 'address':
      return addressOf(value, typeof spec.default === 'string' && spec.default.includes('.') ? 32 : 48);
    case 'uint':
    case 'enum':
    case 'flags':
    case 'bytes':
    case 'ipv4List':
    case 'ipv6List':
    case 'tcpOptions':
    case 'dhcpOptions':
    case 'dnsName':
    case 'texts':
    case 'pppProtocol':
    case 'packets':
      return spec.bits > 48 ? value : Number(value);
  }
}
