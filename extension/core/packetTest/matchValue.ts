import { XdpError } from '../errors.ts';
import { elementCount } from '../maps/decode.ts';
import type { Layout } from '../maps/layout.ts';
import { fromHex, toHex } from '../maps/text.ts';
import { decodeValue, encodeValue, type Value } from '../maps/value.ts';
import { suggest } from '../packet/fail.ts';
import type { Difference } from './result.ts';

/**
 * Where the bytes of a key or value are not as expected. Of structs only the fields that are given count; lists must be whole;
 * numbers, addresses and enumerators may be written in any form that encodeValue takes. Throws XdpError `value-invalid`
 * for what does not fit the type.
 */
export function valueDifferences(
  layout: Layout | undefined,
  bytes: Uint8Array,
  expected: Value,
  path = '',
): Difference[] {
  if (typeof expected === 'string' && /^hex:/i.test(expected)) return rawDifferences(bytes, expected, path);
  if (layout !== undefined && (layout.kind === 'struct' || layout.kind === 'union') && isRecord(expected)) {
    const names = layout.fields.map((field) => field.name);
    return Object.entries(expected).flatMap(([name, value]) => {
      const index = names.indexOf(name);
      const field = layout.fields[index];
      if (field === undefined) throw noField(join(path, name), name, names);
      const isLast = layout.kind === 'struct' && index === layout.fields.length - 1;
      const end = isLast ? bytes.length : field.offset + field.layout.size;
      return valueDifferences(field.layout, bytes.subarray(field.offset, end), value, join(path, name));
    });
  }
  if (layout?.kind === 'array' && Array.isArray(expected)) {
    const { element } = layout;
    const count = elementCount(layout, bytes.length);
    if (expected.length !== count) throw wrongCount(path, count, expected.length);
    return expected.flatMap((item, index) => {
      const at = index * element.size;
      return valueDifferences(element, bytes.subarray(at, at + element.size), item, `${path}[${index}]`);
    });
  }
  const wanted = decodeValue(layout, encodeValue(layout, bytes.length, expected, { name: path || 'the value' }));
  const actual = decodeValue(layout, bytes);
  return equalValues(wanted, actual) ? [] : [{ what: path, expected: wanted, actual }];
}

function rawDifferences(bytes: Uint8Array, expected: string, path: string): Difference[] {
  const raw = fromHex(expected.slice(4));
  if (raw?.length !== bytes.length) {
    throw new XdpError('value-invalid', `${path || 'the value'} does not fit: expected ${bytes.length} bytes of hex.`);
  }
  return toHex(raw) === toHex(bytes) ? [] : [{ what: path, expected: toHex(raw), actual: toHex(bytes) }];
}

/** As valueDifferences, for values that are decoded already (sums): integers count as equal however they are written. */
export function plainDifferences(actual: Value, expected: Value, path = ''): Difference[] {
  if (isRecord(actual) && isRecord(expected)) {
    return Object.entries(expected).flatMap(([name, value]) => {
      const found = Object.hasOwn(actual, name) ? actual[name] : undefined;
      if (found === undefined) throw noField(join(path, name), name, Object.keys(actual));
      return plainDifferences(found, value, join(path, name));
    });
  }
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) throw wrongCount(path, actual.length, expected.length);
    return expected.flatMap((item, index) => plainDifferences(actual[index] ?? null, item, `${path}[${index}]`));
  }
  const wanted = integerOf(expected);
  if (isRecord(actual) || Array.isArray(actual) || wanted === undefined) {
    const shape = isRecord(actual)
      ? `an object with ${Object.keys(actual).join(', ')}`
      : Array.isArray(actual)
        ? 'a list'
        : 'an integer';
    throw new XdpError(
      'value-invalid',
      `${path || 'the sum'} does not fit: expected ${shape}, got ${JSON.stringify(expected)}.`,
    );
  }
  return wanted === integerOf(actual) ? [] : [{ what: path, expected, actual }];
}

function integerOf(value: Value): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^(-?\d{1,60}|0x[0-9a-f]{1,40})$/i.test(value) ? BigInt(value) : undefined;
}

export function isRecord(value: Value): value is { [field: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function equalValues(a: Value, b: Value): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => equalValues(item, b[i] ?? null));
  if (!isRecord(a)) return a === b;
  if (!isRecord(b)) return false;
  return Object.keys(a).every((name) => Object.hasOwn(b, name) && equalValues(a[name] ?? null, b[name] ?? null));
}

function noField(path: string, name: string, names: readonly string[]): XdpError {
  return new XdpError('value-invalid', `${path} is no field of this value.`, { fix: suggest(name, names) });
}

function wrongCount(path: string, count: number, got: number): XdpError {
  return new XdpError('value-invalid', `${path || 'the value'} does not fit: it has ${count} elements, not ${got}.`);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
