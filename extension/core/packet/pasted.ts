/** Packets as people paste them: Scapy expressions, hex dumps of any tool, C arrays, base64. */
import { XdpError } from '../errors.ts';
import { exactLayers } from './exact.ts';
import { packetInvalid } from './fail.ts';
import { looksLikeHex, parseHexPackets } from './hex.ts';
import type { Layer } from './model.ts';
import { parseScapy } from './scapy.ts';

export type PasteForm = 'scapy' | 'hex' | 'base64';

export interface Pasted {
  form: PasteForm;
  /** One at least. */
  packets: (readonly Layer[])[];
}

/** Throws XdpError('packet-invalid') with `details.position`, 0-based. */
export function readPasted(text: string): Pasted {
  if (text.trim() === '') throw packetInvalid('There is nothing to read.', { position: 0 });
  const base64 = decodeBase64(text);
  if (base64 !== undefined) return { form: 'base64', packets: [exactLayers(base64)] };
  if (looksLikeHex(text) || isDumpWithText(text)) {
    return { form: 'hex', packets: parseHexPackets(text).map(({ bytes }) => exactLayers(bytes)) };
  }
  const starts = expressionStarts(text);
  if (starts.length > 1) {
    const ends = [...starts.slice(1), text.length];
    return { form: 'scapy', packets: starts.map((start, i) => parseFrom(text.slice(start, ends[i]).trimEnd(), start)) };
  }
  return { form: 'scapy', packets: [parseScapy(text)] };
}

/** The positions of errors are those in the whole text. */
function parseFrom(text: string, start: number): readonly Layer[] {
  try {
    return parseScapy(text);
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    const position = start + Number(error.details['position'] ?? 0);
    throw packetInvalid(error.message, { ...error.details, position }, error.fix);
  }
}

/** Lines of text among dump lines: what tcpdump prints. */
function isDumpWithText(text: string): boolean {
  return /^[ \t]*0x0{3,8}:[ \t]+[0-9a-f]{2}/im.test(text) || /^0{4,8}[: ][ \t]+[0-9a-f]{2}/im.test(text);
}

/** Where a line begins with a layer, outside all parentheses: one expression a line, or one over several lines. */
function expressionStarts(text: string): number[] {
  const starts: number[] = [];
  let depth = 0;
  let quote = '';
  let continued = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
      continue;
    }
    if (char === '"' || char === "'") quote = char;
    else if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth--;
    const lineStart = at === 0 || text[at - 1] === '\n';
    if (lineStart && depth === 0 && !continued && /^[ \t]*[A-Za-z_]\w*\s*\(/.test(text.slice(at, at + 80))) {
      starts.push(at);
    }
    if (!/\s/.test(char)) continued = char === '/';
  }
  return starts;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Undefined for what is no base64, or could be hexadecimal as well. */
function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (digits.length < 16 || digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) return undefined;
  // Spaces within a line are those of a dump.
  if (/\S[ \t]+\S/.test(text) || /^[0-9a-fA-F]+$/.test(digits) || /^0x/i.test(digits)) return undefined;
  const out: number[] = [];
  for (let at = 0; at < digits.length; at += 4) {
    const group = [0, 1, 2, 3].map((i) => alphabet.indexOf(digits[at + i] ?? 'A'));
    const [a = 0, b = 0, c = 0, d = 0] = group;
    out.push((a << 2) | (b >> 4));
    if (c >= 0) out.push(((b & 15) << 4) | (c >> 2));
    if (d >= 0) out.push(((c & 3) << 6) | d);
  }
  return Uint8Array.from(out, (byte) => byte & 0xff);
}
