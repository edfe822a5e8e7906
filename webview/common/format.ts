/** Numbers and bytes as text. Grouping follows the page's language, which the host sets to VS Code's display language. */

const language = typeof document === 'undefined' ? 'en' : document.documentElement.lang || 'en';
const integers = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** What stands between groups of three digits; undefined where the language groups in another way, or has digits of its own. */
const separator = separatorOf(integers);

/** 64-bit counters stay exact. */
export function formatInteger(value: bigint | number): string {
  const digits = String(value);
  return /^-?\d+$/.test(digits) ? groupDigits(digits) : integers.format(value);
}

/** `digits`: of a whole number. Grouped by hand where that is simple: a table of hundreds of them changes ten times a second. */
export function groupDigits(digits: string): string {
  if (separator === undefined) return integers.format(BigInt(digits));
  if (digits.length <= 3) return digits;
  const start = digits.startsWith('-') ? 1 : 0;
  let text = digits.slice(0, start + ((digits.length - start - 1) % 3) + 1);
  for (let at = text.length; at < digits.length; at += 3) text += separator + digits.slice(at, at + 3);
  return text;
}

function separatorOf(format: Intl.NumberFormat): string | undefined {
  const found = /^1(\D?)234\1(?:567)$/.exec(format.format(1_234_567))?.[1];
  // Spanish groups from five digits on.
  return found !== undefined && format.format(1234) === `1${found}234` ? found : undefined;
}

/** Events per second: whole numbers, with one decimal below 10 so that slow counters do not read as 0. */
export function formatRate(perSecond: number): string {
  const size = Math.abs(perSecond);
  if (size === 0) return '0';
  if (size < 0.05) return perSecond < 0 ? `>-${tenths.format(0.1)}` : `<${tenths.format(0.1)}`;
  return size < 9.95 ? tenths.format(perSecond) : integers.format(perSecond);
}

/** `500 ms`, `2.0 s`. */
export function formatPeriod(ms: number): string {
  return ms < 1000 ? `${integers.format(ms)} ms` : `${tenths.format(ms / 1000)} s`;
}

/** Nanoseconds as the kernel reports them, whole; from a microsecond on also in the larger unit. */
export function formatNanoseconds(ns: number): string {
  if (ns < 10_000) return `${integers.format(ns)} ns`;
  return ns < 10_000_000 ? `${tenths.format(ns / 1000)} µs` : `${tenths.format(ns / 1_000_000)} ms`;
}

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hexByte(byte: number): string {
  return hexDigits[byte & 0xff] ?? '';
}

/** Lower-case, bytes separated by `separator`. */
export function hexText(data: Uint8Array, separator = ''): string {
  let text = '';
  for (let index = 0; index < data.length; index++) {
    if (index > 0) text += separator;
    text += hexByte(data[index] ?? 0);
  }
  return text;
}

/** What a hex dump shows beside the bytes: printable ASCII, else a middle dot. */
export function asciiOf(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}

/** `{n}`, `{name}` in a message replaced by values; unknown names stay, so that a wrong translation is visible. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}
