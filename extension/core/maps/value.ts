import { XdpError } from '../errors.ts';
import { decodeAt, viewOf } from './decode.ts';
import { encodeAt, expected } from './encode.ts';
import type { Value } from './jsonValue.ts';
import type { Layout } from './layout.ts';
import { fromHex, toHex } from './text.ts';

export type { Value } from './jsonValue.ts';

/**
 * Shapes: integers of 64 and 128 bits are decimal strings, smaller ones numbers (`__be…` in host order); bool true or false
 * (its number when it is neither 1 nor 0); enums by name, number if unknown; `char[]` text up to NUL, hex if it is not text;
 * addresses and MACs text; pointers `0x…`; arrays; structs and unions objects by field name. Without a layout, or when there
 * are fewer bytes than it needs: lower-case hex.
 */
export function decodeValue(layout: Layout | undefined, bytes: Uint8Array): Value {
  if (layout === undefined || bytes.length < layout.size) return toHex(bytes);
  return decodeAt(layout, { bytes, view: viewOf(bytes) }, 0, bytes.length);
}

export interface EncodeOptions {
  /**
   * Bytes to start from. Fields that are left out keep theirs, and so do padding and whatever decodes to the value that is
   * given: only what differs is written. Without it everything left out is zero.
   */
  previous?: Uint8Array | undefined;
  /** Fields that are left out are an error, except padding and members that share their bytes. For keys. */
  complete?: boolean;
  /** How the whole is called in errors. */
  name?: string;
}

/**
 * The opposite of decodeValue, into `size` bytes. Takes what decodeValue gives and more: decimal or `0x` strings for every
 * integer, dotted text for any unsigned 32-bit integer, `hex:…` for arrays of bytes.
 * Throws XdpError `value-invalid` that names the field and what was expected.
 */
export function encodeValue(
  layout: Layout | undefined,
  size: number,
  value: Value,
  options: EncodeOptions = {},
): Uint8Array {
  const { previous, complete = false, name = 'the value' } = options;
  if (layout === undefined || layout.size > size) return encodeHex(size, value, name);
  const original = previous?.length === size ? previous : undefined;
  const bytes = new Uint8Array(size);
  if (original !== undefined) bytes.set(original);
  const target = { bytes, view: viewOf(bytes) };
  const source = original === undefined ? undefined : { bytes: original, view: viewOf(original) };
  encodeAt(layout, { target, source, complete }, { offset: 0, end: size, path: name }, value);
  return bytes;
}

function encodeHex(size: number, value: Value, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value.replace(/^hex:/i, '')) : undefined;
  if (bytes === undefined) throw expected(name, `${size} bytes as hex (its type is not known)`, value);
  if (bytes.length !== size) throw expected(name, `${size} bytes, ${2 * size} hex digits`, value);
  return bytes;
}

/**
 * A key or value from the command line: `hex:0a000001`, JSON, or a bare word for a JSON string (`10.0.0.1`, `XDP_DROP`).
 * Integers that JSON numbers cannot carry exactly become decimal strings.
 */
export function parseValueText(text: string): Value | Uint8Array {
  const trimmed = text.trim();
  if (/^hex:/i.test(trimmed)) {
    const bytes = fromHex(trimmed.slice(4));
    if (bytes === undefined) throw badText(text, 'after "hex:" there must be pairs of hex digits');
    return bytes;
  }
  if (trimmed === '') throw badText(text, 'it is empty');
  try {
    return JSON.parse(quoteLargeIntegers(trimmed)) as Value;
  } catch (cause) {
    if (!/^[[{"]/.test(trimmed)) return trimmed;
    throw badText(text, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function quoteLargeIntegers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
  );
}

function badText(text: string, why: string, cause?: unknown): XdpError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new XdpError('value-invalid', `"${shown}" is neither JSON nor hex: ${why}.`, {
    fix: 'Write JSON as the map is shown, e.g. 7, "10.0.0.1" or {"field": 1}, or the raw bytes as hex:0a000001.',
    cause,
  });
}
