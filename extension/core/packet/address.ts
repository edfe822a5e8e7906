/** Addresses as text. Parsers give undefined for what is not one; formatters expect the bytes to be there. */

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));
const decimals: readonly string[] = Array.from({ length: 256 }, (_, value) => String(value));

export function hexPair(value: number): string {
  return hexPairs[value] ?? '';
}

/** Codes of the two digits of a byte. Text is made of codes in one step: joined pieces would be slow to compare. */
const high: readonly number[] = hexPairs.map((pair) => pair.charCodeAt(0));
const low: readonly number[] = hexPairs.map((pair) => pair.charCodeAt(1));
const colon = 58;

/** Lower case with colons, as `ip link` prints it. */
export function formatMac(bytes: Uint8Array, at: number): string {
  const a = bytes[at] ?? 0;
  const b = bytes[at + 1] ?? 0;
  const c = bytes[at + 2] ?? 0;
  const d = bytes[at + 3] ?? 0;
  const e = bytes[at + 4] ?? 0;
  const f = bytes[at + 5] ?? 0;
  // biome-ignore format: one pair per line
  return String.fromCharCode(
    high[a] ?? 0, low[a] ?? 0, colon,
    high[b] ?? 0, low[b] ?? 0, colon,
    high[c] ?? 0, low[c] ?? 0, colon,
    high[d] ?? 0, low[d] ?? 0, colon,
    high[e] ?? 0, low[e] ?? 0, colon,
    high[f] ?? 0, low[f] ?? 0,
  );
}

export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

export function formatIpv4(bytes: Uint8Array, at: number): string {
  return `${decimals[bytes[at] ?? 0]}.${decimals[bytes[at + 1] ?? 0]}.${decimals[bytes[at + 2] ?? 0]}.${
    decimals[bytes[at + 3] ?? 0]
  }`;
}

export function parseIpv4(text: string): Uint8Array | undefined {
  const out = new Uint8Array(4);
  let part = 0;
  let value = -1;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 46 : text.charCodeAt(i);
    if (code === 46) {
      if (value < 0 || value > 255 || part > 3) return undefined;
      out[part++] = value;
      value = -1;
      digits = 0;
    } else if (code >= 48 && code <= 57 && digits < 3) {
      value = Math.max(value, 0) * 10 + (code - 48);
      digits++;
    } else return undefined;
  }
  return part === 4 ? out : undefined;
}

/** RFC 5952: lower case, longest run of zero groups as `::`, IPv4-mapped addresses with a dotted tail. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  let bestStart = -1;
  let bestLength = 1;
  let start = -1;
  for (let i = 0; i <= 8; i++) {
    const zero = i < 8 && bytes[at + i * 2] === 0 && bytes[at + i * 2 + 1] === 0;
    if (zero && start < 0) start = i;
    if (!zero && start >= 0) {
      if (i - start > bestLength) {
        bestStart = start;
        bestLength = i - start;
      }
      start = -1;
    }
  }
  const mapped = bestStart === 0 && bestLength === 5 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
  if (mapped) return `::ffff:${formatIpv4(bytes, at + 12)}`;
  const codes: number[] = [];
  for (let i = 0; i < 8; i++) {
    if (i === bestStart) {
      codes.push(colon, colon);
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i !== bestStart + bestLength) codes.push(colon);
    pushGroup(codes, bytes[at + i * 2] ?? 0, bytes[at + i * 2 + 1] ?? 0);
  }
  return String.fromCharCode(...codes);
}

/** 16 bits without leading zeros. */
function pushGroup(codes: number[], first: number, second: number): void {
  if (first > 15) codes.push(high[first] ?? 0);
  if (first > 0) codes.push(low[first] ?? 0);
  if (first > 0 || second > 15) codes.push(high[second] ?? 0);
  codes.push(low[second] ?? 0);
}

export function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length < 2 || text.length > 45 || !/^[0-9a-f:.]+$/i.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const length = head.length + tail.length;
  if (halves.length === 1 ? length !== 16 : length > 14) return undefined;
  const out = new Uint8Array(16);
  out.set(head, 0);
  out.set(tail, 16 - tail.length);
  return out;
}

/** The bytes of `a:b:c`; a dotted IPv4 address may stand last (RFC 4291 §2.2). */
function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const out: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const value = Number.parseInt(part, 16);
      out.push(value >>> 8, value & 0xff);
      continue;
    }
    const ipv4 = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    out.push(...ipv4);
  }
  return out;
}
