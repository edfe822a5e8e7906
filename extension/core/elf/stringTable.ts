import { damaged } from './byteReader.ts';
import { decodeUtf8Lossy } from './utf8.ts';

/**
 * Names in a string table, by offset. Each is decoded once. Real tables share at most suffixes, so all names together are
 * little longer than the table; names that overlap more than `overlapAllowed` times are an attempt to exhaust memory.
 *
 * Control characters, which no compiler and no kernel allows in a name, become U+FFFD: a name begins no line of its own, wherever it
 * is shown. But for the tab: BTF keeps lines of source in its table.
 */
export function stringTable(strings: Uint8Array, what: string, base: number): (offset: number) => string {
  const known = new Map<number, string>();
  if (strings.length === 0) known.set(0, '');
  let budget = overlapAllowed * strings.length + 4096;
  return (offset) => {
    const before = known.get(offset);
    if (before !== undefined) return before;
    const end = offset < strings.length ? strings.indexOf(0, offset) : -1;
    if (end < 0) throw damaged(`a name at ${offset} does not end inside ${what}`, base);
    budget -= end - offset;
    if (budget < 0) throw damaged(`the names in ${what} overlap each other too often`, base);
    const name = decodeName(strings, offset, end);
    known.set(offset, name);
    return name;
  };
}

const overlapAllowed = 16;

function decodeName(strings: Uint8Array, start: number, end: number): string {
  // Most names are short ASCII; building them unit by unit is several times faster than the general decoder.
  if (end - start > 128) return decodeAny(strings, start, end);
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = strings[at] ?? 0;
    if (byte >= 0x7f || (byte < 0x20 && byte !== 0x09)) return decodeAny(strings, start, end);
    text += String.fromCharCode(byte);
  }
  return text;
}

function decodeAny(strings: Uint8Array, start: number, end: number): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this finds.
  return decodeUtf8Lossy(strings, start, end).replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\ufffd');
}
