/** Writes one header: the values given by hand, what the next layer sets, defaults. Computed fields stay zero until `fillIn`. */
import { formatIpv4, formatIpv6, formatMac } from './address.ts';
import { computedNumber } from './automatic.ts';
import { writeBigBits, writeBits } from './bits.ts';
import { type CompiledField, type CompiledHeader, headerNamed, optionHeaders } from './compile.ts';
import { packetInvalid, suggest } from './fail.ts';
import { sizeByField } from './headers/spec.ts';
import { type Laid, placeOf } from './laid.ts';
import type { BuiltField, FieldValue, Layer } from './model.ts';
import { encodeDhcpOptions } from './dhcpOptions.ts';
import { encodeName, encodeTexts } from './dnsText.ts';
import { encodeTcpOptions } from './tcpOptions.ts';
import {
  addressBytes,
  anyAddressBytes,
  anyAddressText,
  badField,
  describe,
  isLayer,
  numberBits,
  type Place,
  toBigint,
  toBytes,
  toNumber,
} from './value.ts';

/** More than any interface takes, so that a slip (`b"A" * 10**9`) ends early. */
export const maxPacketBytes = 0x40000;

/** A buffer that grows. Bytes after `length` may hold anything. */
export class PacketWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 2048) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for `count` more bytes and zeroes them, without taking them. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > maxPacketBytes) {
      throw packetInvalid(`The packet is longer than ${maxPacketBytes} bytes.`, { maxBytes: maxPacketBytes });
    }
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    // By hand: most headers are too short for `fill` to pay.
    for (let at = this.length; at < needed; at++) this.bytes[at] = 0;
  }

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }

  zeros(count: number): void {
    this.reserve(count);
    this.length += count;
  }
}

const noSets: readonly FieldValue[] = [];

/** `upper`: the name of the layer that follows, for the fields that it sets; `below`: of the one underneath. */
export function writeHeader(
  writer: PacketWriter,
  header: CompiledHeader,
  layer: Layer,
  upper: string | undefined,
  layerIndex: number,
  warnings: string[],
  below?: string,
): Laid {
  const place: Place = { layer: header.spec.name, layerIndex };
  const sets = (upper === undefined ? undefined : header.sets.get(upper)) ?? noSets;
  const start = writer.length;
  const specs: CompiledField[] = [];
  const laid: Laid = {
    header,
    layer: { name: header.spec.name, offset: start, length: 0, fields: [] },
    specs: header.unconditional ? header.fields : specs,
    numbers: header.zeros.slice(),
    end: 0,
  };
  const { numbers } = laid;
  const built = laid.layer.fields;
  const fields = layer.fields;
  let used = 0;
  let bit = start * 8;
  writer.reserve(header.fixedBytes);
  for (const field of header.fields) {
    if (field.when !== undefined && !field.when(numbers)) continue;
    if (field.above !== undefined && field.above !== below) continue;
    const given = fields[field.name];
    const auto = given === undefined;
    if (!auto) used++;
    const spec = field.spec;
    const set = sets[field.index];
    let value: FieldValue = given ?? set ?? spec.default;
    let bits = field.bits;
    switch (spec.kind) {
      case 'uint':
      case 'enum':
      case 'flags':
        if (auto && field.computed) value = 0;
        else if (bits > numberBits) {
          value = toBigint(field, value, place);
          writeBigBits(writer.bytes, bit, bits, value);
        } else {
          const number = toNumber(field, value, place);
          numbers[field.index] = number;
          value = number;
          if (spec.phantom === true) bits = 0;
          else if (number !== 0) writeBits(writer.bytes, bit, bits, number);
        }
        break;
      case 'mac':
      case 'ipv4':
      case 'ipv6':
        if (auto && set === undefined && field.defaultBytes !== undefined)
          copyBytes(field.defaultBytes, writer.bytes, bit >>> 3);
        else value = writeAddress(writer.bytes, bit >>> 3, spec.kind, spec.name, value, place);
        break;
      default: {
        writer.length = bit >>> 3;
        value =
          bits > 0 ? fixedBytes(writer, field, value, place) : writeVariable(writer, laid, field, value, auto, place);
        bits = (writer.length - (bit >>> 3)) * 8;
        // Room for the fixed fields that follow, and zeroed: bit fields are merged in.
        writer.reserve(header.fixedBytes);
      }
    }
    built.push({ name: field.name, bitOffset: bit, bitLength: bits, value, auto, wrong: undefined });
    if (!header.unconditional) specs.push(field);
    bit += bits;
  }
  writer.length = (bit + 7) >>> 3;
  laid.layer.length = writer.length - start;
  checkNames(header, fields, used, laid, place, warnings);
  return laid;
}

/** Addresses as they were given, remembered: packets use the same few again and again. */
const addressCache = new Map<string, { bytes: Uint8Array; text: string }>();

/** The address as it is written best. */
function writeAddress(
  into: Uint8Array,
  at: number,
  kind: 'mac' | 'ipv4' | 'ipv6',
  field: string,
  value: FieldValue,
  place: Place,
): string {
  let known = typeof value === 'string' ? addressCache.get(value) : undefined;
  // The three forms exclude each other, but for the message the kind must be right.
  if (known === undefined || known.bytes.length !== addressLengths[kind]) {
    const bytes = addressBytes(kind, field, value, place);
    known = { bytes, text: addressFormatters[kind](bytes, 0) };
    if (addressCache.size > 1024) addressCache.clear();
    if (typeof value === 'string') addressCache.set(value, known);
  }
  copyBytes(known.bytes, into, at);
  return known.text;
}

const addressLengths = { mac: 6, ipv4: 4, ipv6: 16 } as const;
const addressFormatters = { mac: formatMac, ipv4: formatIpv4, ipv6: formatIpv6 } as const;

function copyBytes(from: Uint8Array, into: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) into[at + i] = from[i] ?? 0;
}

function fixedBytes(writer: PacketWriter, field: CompiledField, value: FieldValue, place: Place): Uint8Array {
  const bytes = toBytes(field.name, value, place);
  const size = field.bits / 8;
  if (bytes.length > size) throw badField(place, field.name, `${bytes.length} bytes are given; ${size} fit.`);
  const padded = new Uint8Array(size);
  padded.set(bytes);
  writer.append(padded);
  return padded;
}

function writeVariable(
  writer: PacketWriter,
  laid: Laid,
  field: CompiledField,
  value: FieldValue,
  auto: boolean,
  place: Place,
): FieldValue {
  const { spec, name } = field;
  const start = writer.length;
  let kept: FieldValue = value;
  switch (spec.kind) {
    case 'bytes': {
      const bytes = toBytes(name, value, place);
      writer.append(bytes);
      kept = bytes;
      break;
    }
    case 'address': {
      const bytes = sizedAddress(laid, field, value, auto, place);
      writer.append(bytes);
      kept = anyAddressText(bytes);
      break;
    }
    case 'ipv4List':
    case 'ipv6List': {
      if (!Array.isArray(value)) throw badField(place, name, `${describe(value)} is not a list of addresses.`);
      const kind = spec.kind === 'ipv4List' ? 'ipv4' : 'ipv6';
      const texts: string[] = [];
      for (const item of value) {
        const bytes = addressBytes(kind, name, item as FieldValue, place);
        writer.append(bytes);
        texts.push(kind === 'ipv4' ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0));
      }
      kept = texts;
      break;
    }
    case 'tcpOptions':
      writer.append(encodeTcpOptions(value, name, place));
      break;
    case 'dhcpOptions':
      writer.append(encodeDhcpOptions(value, name, place));
      break;
    case 'dnsName': {
      const encoded = encodeName(value, name, place);
      writer.append(encoded.bytes);
      kept = encoded.kept;
      break;
    }
    case 'texts':
      writer.append(encodeTexts(value, name, place));
      break;
    case 'pppProtocol':
      kept = writeProtocol(writer, laid, field, value, place);
      break;
    case 'packets':
      writePackets(writer, laid, field, value, place);
      break;
    case 'uint':
    case 'enum':
    case 'flags':
    case 'mac':
    case 'ipv4':
    case 'ipv6':
      break;
  }
  if (spec.pad !== undefined) {
    const over = (writer.length - (spec.padFrom === 'header' ? laid.layer.offset : start)) % spec.pad;
    if (over !== 0) writer.zeros(spec.pad - over);
  }
  return kept;
}

/** One byte where the number fits into one (RFC 1661 §6.5), unless `wide` says two. */
function writeProtocol(
  writer: PacketWriter,
  laid: Laid,
  field: CompiledField,
  value: FieldValue,
  place: Place,
): FieldValue {
  const number = toNumber(field, value, place);
  laid.numbers[field.index] = number;
  const wide = number > 0xff || (laid.numbers[laid.header.positions.get('wide') ?? -1] ?? 0) !== 0;
  writer.append(Uint8Array.from(wide ? [number >>> 8, number & 0xff] : [number]));
  return number;
}

/** An address whose length another field says (ARP): cut or filled with zeros to it. */
function sizedAddress(laid: Laid, field: CompiledField, value: FieldValue, auto: boolean, place: Place): Uint8Array {
  const bytes = anyAddressBytes(field.name, value, place);
  const rule = sizeByField(field.spec);
  if (rule === undefined) return bytes;
  const lengthIndex = laid.header.positions.get(rule.field) ?? -1;
  const lengthField = laid.layer.fields[lengthIndex];
  const leader = laid.specs[lengthIndex]?.spec.auto;
  let size = bytes.length;
  if (lengthField !== undefined && !lengthField.auto) size = laid.numbers[lengthIndex] ?? 0;
  else if (auto && leader?.kind === 'fieldLength' && leader.field !== field.name) {
    size = (laid.layer.fields.find((other) => other.name === leader.field)?.bitLength ?? 0) / 8;
  }
  if (size === bytes.length) return bytes;
  const sized = new Uint8Array(size);
  // A default of another length says nothing about this one.
  if (!auto) sized.set(bytes.subarray(0, size));
  return sized;
}

/** Sub-packets one after the other; IPv6 options aligned and filled up (RFC 8200 §4.2) unless `autopad` is 0. */
function writePackets(writer: PacketWriter, laid: Laid, field: CompiledField, value: FieldValue, place: Place): void {
  const family = field.spec.family;
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const aligned = family === 'ipv6' && (laid.numbers[laid.header.positions.get('autopad') ?? -1] ?? 0) !== 0;
  const parts = laid.layer.parts ?? [];
  for (const item of items) {
    if (!isLayer(item)) throw badField(place, field.name, `${describe(item)} is not an option.`);
    const header = headerNamed(item.name, place.layerIndex);
    if (header.spec.name !== 'Raw' && header.spec.option?.family !== family) {
      throw badField(place, field.name, `${item.name} is not one of its options.`, optionHint(family));
    }
    if (aligned) pad(writer, laid, header.spec.option?.align);
    const part = writeHeader(writer, header, item, undefined, place.layerIndex, []);
    fillIn(writer.bytes, part, writer.length);
    parts.push(part.layer);
  }
  if (aligned) pad(writer, laid, [8, 0]);
  if (parts.length > 0) laid.layer.parts = parts;
}

function optionHint(family: CompiledField['spec']['family']): string {
  if (family === undefined) return '';
  const { byType, other } = optionHeaders(family);
  return `Known: ${[...byType.values(), other].map((header) => header.spec.name).join(', ')}, Raw.`;
}

function pad(writer: PacketWriter, laid: Laid, align: readonly [number, number] | undefined): void {
  if (align === undefined) return;
  const at = writer.length - laid.layer.offset;
  const missing = (((align[1] - at) % align[0]) + align[0]) % align[0];
  if (missing === 0) return;
  writer.zeros(missing);
  if (missing > 1) {
    writer.bytes[writer.length - missing] = 1;
    writer.bytes[writer.length - missing + 1] = missing - 2;
  }
}

/** Writes the automatic lengths and counts, and marks those given by hand that differ. Checksums are for later. */
export function fillIn(bytes: Uint8Array, laid: Laid, end: number): void {
  const { layer, numbers, header } = laid;
  const { computed } = header;
  for (let i = 0; i < computed.length; i++) {
    const index = computed[i] ?? 0;
    const field = layer.fields[placeOf(laid, index)];
    const rule = header.fields[index]?.spec.auto;
    if (field === undefined || rule === undefined) continue;
    const max = header.fields[index]?.max ?? 0;
    setComputed(bytes, laid, field, max, computedNumber(laid, rule, end), rule.kind === 'count' && rule.free === true);
    if (typeof field.value === 'number') numbers[index] = field.value;
  }
}

/** `free`: a value given by hand is right whatever it is. */
export function setComputed(
  bytes: Uint8Array,
  laid: Laid,
  field: BuiltField,
  max: number,
  value: number,
  free: boolean,
): void {
  if (!field.auto) {
    if (field.value !== value && !free) field.wrong = value;
    return;
  }
  if (value > max) {
    throw packetInvalid(
      `${laid.layer.name}.${field.name} would have to be ${value}: ${field.bitLength} bits hold at most ${max}.`,
      { layer: laid.layer.name, field: field.name },
      'Make the packet shorter, or give the field by hand.',
    );
  }
  field.value = value;
  writeBits(bytes, field.bitOffset, field.bitLength, value);
}

function checkNames(
  header: CompiledHeader,
  given: Layer['fields'],
  used: number,
  laid: Laid,
  place: Place,
  warnings: string[],
): void {
  const names = Object.keys(given);
  if (names.length === used) return;
  for (const name of names) {
    if (given[name] === undefined || laid.layer.fields.some((field) => field.name === name)) continue;
    if (!header.positions.has(name)) {
      throw packetInvalid(
        `${place.layer} has no field "${name}".`,
        { ...place, field: name },
        suggest(name, [...header.positions.keys()]),
      );
    }
    warnings.push(`${place.layer}.${name} is given, but such a header does not have it: it is left out.`);
  }
}
