/** Domain names and character strings of DNS messages (RFC 1035 §3.1, §3.3, §4.1.4). */
import type { FieldValue } from './model.ts';
import { utf8 } from './text.ts';
import { badField, describe, type Place } from './value.ts';

const maxLabel = 63;
/** RFC 1035 §2.3.4, the length bytes included. */
const maxName = 255;

/** Bytes of the encoded name that begins at `at`, its end or its pointer included; undefined: there is none. */
export function encodedNameLength(bytes: Uint8Array, at: number, end: number): number | undefined {
  let position = at;
  while (position < end && position - at <= maxName) {
    const length = bytes[position] ?? 0;
    if (length === 0) return position + 1 - at;
    if (length >= 0xc0) return position + 1 < end ? position + 2 - at : undefined;
    if (length > maxLabel) return undefined;
    position += 1 + length;
  }
  return undefined;
}

/** Whether these bytes are one encoded name, as Scapy takes bytes that are compressed already. */
export function isEncodedName(bytes: Uint8Array): boolean {
  return bytes.length > 0 && encodedNameLength(bytes, 0, bytes.length) === bytes.length;
}

/** The name as text, `.` for the root. Compressed ones, and labels that text cannot hold, stay bytes. */
export function nameValue(encoded: Uint8Array): string | Uint8Array {
  const labels: string[] = [];
  for (let at = 0; at < encoded.length; ) {
    const length = encoded[at] ?? 0;
    if (length === 0) break;
    if (length > maxLabel) return encoded;
    let label = '';
    for (let i = at + 1; i <= at + length; i++) {
      const code = encoded[i] ?? 0;
      if (code <= 0x20 || code >= 0x7f || code === 0x2e || code === 0x5c) return encoded;
      label += String.fromCharCode(code);
    }
    labels.push(label);
    at += 1 + length;
  }
  return labels.length === 0 ? '.' : labels.join('.');
}

/** The value as it is kept, and its encoding. A dot at the end changes nothing. */
export function encodeName(
  value: FieldValue,
  field: string,
  place: Place,
): { kept: string | Uint8Array; bytes: Uint8Array } {
  if (value instanceof Uint8Array) return { kept: value, bytes: value };
  if (typeof value !== 'string') throw badField(place, field, `${describe(value)} is not a domain name.`);
  const kept = value === '' || value === '.' ? '.' : value.endsWith('.') ? value.slice(0, -1) : value;
  if (kept === '.') return { kept, bytes: new Uint8Array(1) };
  const out: number[] = [];
  for (const label of kept.split('.')) {
    const bytes = utf8(label);
    if (bytes.length === 0) throw badField(place, field, `${describe(value)} has an empty label.`);
    if (bytes.length > maxLabel) {
      throw badField(place, field, `the label "${label.slice(0, 20)}…" has ${bytes.length} bytes; ${maxLabel} fit.`);
    }
    out.push(bytes.length, ...bytes);
  }
  out.push(0);
  if (out.length > maxName) throw badField(place, field, `the name has ${out.length} bytes; ${maxName} fit.`);
  return { kept, bytes: Uint8Array.from(out) };
}

/** Text with its length in front, in pieces of 255 bytes. */
export function encodeTexts(value: FieldValue, field: string, place: Place): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  const out: number[] = [];
  for (const text of texts) {
    if (typeof text !== 'string') throw badField(place, field, `${describe(text)} is not text.`);
    const bytes = utf8(text);
    for (let at = 0; at < bytes.length; at += 255) {
      const piece = bytes.subarray(at, at + 255);
      out.push(piece.length, ...piece);
    }
  }
  return Uint8Array.from(out);
}

/** The inverse; undefined where it would not come out again. */
export function textsValue(bytes: Uint8Array): string[] | undefined {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length === 0 || at + 1 + length > bytes.length) return undefined;
    let text = '';
    for (let i = at + 1; i <= at + length; i++) {
      const code = bytes[i] ?? 0;
      if (code >= 0x80) return undefined;
      text += String.fromCharCode(code);
    }
    // A full piece is continued by the next one.
    if (length === 255 && at + 256 < bytes.length) return undefined;
    texts.push(text);
    at += 1 + length;
  }
  return texts;
}
