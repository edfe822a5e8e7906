/** Bytes as hexadecimal text, in the forms that tools print them. */
import { hexPair } from './address.ts';
import { packetInvalid } from './fail.ts';

/** Bytes that one text may hold. */
const maxBytes = 0x40000;

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexPair(byte);
  return text;
}

/** `0000  45 00 …  E.` as Wireshark and hexdump print it, 16 bytes a line. */
export function toHexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.subarray(at, at + 16);
    const text = Array.from(part, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    const digits = Array.from(part, hexPair).join(' ');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(47)}   ${text}`);
  }
  return lines.join('\n');
}

/** As C source, 8 bytes a line. */
export function toCArray(bytes: Uint8Array, name = 'packet'): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    lines.push(`  ${Array.from(bytes.subarray(at, at + 8), (byte) => `0x${hexPair(byte)},`).join(' ')}`);
  }
  return `static const unsigned char ${name}[${bytes.length}] = {\n${lines.join('\n')}\n};`;
}

/** The bytes of one packet, and where they begin in the text (0-based). */
export interface HexPacket {
  bytes: Uint8Array;
  position: number;
}

/**
 * Plain digits with any spaces, line breaks, colons, dashes, commas, `0x`, `\x` or braces, C arrays, or a dump with
 * offsets and a text column: xxd, hexdump -C, tcpdump -xx, Wireshark. Errors have `details.position`, 0-based.
 */
export function parseHex(text: string): Uint8Array {
  const packets = parseHexPackets(text);
  const second = packets[1];
  if (second !== undefined)
    throw hexError(`There are ${packets.length} packets here; one is expected.`, second.position);
  return packets[0]?.bytes ?? new Uint8Array(0);
}

/** The same for several: dumps whose offsets begin again, with or without a line of text between them, and C arrays. */
export function parseHexPackets(text: string): HexPacket[] {
  const arrays = cArrays(text);
  if (arrays.length > 0) {
    return arrays.map(({ content, position }) => ({ bytes: parsePlain(content, position), position }));
  }
  const lines = splitLines(text);
  const dump = lines.map(({ line }) => dumpLine(line));
  const isDump =
    dump.some((found) => found !== undefined && found.rest !== '') &&
    lines.every(({ line }, i) => line.trim() === '' || dump[i] !== undefined || /[^\s0-9a-f]/i.test(line));
  const packets = isDump ? parseDump(lines, dump) : undefined;
  return packets ?? [{ bytes: parsePlain(text, 0), position: 0 }];
}

/** What stands between the braces of each initialiser, its comments blanked out. */
function cArrays(text: string): { content: string; position: number }[] {
  const blank = (comment: string): string => ' '.repeat(comment.length);
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, blank);
  const found: { content: string; position: number }[] = [];
  for (const match of code.matchAll(/\[[^\][]*\]\s*=\s*\{([^{}]*)\}/g)) {
    const content = match[1] ?? '';
    found.push({ content, position: match.index + match[0].length - content.length - 1 });
  }
  return found;
}

/** Whether the text is nothing but hexadecimal in one of these forms (and no Scapy expression). */
export function looksLikeHex(text: string): boolean {
  if (cArrays(text).length > 0) return true;
  return (
    /^[\s{[]*(?:0x|"?\\x)?[0-9a-f]/i.test(text) &&
    !/^\s*[A-Za-z_]\w*\s*\(/.test(text) &&
    !/^\s*[bBrR]{1,2}["']/.test(text)
  );
}

interface Line {
  line: string;
  start: number;
}

function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    lines.push({ line: line.endsWith('\r') ? line.slice(0, -1) : line, start });
    start += line.length + 1;
  }
  return lines;
}

interface DumpLine {
  offset: number;
  /** Where the digits begin in the line. */
  at: number;
  /** The rest: digits, then perhaps a text column. */
  rest: string;
}

/**
 * `0010  45 00 …`, `0x0010:  4500 …`, `00000010: 4500 …`, `00000010  45 00 …  |E…|`, and the bare offset that ends a
 * hexdump. One space alone does not make an offset: `0000 0000 0001` is data.
 */
function dumpLine(line: string): DumpLine | undefined {
  const match = /^(\s*(?:0x)?([0-9a-f]{3,8})(?::[ \t]+|[ \t]{2,}|\s*$))(?=[0-9a-f]{2}|$)/i.exec(line);
  const prefix = match?.[1];
  const digits = match?.[2];
  if (prefix === undefined || digits === undefined) return undefined;
  return { offset: Number.parseInt(digits, 16), at: prefix.length, rest: line.slice(prefix.length) };
}

/** Undefined where the offsets do not count up from zero: then it was plain hexadecimal with long first groups. */
function parseDump(lines: readonly Line[], dump: readonly (DumpLine | undefined)[]): HexPacket[] | undefined {
  const offsets = dump.flatMap((found) => (found === undefined ? [] : [found.offset]));
  if (offsets[0] !== 0 || offsets.some((offset, i) => i > 0 && offset !== 0 && offset <= (offsets[i - 1] ?? 0))) {
    return undefined;
  }
  const packets: { out: number[]; position: number }[] = [];
  for (const [index, found] of dump.entries()) {
    const { line, start } = lines[index] ?? { line: '', start: 0 };
    const next = dump.slice(index + 1).find((other) => other !== undefined);
    if (found === undefined) {
      // A line of text may announce the next packet (tcpdump), but nothing may get lost within one.
      if (line.trim() !== '' && next?.offset !== 0) throw hexError('This line is not part of a hex dump.', start);
      continue;
    }
    if (found.offset === 0) packets.push({ out: [], position: start });
    const out = packets.at(-1)?.out ?? [];
    if (found.offset !== out.length) {
      throw hexError(`This line begins at offset ${found.offset}, but ${out.length} bytes came before it.`, start);
    }
    const wanted = next === undefined || next.offset === 0 ? undefined : next.offset - found.offset;
    for (const byte of lineBytes(found.rest, start + found.at, wanted)) out.push(byte);
    if (out.length > maxBytes) throw hexError(`There are more than ${maxBytes} bytes.`, start);
  }
  return packets.map(({ out, position }) => ({ bytes: Uint8Array.from(out), position }));
}

/**
 * The bytes of a line up to its text column, which stands behind a bar, three spaces, or two after a full line.
 * `wanted`: how many there are, where the next line's offset tells.
 */
function lineBytes(rest: string, start: number, wanted: number | undefined): number[] {
  const bytes: number[] = [];
  let at = 0;
  while (at < rest.length && bytes.length !== wanted) {
    const pair = /^[0-9a-f]{2}/i.exec(rest.slice(at, at + 2))?.[0];
    if (pair !== undefined) {
      bytes.push(Number.parseInt(pair, 16));
      at += 2;
      continue;
    }
    const gap = /^[ \t]*/.exec(rest.slice(at))?.[0].length ?? 0;
    const next = rest[at + gap];
    if (next === undefined || next === '|' || gap > 2 || (gap === 2 && bytes.length >= 16)) break;
    if (gap === 0 || !/^[0-9a-f]{2}/i.test(rest.slice(at + gap, at + gap + 2))) {
      throw hexError(`"${next}" is not a hexadecimal digit.`, start + at + gap);
    }
    at += gap;
  }
  if (wanted !== undefined && bytes.length < wanted) {
    throw hexError(`${wanted} bytes are expected on this line; ${bytes.length} are there.`, start + at);
  }
  return bytes;
}

function parsePlain(text: string, from: number): Uint8Array {
  const out: number[] = [];
  let high = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if ((char === '0' || char === '\\') && /[xX]/.test(text[at + 1] ?? '') && high < 0) {
      at++;
      continue;
    }
    const digit = Number.parseInt(char, 16);
    if (!Number.isNaN(digit)) {
      if (high < 0) high = digit;
      else {
        out.push(high * 16 + digit);
        high = -1;
        if (out.length > maxBytes) throw hexError(`There are more than ${maxBytes} bytes.`, from + at);
      }
      continue;
    }
    if (!/[\s:;,.{}[\]_"'-]/.test(char)) throw hexError(`"${char}" is not a hexadecimal digit.`, from + at);
    if (high >= 0) {
      // `0x5, 0x6`: one digit alone is a byte where something separates it.
      if (!/[\s,;}\]]/.test(char) || !/x$/i.test(text.slice(0, at - 1)))
        throw hexError('A digit is missing: two make a byte.', from + at);
      out.push(high);
      high = -1;
    }
  }
  if (high >= 0) {
    if (!/x$/i.test(text.trimEnd().slice(0, -1)))
      throw hexError('The last digit is alone: two make a byte.', from + text.length - 1);
    out.push(high);
  }
  return Uint8Array.from(out);
}

function hexError(problem: string, position: number): Error {
  return packetInvalid(
    `${problem} (at character ${position + 1})`,
    { position },
    'Hexadecimal bytes look like this: 45 00 00 54',
  );
}
