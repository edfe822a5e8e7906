/** Values of fields: checked on the way in, compared, and written as text. */
import { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from './address.ts';
import { equalBytes } from './bits.ts';
import type { CompiledField } from './compile.ts';
import { packetInvalid, suggest } from './fail.ts';
import type { FieldSpec } from './headers/spec.ts';
import type { FieldValue, Layer, NamedOption } from './model.ts';
import { utf8 } from './text.ts';
import type { XdpError } from '../errors.ts';

/** Where a value stands, for messages. */
export interface Place {
  layer: string;
  layerIndex: number;
}

export function badField(place: Place, field: string, problem: string, fix?: string): XdpError {
  return packetInvalid(`${place.layer}.${field}: ${problem}`, { ...place, field }, fix);
}

/** The widest integer that is kept as a number. */
export const numberBits = 48;

/** An integer, flags or an enumeration as its number, in range. Up to 48 bits wide. */
export function toNumber(field: CompiledField, value: FieldValue, place: Place): number {
  const number =
    typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? named(field.spec, value, place) : value;
  if (typeof number !== 'number') throw badField(place, field.name, `${describe(value)} is not an integer.`);
  if (!Number.isInteger(number) || number < 0 || number > field.max) {
    throw badField(
      place,
      field.name,
      `${describe(value)} does not fit: ${field.bits} ${field.bits === 1 ? 'bit holds' : 'bits hold'} 0 to ${field.max}.`,
    );
  }
  return number;
}

/** As toNumber, for wider fields. */
export function toBigint(field: CompiledField, value: FieldValue, place: Place): bigint {
  const text = typeof value === 'string' && /^(0x[0-9a-f]+|\d+)$/i.test(value) ? BigInt(value) : value;
  const big = typeof text === 'number' && Number.isInteger(text) ? BigInt(text) : text;
  if (typeof big !== 'bigint') throw badField(place, field.name, `${describe(value)} is not an integer.`);
  if (big < 0n || big >= 1n << BigInt(field.bits)) {
    throw badField(place, field.name, `${big} does not fit into ${field.bits} bits.`);
  }
  return big;
}

function named(spec: FieldSpec, text: string, place: Place): number {
  if (spec.flags !== undefined) return flagsFromText(spec, spec.flags, text, place);
  const wanted = text.toLowerCase();
  for (const [number, name] of Object.entries(spec.names ?? {}))
    if (name.toLowerCase() === wanted) return Number(number);
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text);
  if (spec.names === undefined) throw badField(place, spec.name, `"${text}" is not an integer.`);
  throw badField(place, spec.name, `there is no "${text}".`, suggest(text, Object.values(spec.names)));
}

function flagsFromText(spec: FieldSpec, flags: readonly string[], text: string, place: Place): number {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text);
  const letters = flags.every((flag) => flag.length === 1);
  let value = 0;
  for (const part of letters ? text : text.split('+')) {
    if (part === '') continue;
    const bit = flags.indexOf(part);
    if (bit < 0) {
      throw badField(
        place,
        spec.name,
        `"${part}" is not one of its flags.`,
        `Flags: ${flags.join(', ')}; ${letters ? 'written one after the other ("SA").' : 'joined by + ("MF+DF").'}`,
      );
    }
    // Not `|= 1 << bit`: there may be more than 31.
    if (Math.floor(value / 2 ** bit) % 2 === 0) value += 2 ** bit;
  }
  return value;
}

/** Flags by name, or undefined when a bit has none or the names are not unique. */
export function flagsToText(flags: readonly string[], value: number): string | undefined {
  const names: string[] = [];
  for (let bit = 0; 2 ** bit <= value; bit++) {
    if (Math.floor(value / 2 ** bit) % 2 === 0) continue;
    const name = flags[bit];
    if (name === undefined || flags.indexOf(name) !== bit) return undefined;
    names.push(name);
  }
  return names.join(flags.every((flag) => flag.length === 1) ? '' : '+');
}

/** An address of a fixed kind as its bytes. */
export function addressBytes(
  kind: 'mac' | 'ipv4' | 'ipv6',
  field: string,
  value: FieldValue,
  place: Place,
): Uint8Array {
  const bytes = typeof value === 'string' ? addressParsers[kind](value) : value;
  if (bytes instanceof Uint8Array && bytes.length === addressLength[kind]) return bytes;
  throw badField(place, field, `${describe(value)} is not ${addressExample[kind]}.`);
}

const addressParsers = { mac: parseMac, ipv4: parseIpv4, ipv6: parseIpv6 } as const;
const addressLength = { mac: 6, ipv4: 4, ipv6: 16 } as const;
const addressExample = {
  mac: 'a MAC address like 02:00:00:00:00:01',
  ipv4: 'an IPv4 address like 10.0.0.1',
  ipv6: 'an IPv6 address like fe80::1',
} as const;

/** An address of any kind, or the bytes of one. */
export function anyAddressBytes(field: string, value: FieldValue, place: Place): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const bytes = typeof value === 'string' ? (parseMac(value) ?? parseIpv4(value) ?? parseIpv6(value)) : undefined;
  if (bytes === undefined) throw badField(place, field, `${describe(value)} is not a MAC, IPv4 or IPv6 address.`);
  return bytes;
}

/** The inverse of anyAddressBytes: by length. */
export function anyAddressText(bytes: Uint8Array): string | Uint8Array {
  switch (bytes.length) {
    case 4:
      return formatIpv4(bytes, 0);
    case 6:
      return formatMac(bytes, 0);
    case 16:
      return formatIpv6(bytes, 0);
    default:
      return bytes;
  }
}

export function toBytes(field: string, value: FieldValue, place: Place): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return utf8(value);
  throw badField(place, field, `${describe(value)} is neither text nor bytes.`);
}

export function isLayer(value: unknown): value is Layer {
  return typeof value === 'object' && value !== null && 'name' in value && 'fields' in value;
}

export function isNamedOption(value: unknown): value is NamedOption {
  return Array.isArray(value) && value.length === 2 && (typeof value[0] === 'string' || typeof value[0] === 'number');
}

export function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
  if (value instanceof Uint8Array) return `a string of ${value.length} bytes`;
  if (Array.isArray(value)) return 'a list';
  if (isLayer(value)) return `${value.name}()`;
  return String(value);
}

/** Deep equality of values; bytes by content, sub-packets by their fields. */
export function equalValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b);
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalValue(item, b[index]));
  }
  if (!isLayer(a) || !isLayer(b) || a.name !== b.name) return false;
  const names = new Set([...Object.keys(a.fields), ...Object.keys(b.fields)]);
  for (const name of names) if (!equalValue(a.fields[name], b.fields[name])) return false;
  return true;
}

/** A value as people read it: `0x0800 (IPv4)`, `S`, `10.0.0.1`, `0xb1e6`. Lists and bytes are the caller's to lay out. */
export function fieldText(spec: FieldSpec, value: FieldValue): string {
  if (typeof value === 'number') {
    const plain = spec.base === 16 ? `0x${value.toString(16).padStart(Math.ceil(spec.bits / 4), '0')}` : String(value);
    if (spec.flags !== undefined) {
      const names = flagsToText(spec.flags, value);
      return names === undefined || names === '' ? plain : `${plain} (${names})`;
    }
    const name = spec.names?.[value];
    return name === undefined ? plain : `${plain} (${name})`;
  }
  if (typeof value === 'bigint' || typeof value === 'string') return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return value.length === 0 ? 'none' : `${value.length}`;
}
