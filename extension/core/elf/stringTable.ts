import { damaged } from './byteReader.ts';
import { decodeUtf8Lossy } from './utf8.ts';

/**
 * Names in a string table, by offset. Each is decoded once. Real tables share at most suffixes, so all names together are
 * little longer than the table; names that overlap more than `overlapAllowed` times are an attempt to exhaust memory.
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
  if (end - start > 128) return decodeUtf8Lossy(strings, start, end);
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = strings[at] ?? 0;
    if (byte >= 0x80) return decodeUtf8Lossy(strings, start, end);
    text += String.fromCharCode(byte);
  }
  return text;
}
