import { encodeUtf8 } from '../elf/utf8.ts';
import { XdpError } from '../errors.ts';
import { decodeAt, elementCount, type Memory } from './decode.ts';
import { isPaddingName } from './fieldNames.ts';
import { rangeOf, writeBits, writeInt } from './integers.ts';
import type { Layout, LayoutField } from './layout.ts';
import { fromHex, parseIpv4, parseIpv6, parseMac } from './text.ts';
import type { Value } from './jsonValue.ts';

export interface EncodeContext {
  target: Memory;
  /** What was there before; absent when everything starts at zero. */
  source: Memory | undefined;
  complete: boolean;
}

/** Bytes [offset, end) are this value's; `path` names it in errors. */
export interface Place {
  offset: number;
  end: number;
  path: string;
}

export function encodeAt(layout: Layout, context: EncodeContext, place: Place, value: Value): void {
  switch (layout.kind) {
    case 'struct':
    case 'union':
      encodeRecord(layout, context, place, value);
      return;
    case 'array':
      encodeArray(layout, context, place, value);
      return;
    case 'int':
    case 'bool':
    case 'enum':
    case 'bits':
    case 'float':
    case 'pointer':
    case 'text':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      // What is there already is not touched: this keeps bytes behind the NUL of a text, and the other members of a union.
      if (context.source !== undefined && decodeAt(layout, context.source, place.offset, place.end) === value) return;
      encodeLeaf(layout, context, place, value);
  }
}

type Leaf = Exclude<Layout, { kind: 'struct' | 'union' | 'array' }>;

function encodeLeaf(layout: Leaf, context: EncodeContext, place: Place, value: Value): void {
  const { view, bytes } = context.target;
  const { offset, path } = place;
  switch (layout.kind) {
    case 'int': {
      const text = layout.size === 4 && !layout.signed && typeof value === 'string' ? parseIpv4(value) : undefined;
      if (text !== undefined) bytes.set(text, offset);
      else writeInt(view, offset, layout.size, layout.bigEndian, integer(value, path, 8 * layout.size, layout.signed));
      return;
    }
    case 'bool':
      writeInt(view, offset, layout.size, layout.bigEndian, boolean(value, path, 8 * layout.size));
      return;
    case 'enum':
      writeInt(
        view,
        offset,
        layout.size,
        layout.bigEndian,
        enumerator(layout.values, value, path, 8 * layout.size, layout.signed),
      );
      return;
    case 'bits': {
      const { base, bitSize, signed } = layout;
      if (base === 'enum') writeBits(view, offset, layout, enumerator(layout.values, value, path, bitSize, signed));
      else
        writeBits(
          view,
          offset,
          layout,
          base === 'bool' ? boolean(value, path, bitSize) : integer(value, path, bitSize, signed),
        );
      return;
    }
    case 'float': {
      const number = typeof value === 'string' && /^(NaN|-?Infinity)$/.test(value) ? Number(value) : value;
      if (typeof number !== 'number') throw expected(path, 'a number', value);
      if (layout.size === 4) view.setFloat32(offset, number, !layout.bigEndian);
      else view.setFloat64(offset, number, !layout.bigEndian);
      return;
    }
    case 'pointer':
      writeInt(view, offset, 8, layout.bigEndian, integer(value, path, 64, false));
      return;
    case 'text':
      encodeText(context, place, layout.flexible ? place.end - offset : layout.size, value);
      return;
    case 'bytes':
      bytes.set(hexBytes(value, layout.size) ?? fail(path, `${2 * layout.size} hex digits`, value), offset);
      return;
    case 'ipv4': {
      const address = typeof value === 'string' ? parseIpv4(value) : undefined;
      if (address !== undefined) bytes.set(address, offset);
      else if (typeof value === 'number') writeInt(view, offset, 4, layout.bigEndian, integer(value, path, 32, false));
      else throw expected(path, 'an IPv4 address such as "10.0.0.1"', value);
      return;
    }
    case 'ipv6':
      bytes.set(
        (typeof value === 'string' ? parseIpv6(value) : undefined) ??
          fail(path, 'an IPv6 address such as "fd00::1"', value),
        offset,
      );
      return;
    case 'mac':
      bytes.set(
        (typeof value === 'string' ? parseMac(value) : undefined) ??
          fail(path, 'a MAC address such as "02:00:00:00:00:01"', value),
        offset,
      );
      return;
  }
}

function encodeRecord(
  layout: Extract<Layout, { kind: 'struct' | 'union' }>,
  context: EncodeContext,
  place: Place,
  value: Value,
): void {
  const { offset, end, path } = place;
  const names = layout.fields.map((field) => field.name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw expected(path, `an object with the fields ${names.join(', ')}`, value);
  }
  const unknown = Object.keys(value).find((key) => !names.includes(key));
  if (unknown !== undefined)
    throw expected(join(path, unknown), `one of the fields ${names.join(', ')}`, undefined, 'is no field');
  const last = layout.fields.length - 1;
  layout.fields.forEach((field, index) => {
    const given = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (given === undefined) {
      if (context.complete && !mayBeLeftOut(layout, field))
        throw expected(join(path, field.name), 'a value', undefined, 'is missing');
      return;
    }
    const start = offset + field.offset;
    const stop = index === last && layout.kind === 'struct' ? end : start + field.layout.size;
    encodeAt(field.layout, context, { offset: start, end: stop, path: join(path, field.name) }, given);
  });
}

function mayBeLeftOut(layout: Layout, field: LayoutField): boolean {
  return layout.kind === 'union' || field.overlaps || isPaddingName(field.name) || field.layout.size === 0;
}

function encodeArray(
  layout: Extract<Layout, { kind: 'array' }>,
  context: EncodeContext,
  place: Place,
  value: Value,
): void {
  const { element } = layout;
  const count = elementCount(layout, place.end - place.offset);
  const bytes =
    element.kind === 'int' && element.size === 1 && typeof value === 'string' ? arrayText(value, count) : undefined;
  if (bytes !== undefined) {
    context.target.bytes.set(bytes, place.offset);
    return;
  }
  if (!Array.isArray(value)) throw expected(place.path, `an array of ${count}`, value);
  if (value.length !== count) {
    throw expected(place.path, `an array of ${count} elements, not ${value.length}`, undefined, 'has the wrong length');
  }
  value.forEach((item, index) => {
    const start = place.offset + index * element.size;
    encodeAt(element, context, { offset: start, end: start + element.size, path: `${place.path}[${index}]` }, item);
  });
}

/** Bytes that people rather write as an address or hex than as a list of numbers. */
function arrayText(text: string, count: number): Uint8Array | undefined {
  const parsed = parseIpv4(text) ?? parseMac(text) ?? parseIpv6(text) ?? hexBytes(text, count);
  return parsed?.length === count ? parsed : undefined;
}

function encodeText(context: EncodeContext, place: Place, room: number, value: Value): void {
  if (typeof value !== 'string') throw expected(place.path, 'text', value);
  const utf8 = encodeUtf8(value);
  // Text can never be twice as long as its array: that many hex digits are the array's raw bytes.
  const encoded = utf8.length <= room ? utf8 : hexBytes(value, room);
  if (encoded === undefined) {
    throw expected(place.path, `text of at most ${room} bytes, not ${utf8.length}`, undefined, 'is too long');
  }
  // A new text ends the old one; where all started at zero, the bytes may already hold another member of a union.
  if (context.source !== undefined) context.target.bytes.fill(0, place.offset, place.offset + room);
  context.target.bytes.set(encoded, place.offset);
}

function hexBytes(value: Value, size: number): Uint8Array | undefined {
  const bytes = typeof value === 'string' ? fromHex(value.replace(/^hex:/i, '')) : undefined;
  return bytes?.length === size ? bytes : undefined;
}

function integer(value: Value, path: string, bits: number, signed: boolean): bigint {
  const { min, max } = rangeOf(bits, signed);
  const wanted = `${signed ? 'a signed' : 'an unsigned'} ${bits}-bit integer (${min} to ${max})`;
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw expected(path, `${wanted}, written as a string when it is that large`, value);
  }
  const parsed = integerOf(value);
  if (parsed === undefined || parsed < min || parsed > max) throw expected(path, wanted, value);
  return parsed;
}

function integerOf(value: Value): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^(-?\d{1,40}|0x[0-9a-f]{1,32})$/i.test(value) ? BigInt(value) : undefined;
}

function boolean(value: Value, path: string, bits: number): bigint {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  const number = integerOf(value);
  if (number === undefined || number < 0n || number > rangeOf(bits, false).max)
    throw expected(path, 'true or false', value);
  return number;
}

function enumerator(
  values: readonly { name: string; value: bigint }[],
  value: Value,
  path: string,
  bits: number,
  signed: boolean,
): bigint {
  const named = values.find(({ name }) => name === value);
  if (named !== undefined) return named.value;
  if (integerOf(value) !== undefined) return integer(value, path, bits, signed);
  const names = values.slice(0, 12).map(({ name }) => name);
  throw expected(path, `one of ${names.join(', ')}${values.length > 12 ? ', …' : ''}, or a number`, value);
}

function join(path: string, field: string): string {
  return /^the (key|value)$/.test(path) ? field : `${path}.${field}`;
}

function fail(path: string, wanted: string, value: Value): never {
  throw expected(path, wanted, value);
}

export function expected(path: string, wanted: string, got: Value | undefined, problem = 'does not fit'): XdpError {
  const text = got === undefined ? '' : `, got ${brief(got)}`;
  return new XdpError('value-invalid', `${path} ${problem}: expected ${wanted}${text}.`, {
    details: { path, expected: wanted },
  });
}

function brief(value: Value): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
