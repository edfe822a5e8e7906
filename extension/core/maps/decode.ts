import { decodeUtf8 } from '../elf/utf8.ts';
import { readBits, readInt, readUnsigned } from './integers.ts';
import type { BitsLayout, Layout } from './layout.ts';
import { formatIpv4, formatIpv6, formatMac, toHex } from './text.ts';
import type { Value } from './jsonValue.ts';

export interface Memory {
  bytes: Uint8Array;
  view: DataView;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Shapes: see decodeValue. `end`: where what belongs to this value ends; beyond `layout.size` only for what has a flexible end. */
export function decodeAt(layout: Layout, memory: Memory, offset: number, end: number): Value {
  const { bytes, view } = memory;
  switch (layout.kind) {
    case 'int': {
      const value = readInt(view, offset, layout);
      return typeof value === 'bigint' ? value.toString() : value;
    }
    case 'bool': {
      const value = readUnsigned(view, offset, layout.size, layout.bigEndian);
      return value <= 1n ? value === 1n : numberOrText(value);
    }
    case 'enum': {
      const raw = readUnsigned(view, offset, layout.size, layout.bigEndian);
      return enumName(layout.values, raw, 8 * layout.size) ?? plainInt(raw, 8 * layout.size, layout.signed);
    }
    case 'bits':
      return decodeBits(layout, view, offset);
    case 'float': {
      const value =
        layout.size === 4 ? view.getFloat32(offset, !layout.bigEndian) : view.getFloat64(offset, !layout.bigEndian);
      // JSON has no NaN and no infinities.
      return Number.isFinite(value) ? value : String(value);
    }
    case 'pointer':
      return `0x${readUnsigned(view, offset, 8, layout.bigEndian).toString(16)}`;
    case 'text':
      return decodeText(bytes.subarray(offset, layout.flexible ? end : offset + layout.size));
    case 'bytes':
      return toHex(bytes.subarray(offset, offset + layout.size));
    case 'ipv4':
      return formatIpv4(bytes.subarray(offset, offset + 4));
    case 'ipv6':
      return formatIpv6(bytes.subarray(offset, offset + 16));
    case 'mac':
      return formatMac(bytes.subarray(offset, offset + 6));
    case 'array': {
      const items: Value[] = [];
      const count = elementCount(layout, end - offset);
      for (let i = 0; i < count; i++) {
        const at = offset + i * layout.element.size;
        items.push(decodeAt(layout.element, memory, at, at + layout.element.size));
      }
      return items;
    }
    case 'struct':
    case 'union': {
      const object: { [field: string]: Value } = {};
      const last = layout.fields.length - 1;
      layout.fields.forEach((field, index) => {
        const start = offset + field.offset;
        const stop = index === last && layout.kind === 'struct' ? end : start + field.layout.size;
        setField(object, field.name, decodeAt(field.layout, memory, start, stop));
      });
      return object;
    }
  }
}

/** Elements of an array; a flexible one takes the room there is, which may be none. */
export function elementCount(layout: Extract<Layout, { kind: 'array' }>, room: number): number {
  return layout.flexible ? Math.max(0, Math.floor(room / layout.element.size)) : layout.count;
}

/** `__proto__` is a legal C name. */
export function setField(object: { [field: string]: Value }, name: string, value: Value): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

function decodeBits(layout: BitsLayout, view: DataView, offset: number): Value {
  const value = readBits(view, offset, layout);
  if (layout.base === 'bool' && (value === 0n || value === 1n)) return value === 1n;
  const name = layout.base === 'enum' ? enumName(layout.values, value, layout.bitSize) : undefined;
  return name ?? numberOrText(value);
}

/** Bit-fields have no 64-bit type of their own: exact numbers as far as JSON carries them. */
function numberOrText(value: bigint): Value {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function plainInt(raw: bigint, bits: number, signed: boolean): Value {
  const value = signed ? BigInt.asIntN(bits, raw) : raw;
  return bits <= 32 ? Number(value) : value.toString();
}

const namesOfEnum = new WeakMap<readonly { name: string; value: bigint }[], Map<string, string>>();

/** The first enumerator with those bits: old compilers do not say whether an enum is signed, so only the bits count. */
function enumName(values: readonly { name: string; value: bigint }[], raw: bigint, bits: number): string | undefined {
  let names = namesOfEnum.get(values);
  if (names === undefined) {
    names = new Map();
    namesOfEnum.set(values, names);
    for (const { name, value } of values.toReversed()) names.set(value.toString(), name);
  }
  const unsigned = BigInt.asUintN(bits, raw);
  return names.get(unsigned.toString()) ?? names.get(BigInt.asIntN(bits, raw).toString());
}

/** Text up to NUL. Not text (hex of everything): malformed UTF-8 or control characters before the NUL. */
function decodeText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  const text = decodeUtf8(bytes, 0, nul < 0 ? bytes.length : nul);
  return text === undefined || hasControl(text) ? toHex(bytes) : text;
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if ((unit < 0x20 && unit !== 9 && unit !== 10 && unit !== 13) || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}
