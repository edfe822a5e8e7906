/** UTF-8 without TextDecoder: core runs where neither Node nor the DOM is assumed. */

const replacement = '\ufffd';

/**
 * Text of bytes [start, end), or undefined where they are not well-formed UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF), so that what decodes also encodes back to the same bytes.
 */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string | undefined {
  const units: number[] = [];
  let text = '';
  let at = start;
  while (at < end) {
    const lead = bytes[at] ?? 0;
    const length = sequenceLength(lead);
    if (length === 0 || at + length > end) return undefined;
    let point = length === 1 ? lead : lead & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) {
      const next = bytes[at + i] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < (smallest[length] ?? 0) || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
    else units.push(point);
    at += length;
    if (units.length > 4096) text += String.fromCharCode(...units.splice(0));
  }
  return text + String.fromCharCode(...units);
}

/** Never fails: bytes that are no text become U+FFFD, one each. For names, where a reader is better served than by an error. */
export function decodeUtf8Lossy(bytes: Uint8Array, start: number, end: number): string {
  const whole = decodeUtf8(bytes, start, end);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    text += byte < 0x80 ? String.fromCharCode(byte) : replacement;
  }
  return text;
}

/** Lone surrogates become U+FFFD, as TextEncoder does. */
export function encodeUtf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    let point = character.codePointAt(0) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) out.push(point);
    else if (point < 0x800) out.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) out.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else {
      out.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f));
      out.push(0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    }
  }
  return Uint8Array.from(out);
}

const smallest = [0, 0, 0x80, 0x800, 0x10000];

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}
