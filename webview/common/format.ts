/** Numbers and bytes as text. Grouping follows the page's language, which the host sets to VS Code's display language. */

const language = typeof document === 'undefined' ? 'en' : document.documentElement.lang || 'en';

/** Write numbers as English does. A page's first number format of the browser takes longer than the rest of its start. */
const asEnglish = new Set(['en', 'zh-cn', 'zh-tw', 'ja', 'ko']);

/** How a language writes numbers. */
export interface NumberStyle {
  /** What stands between groups of three digits; undefined where the language groups in another way, or has digits of its own. */
  separator: string | undefined;
  whole: (value: bigint | number) => string;
  tenths: (value: number) => string;
}

export function numberStyleOf(name: string): NumberStyle {
  return asEnglish.has(name.toLowerCase()) ? english : styleOfBrowser(name);
}

const english: NumberStyle = {
  separator: ',',
  whole: (value) => (typeof value === 'bigint' ? grouped(String(value), ',') : fixed(value, 0)),
  tenths: (value) => fixed(value, 1),
};

function fixed(value: number, decimals: 0 | 1): string {
  // From there on `toFixed` gives an exponent.
  if (!(Math.abs(value) < 1e21)) return styleOfBrowser('en')[decimals === 0 ? 'whole' : 'tenths'](value);
  const text = value.toFixed(decimals);
  const point = decimals === 0 ? text.length : text.length - 2;
  return grouped(text.slice(0, point), ',') + text.slice(point);
}

function styleOfBrowser(name: string): NumberStyle {
  const integers = new Intl.NumberFormat(name, { maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat(name, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const found = /^1(\D?)234\1(?:567)$/.exec(integers.format(1_234_567))?.[1];
  // Spanish groups from five digits on.
  const separator = found !== undefined && integers.format(1234) === `1${found}234` ? found : undefined;
  return { separator, whole: (value) => integers.format(value), tenths: (value) => tenths.format(value) };
}

const style = numberStyleOf(language);

/** 64-bit counters stay exact. */
export function formatInteger(value: bigint | number): string {
  const digits = String(value);
  return /^-?\d+$/.test(digits) ? groupDigits(digits) : style.whole(value);
}

/** `digits`: of a whole number. Grouped by hand where that is simple: a table of hundreds of them changes ten times a second. */
export function groupDigits(digits: string): string {
  return style.separator === undefined ? style.whole(BigInt(digits)) : grouped(digits, style.separator);
}

function grouped(digits: string, separator: string): string {
  if (digits.length <= 3) return digits;
  const start = digits.startsWith('-') ? 1 : 0;
  let text = digits.slice(0, start + ((digits.length - start - 1) % 3) + 1);
  for (let at = text.length; at < digits.length; at += 3) text += separator + digits.slice(at, at + 3);
  return text;
}

/** Events per second: whole numbers, with one decimal below 10 so that slow counters do not read as 0. */
export function formatRate(perSecond: number): string {
  const size = Math.abs(perSecond);
  if (size === 0) return '0';
  if (size < 0.05) return perSecond < 0 ? `>-${style.tenths(0.1)}` : `<${style.tenths(0.1)}`;
  return size < 9.95 ? style.tenths(perSecond) : style.whole(perSecond);
}

/** `500 ms`, `2.0 s`. */
export function formatPeriod(ms: number): string {
  return ms < 1000 ? `${style.whole(ms)} ms` : `${style.tenths(ms / 1000)} s`;
}

/** Nanoseconds as the kernel reports them, whole; from a microsecond on also in the larger unit. */
export function formatNanoseconds(ns: number): string {
  if (ns < 10_000) return `${style.whole(ns)} ns`;
  return ns < 10_000_000 ? `${style.tenths(ns / 1000)} µs` : `${style.tenths(ns / 1_000_000)} ms`;
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
