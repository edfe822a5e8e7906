/** Reads one header in place. Gives up (undefined) where its bytes are not all there or would not come out again. */
import { formatIpv4, formatIpv6, formatMac } from './address.ts';
import { equalBytes, readBigBits, readBits } from './bits.ts';
import type { OptionFamily } from './headers/spec.ts';
import { type CompiledField, type CompiledHeader, compiledHeaders, optionHeaders } from './compile.ts';
import { markAutomatic } from './judge.ts';
import type { Laid } from './laid.ts';
import { decodeDhcpOptions } from './dhcpOptions.ts';
import { encodedNameLength, nameValue, textsValue } from './dnsText.ts';
import type { BuiltLayer, FieldValue, Layer, NamedOption } from './model.ts';
import { decodeTcpOptions } from './tcpOptions.ts';
import { anyAddressText, numberBits } from './value.ts';
import { PacketWriter, writeHeader } from './write.ts';

/** `bytes[at, end)` is what there is of the header and all that follows; `below`: the name of the layer underneath. */
export function readHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
  header: CompiledHeader,
  notes: string[],
  below?: string,
): Laid | undefined {
  const specs: CompiledField[] = [];
  const laid: Laid = {
    header,
    layer: { name: header.spec.name, offset: at, length: 0, fields: [] },
    specs: header.unconditional ? header.fields : specs,
    numbers: header.zeros.slice(),
    end,
  };
  const { numbers } = laid;
  const built = laid.layer.fields;
  const endBit = end * 8;
  let bit = at * 8;
  for (const field of header.fields) {
    if (field.when !== undefined && !field.when(numbers)) continue;
    if (field.above !== undefined && field.above !== below) continue;
    const { kind } = field.spec;
    let bits = field.bits;
    if (bits > 0 && bit + bits > endBit && field.spec.phantom !== true) return undefined;
    let value: FieldValue;
    switch (kind) {
      case 'uint':
      case 'enum':
      case 'flags':
        if (field.spec.phantom === true) {
          bits = 0;
          value = field.spec.default;
        } else if (bits > numberBits) value = readBigBits(bytes, bit, bits);
        else {
          value = readBits(bytes, bit, bits);
          numbers[field.index] = value;
        }
        break;
      case 'mac':
        value = formatMac(bytes, bit >>> 3);
        break;
      case 'ipv4':
        value = formatIpv4(bytes, bit >>> 3);
        break;
      case 'ipv6':
        value = formatIpv6(bytes, bit >>> 3);
        break;
      default: {
        if (bits > 0) {
          value = bytes.slice(bit >>> 3, (bit + bits) >>> 3);
          break;
        }
        const read = readVariable(bytes, bit >>> 3, end, laid, field, notes);
        if (read === undefined) return undefined;
        value = read.value;
        bits = read.size * 8;
      }
    }
    built.push({ name: field.name, bitOffset: bit, bitLength: bits, value, auto: false, wrong: undefined });
    if (!header.unconditional) specs.push(field);
    bit += bits;
  }
  laid.layer.length = (bit >>> 3) - at;
  return laid;
}

function readVariable(
  bytes: Uint8Array,
  at: number,
  end: number,
  laid: Laid,
  field: CompiledField,
  notes: string[],
): { value: FieldValue; size: number } | undefined {
  const { spec } = field;
  if (spec.kind === 'pppProtocol') return readProtocol(bytes, at, end, laid, field);
  if (spec.kind === 'packets' && typeof spec.size === 'object' && 'count' in spec.size) {
    return readRecords(bytes, at, end, laid, field, spec.size.count);
  }
  const wanted = wantedSize(laid, field, bytes, at, end);
  if (wanted === undefined) return undefined;
  const size = Math.min(Math.max(0, wanted), end - at);
  if (wanted > end - at) {
    // Addresses cannot be cut; the rest is kept as far as it goes.
    if (spec.kind === 'address') return undefined;
    notes.push(`${laid.layer.name}.${field.name} should have ${wanted} bytes; ${size} are there.`);
  }
  switch (spec.kind) {
    case 'bytes':
      return padded(bytes, at, end, size, spec.pad);
    case 'address':
      return { value: anyAddressText(bytes.slice(at, at + size)), size };
    case 'ipv4List':
    case 'ipv6List': {
      const step = spec.kind === 'ipv4List' ? 4 : 16;
      if (size % step !== 0) return undefined;
      const texts: string[] = [];
      for (let i = 0; i < size; i += step)
        texts.push(step === 4 ? formatIpv4(bytes, at + i) : formatIpv6(bytes, at + i));
      return { value: texts, size };
    }
    case 'tcpOptions': {
      const decoded = size === 0 ? noOptions() : decodeTcpOptions(bytes.subarray(at, at + size));
      if (decoded?.damaged === true)
        notes.push(`${laid.layer.name}.${field.name} is damaged: kept as bytes from there on.`);
      return decoded === undefined ? undefined : { value: decoded.options, size };
    }
    case 'dhcpOptions':
      return { value: decodeDhcpOptions(bytes.subarray(at, at + size)), size };
    case 'dnsName': {
      const fits = wanted === size && encodedNameLength(bytes, at, at + size) === size;
      return fits ? { value: nameValue(bytes.slice(at, at + size)), size } : undefined;
    }
    case 'texts': {
      const texts = wanted === size ? textsValue(bytes.subarray(at, at + size)) : undefined;
      return texts === undefined ? undefined : { value: texts, size };
    }
    case 'packets': {
      // Where padding comes by itself, no bytes at all are something else than no options.
      const none = size === 0 && !laid.header.positions.has('autopad');
      const value = none ? [] : readPackets(bytes, at, at + size, laid, field);
      return value === undefined ? undefined : { value, size };
    }
    case 'uint':
    case 'enum':
    case 'flags':
    case 'mac':
    case 'ipv4':
    case 'ipv6':
      return undefined;
  }
}

function wantedSize(laid: Laid, field: CompiledField, bytes: Uint8Array, at: number, end: number): number | undefined {
  const rule = field.spec.size;
  if (rule === undefined || rule === 'rest') return end - at;
  if (rule === 'own') return encodedNameLength(bytes, at, end);
  if (typeof rule === 'object' && 'prefix' in rule) {
    const { prefix } = rule;
    return equalBytes(bytes.subarray(at, Math.min(end, at + prefix.length)), prefix) ? prefix.length : end - at;
  }
  if (typeof rule === 'object' && 'count' in rule) return undefined;
  if (rule === 'header') {
    const length = laid.header.spec.headerLength;
    if (length === undefined) return end - at;
    return (laid.numbers[laid.header.lengthIndex] ?? 0) * length.unit + (length.plus ?? 0) - (at - laid.layer.offset);
  }
  return (laid.numbers[laid.header.positions.get(rule.field) ?? -1] ?? 0) * rule.unit + (rule.plus ?? 0);
}

function noOptions(): { options: NamedOption[]; damaged: boolean } {
  return { options: [], damaged: false };
}

/** The low bit of a protocol number's first byte says that it is the last one (RFC 1661 §2). */
function readProtocol(
  bytes: Uint8Array,
  at: number,
  end: number,
  laid: Laid,
  field: CompiledField,
): { value: FieldValue; size: number } | undefined {
  const size = ((bytes[at] ?? 0) & 1) === 1 ? 1 : 2;
  if (at + size > end) return undefined;
  const value = readBits(bytes, at * 8, size * 8);
  laid.numbers[field.index] = value;
  const wide = laid.layer.fields.find((other) => other.name === 'wide');
  if (size === 2 && value <= 0xff && wide !== undefined) {
    wide.value = 1;
    laid.numbers[laid.header.positions.get('wide') ?? -1] = 1;
  }
  return { value, size };
}

/** As many sub-packets as the field `count` says; undefined where they are not there. */
function readRecords(
  bytes: Uint8Array,
  at: number,
  end: number,
  laid: Laid,
  field: CompiledField,
  count: string,
): { value: FieldValue; size: number } | undefined {
  const family = field.spec.family;
  if (family === undefined) return undefined;
  const { byType, other } = optionHeaders(family);
  const parts: BuiltLayer[] = [];
  let position = at;
  for (let left = laid.numbers[laid.header.positions.get(count) ?? -1] ?? 0; left > 0; left--) {
    // A DNS record's type stands behind its name.
    const typeAt = position + (encodedNameLength(bytes, position, end) ?? 0);
    const named = byType.get(readBits(bytes, typeAt * 8, 16));
    const found = named === undefined ? undefined : readOption(bytes, position, end, named);
    // A record of a fixed form whose length says otherwise is one of unknown form.
    const part =
      found !== undefined && found.fields.every((part) => part.name !== 'rdlen' || part.auto)
        ? found
        : readOption(bytes, position, end, other);
    if (part === undefined) return undefined;
    parts.push(part);
    position += part.length;
  }
  if (parts.length > 0) laid.layer.parts = [...(laid.layer.parts ?? []), ...parts];
  const layers = parts.map(layerOfPart);
  return rewritten(laid, field, layers, 1, bytes.subarray(at, position))
    ? { value: layers, size: position - at }
    : undefined;
}

/** The zeros that follow a value belong to it. Others could not be written again. */
function padded(
  bytes: Uint8Array,
  at: number,
  end: number,
  size: number,
  pad: number | undefined,
): { value: FieldValue; size: number } | undefined {
  const value = bytes.slice(at, at + size);
  if (pad === undefined || size % pad === 0) return { value, size };
  const whole = size + pad - (size % pad);
  if (at + whole > end) return undefined;
  for (let i = at + size; i < at + whole; i++) if (bytes[i] !== 0) return undefined;
  return { value, size: whole };
}

/**
 * The options in `bytes[at, end)`. Padding that comes by itself is left out. What cannot be written again in any other
 * way becomes Raw.
 */
function readPackets(
  bytes: Uint8Array,
  at: number,
  end: number,
  laid: Laid,
  field: CompiledField,
): Layer[] | undefined {
  const family = field.spec.family;
  if (family === undefined) return undefined;
  const parts = readParts(bytes, at, end, family);
  const layers = parts.map(layerOfPart);
  const autopad = laid.layer.fields.find((other) => other.name === 'autopad');
  const original = bytes.subarray(at, end);
  laid.layer.parts = parts;
  const padding = family === 'ipv4' ? ['IPOption_EOL'] : ['PadN', 'Pad1'];
  const isPadding = (layer: Layer | undefined): boolean => layer !== undefined && padding.includes(layer.name);
  if (family === 'ipv6' && layers.some(isPadding)) {
    const plain = layers.filter((layer) => !isPadding(layer));
    if (rewritten(laid, field, plain, 1, original)) return plain;
  }
  // At the end, up to three EOL or one pad come by themselves. As few attempts as that: there may be 2000 options.
  let length = layers.length;
  const most = family === 'ipv4' ? 3 : 1;
  while (length > 0 && layers.length - length < most && isPadding(layers[length - 1])) length--;
  for (; length <= layers.length; length++) {
    const attempt = layers.slice(0, length);
    if (rewritten(laid, field, attempt, 1, original)) return attempt;
  }
  if (autopad !== undefined) {
    autopad.value = 0;
    laid.numbers[laid.header.positions.get('autopad') ?? -1] = 0;
    if (rewritten(laid, field, layers, 0, original)) return layers;
  }
  const raw: Layer = { name: 'Raw', fields: { load: original.slice() } };
  return rewritten(laid, field, [raw], 0, original) ? [raw] : undefined;
}

/** The options in `bytes`, each as the header that its type names. */
export function readOptions(bytes: Uint8Array, family: OptionFamily): Layer[] {
  return readParts(bytes, 0, bytes.length, family).map(layerOfPart);
}

function readParts(bytes: Uint8Array, at: number, end: number, family: OptionFamily): BuiltLayer[] {
  const { byType, other } = optionHeaders(family);
  const parts: BuiltLayer[] = [];
  let position = at;
  while (position < end) {
    // Scapy tells IPv4 options apart by number, without the class and the copied flag.
    const type = (bytes[position] ?? 0) & (family === 'ipv4' ? 0x1f : 0xff);
    const named = byType.get(type);
    const part =
      (named === undefined ? undefined : readOption(bytes, position, end, named)) ??
      readOption(bytes, position, end, other) ??
      readOption(bytes, position, end, rawHeader());
    if (part === undefined) break;
    parts.push(part);
    position += part.length;
  }
  return parts;
}

function rawHeader(): CompiledHeader | undefined {
  return compiledHeaders().get('Raw');
}

function readOption(
  bytes: Uint8Array,
  at: number,
  end: number,
  header: CompiledHeader | undefined,
): BuiltLayer | undefined {
  if (header === undefined) return undefined;
  const notes: string[] = [];
  const laid = readHeader(bytes, at, end, header, notes);
  if (laid === undefined || notes.length > 0 || laid.layer.length === 0) return undefined;
  markAutomatic(bytes, laid, undefined, at + laid.layer.length);
  return laid.layer;
}

function layerOfPart(part: BuiltLayer): Layer {
  const fields: Layer['fields'] = {};
  for (const field of part.fields) if (!field.auto) fields[field.name] = field.value;
  return { name: part.name, fields };
}

/** Whether writing `options` gives `original`. */
function rewritten(
  laid: Laid,
  field: CompiledField,
  options: readonly Layer[],
  autopad: number,
  original: Uint8Array,
): boolean {
  const writer = new PacketWriter(256);
  const fields: Layer['fields'] = { [field.name]: options };
  if (laid.header.positions.has('autopad')) fields['autopad'] = autopad;
  const again = writeHeader(writer, laid.header, { name: laid.layer.name, fields }, undefined, 0, []);
  const place = again.layer.fields.find((other) => other.name === field.name);
  if (place === undefined) return false;
  const start = place.bitOffset >>> 3;
  return equalBytes(writer.bytes.subarray(start, start + place.bitLength / 8), original);
}
