import type { Memory } from '../memory/memory.ts';
import { Fault, right } from '../memory/regions.ts';

/** MAX_TRACE_PRINTK_BUF of kernel/trace/bpf_trace.c. */
const maxText = 1024;

/** An argument of a format, as two halves. */
export interface FormatArgument {
  low: number;
  high: number;
}

/** A string, and a pointer without a kind, may not be followed by a letter or digit. */
const conversions =
  /^%([0+ -]*)(\d*)(p[iI][46]|p[ku]s(?![a-zA-Z0-9])|p[KxsSB]|p(?![a-zA-Z0-9])|s(?![a-zA-Z0-9])|c|(?:ll|l)?[diuxX])/;

/**
 * printf as the kernel's tracing helpers have it: kernel/bpf/helpers.c, bpf_bprintf_prepare(). undefined where the kernel
 * answers -EINVAL: an unknown directive, too few arguments, unprintable text. Kernel pointers (%p, %pK) are shown as
 * numbers, which the kernel hashes. A character of the format and of the answer is a byte.
 */
export function formatText(memory: Memory, format: string, values: readonly FormatArgument[]): string | undefined {
  let text = '';
  let next = 0;
  for (let at = 0; at < format.length; at++) {
    const char = format[at]!;
    if (!/[\t\n\v\f\r -~]/.test(char)) return undefined;
    if (char !== '%') {
      text += char;
      continue;
    }
    if (format[at + 1] === '%') {
      text += '%';
      at++;
      continue;
    }
    const directive = conversions.exec(format.slice(at, at + 40));
    const value = values[next++];
    if (directive === null || value === undefined) return undefined;
    const [whole, flags = '', width = '', conversion = ''] = directive;
    text += pad(convert(memory, conversion, value), flags, Number(width), conversion);
    at += whole.length - 1;
    // What could be more of a pointer's kind is passed over: lib/vsprintf.c, bstr_printf().
    if (conversion.startsWith('p')) while (/[a-zA-Z0-9]/.test(format[at + 1] ?? '')) at++;
  }
  return text.slice(0, maxText - 1);
}

function convert(memory: Memory, conversion: string, { low, high }: FormatArgument): string {
  if (conversion === 's' || conversion === 'pks') return readString(memory, high, low, maxText) ?? '';
  // Of user space's memory there is nothing here.
  if (conversion === 'pus') return '';
  if (conversion === 'c') return String.fromCharCode(low & 0xff);
  if (conversion.startsWith('pi') || conversion.startsWith('pI')) return address(memory, conversion, high, low);
  if (conversion.startsWith('p')) return unsigned(low, high).toString(16).padStart(16, '0');
  const long = conversion.startsWith('l');
  switch (conversion.at(-1)) {
    case 'd':
    case 'i':
      return long ? BigInt.asIntN(64, unsigned(low, high)).toString() : String(low | 0);
    case 'u':
      return long ? unsigned(low, high).toString() : String(low >>> 0);
    case 'X':
      return (long ? unsigned(low, high) : BigInt(low >>> 0)).toString(16).toUpperCase();
    default:
      return (long ? unsigned(low, high) : BigInt(low >>> 0)).toString(16);
  }
}

function pad(text: string, flags: string, width: number, conversion: string): string {
  // An address becomes text before the width is looked at.
  if (/^p[iI]/.test(conversion)) return text;
  const isNumber = /[diuxX]$/.test(conversion);
  const sign =
    isNumber && /[di]$/.test(conversion) && !text.startsWith('-')
      ? flags.includes('+')
        ? '+'
        : flags.includes(' ')
          ? ' '
          : ''
      : '';
  const full = sign + text;
  if (full.length >= width) return full;
  if (flags.includes('-')) return full.padEnd(width);
  if (!flags.includes('0') || !isNumber) return full.padStart(width);
  const lead = /^[-+ ]/.exec(full)?.[0] ?? '';
  return lead + full.slice(lead.length).padStart(width - lead.length, '0');
}

/** %pI4 10.0.0.1, %pi4 010.000.000.001, %pI6 with colons, %pi6 without. */
function address(memory: Memory, conversion: string, high: number, low: number): string {
  const size = conversion.endsWith('4') ? 4 : 16;
  let bytes: number[];
  try {
    const at = memory.address(high, low, 0, size, right.read);
    bytes = [...memory.bytes.subarray(at, at + size)];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    bytes = Array.from({ length: size }, () => 0);
  }
  const leading = conversion[1] === 'i';
  if (size === 4) return bytes.map((byte) => String(byte).padStart(leading ? 3 : 1, '0')).join('.');
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
  const groups = Array.from({ length: 8 }, (_, i) => `${hex[2 * i]}${hex[2 * i + 1]}`);
  return groups.join(leading ? '' : ':');
}

/** Text up to NUL, the region's end or `limit`; undefined when nothing is readable there. */
function readString(memory: Memory, high: number, low: number, limit: number): string | undefined {
  let start: number;
  try {
    start = memory.address(high, low, 0, 1, right.read);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
  const region = high === 0 ? memory.regionAt(start) : high;
  const end = Math.min(memory.ends[region]!, start + limit);
  const nul = memory.bytes.subarray(start, end).indexOf(0);
  return textOfBytes(memory.bytes.subarray(start, nul < 0 ? end : start + nul));
}

/** A character a byte: the kernel's text has no encoding. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function unsigned(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
