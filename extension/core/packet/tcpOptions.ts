/** TCP options as Scapy writes them. Kinds: RFC 9293 §3.1, RFC 7323, RFC 2018, RFC 2385, RFC 5482, RFC 7413. */
import { readBits } from './bits.ts';
import type { FieldValue, NamedOption, OptionValue } from './model.ts';
import { append, encodeOptionList, type OptionField } from './optionList.ts';
import { utf8 } from './text.ts';
import { badField, type Place } from './value.ts';

/** `sizes`: bytes of each integer of the value; `list`: any number of integers of that size; neither: bytes. */
interface OptionKind {
  readonly kind: number;
  /** Sum of `sizes`. */
  readonly length?: number;
  readonly name: string;
  readonly sizes?: readonly number[];
  readonly list?: number;
  readonly help: string;
}

export const tcpOptionKinds: readonly OptionKind[] = [
  { kind: 0, name: 'EOL', help: 'End of the options.' },
  { kind: 1, name: 'NOP', help: 'Fills up to an alignment.' },
  { kind: 2, name: 'MSS', sizes: [2], help: 'Maximum segment size, in a SYN.' },
  { kind: 3, name: 'WScale', sizes: [1], help: 'Window scale, a power of two, in a SYN (RFC 7323).' },
  { kind: 4, name: 'SAckOK', help: 'Selective acknowledgments are welcome, in a SYN (RFC 2018).' },
  { kind: 5, name: 'SAck', list: 4, help: 'Blocks that were received: left and right edges (RFC 2018).' },
  { kind: 8, name: 'Timestamp', sizes: [4, 4], help: 'Own clock and the echo of the other (RFC 7323).' },
  { kind: 14, name: 'AltChkSum', sizes: [1, 2], help: 'Historic (RFC 1146).' },
  { kind: 15, name: 'AltChkSumOpt', help: 'Historic (RFC 1146).' },
  { kind: 19, name: 'MD5', help: 'MD5 signature, 16 bytes (RFC 2385).' },
  { kind: 25, name: 'Mood', help: 'RFC 5841, of the first of April.' },
  { kind: 28, name: 'UTO', sizes: [2], help: 'User timeout (RFC 5482).' },
  { kind: 29, name: 'AO', help: 'Authentication (RFC 5925).' },
  { kind: 34, name: 'TFO', sizes: [4, 4], help: 'Fast open cookie of 8 bytes (RFC 7413).' },
];

const byKind: ReadonlyMap<number, OptionKind> = new Map(
  tcpOptionKinds.map((option) => [
    option.kind,
    { ...option, length: option.sizes?.reduce((sum, size) => sum + size, 0) ?? 0 },
  ]),
);
const byName: ReadonlyMap<string, OptionKind> = new Map(tcpOptionKinds.map((option) => [option.name, option]));

export function encodeTcpOptions(value: FieldValue, field: string, place: Place): Uint8Array {
  const example = 'a pair: ("MSS", 1460), ("NOP", None)';
  return encodeOptionList(value, { name: field, place }, example, encodeOption);
}

function encodeOption([name, value]: NamedOption, out: number[], { name: field, place }: OptionField): void {
  const known = typeof name === 'number' ? byKind.get(name) : byName.get(name);
  const kind = typeof name === 'number' ? name : known?.kind;
  if (kind === undefined) {
    throw badField(
      place,
      field,
      `there is no option "${name}".`,
      `Known: ${[...byName.keys()].join(', ')}, or a number.`,
    );
  }
  if (!Number.isInteger(kind) || kind < 0 || kind > 255)
    throw badField(place, field, `option ${kind} is not between 0 and 255.`);
  out.push(kind);
  if (kind < 2) return;
  const start = out.length;
  out.push(0);
  if (value instanceof Uint8Array) append(out, value);
  else if (typeof value === 'string') append(out, utf8(value));
  else if (value !== null)
    encodeIntegers(known, String(name), typeof value === 'number' ? [value] : value, out, field, place);
  const length = out.length - start + 1;
  if (length > 255) throw badField(place, field, `option ${name} has ${length - 2} bytes of value; 253 fit.`);
  out[start] = length;
}

function encodeIntegers(
  known: OptionKind | undefined,
  name: string,
  values: readonly (number | string)[],
  out: number[],
  field: string,
  place: Place,
): void {
  const list = known?.list;
  const count = list === undefined ? (known?.sizes?.length ?? 0) : values.length;
  if (count !== values.length || count === 0) {
    const wanted = count === 0 ? 'bytes' : count === 1 ? 'one integer' : `${count} integers`;
    throw badField(place, field, `option ${name} takes ${wanted}.`);
  }
  for (let i = 0; i < count; i++) {
    const size = list ?? known?.sizes?.[i] ?? 1;
    const number = values[i];
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > (integerLimits[size] ?? 0)) {
      throw badField(place, field, `option ${name}: ${String(number)} does not fit into ${size * 8} bits.`);
    }
    for (let shift = size * 8 - 8; shift >= 0; shift -= 8) out.push((number >>> shift) & 0xff);
  }
}

/** By size in bytes. */
const integerLimits: readonly number[] = [0, 0xff, 0xffff, 0xffffff, 0xffffffff];

/**
 * The options of `bytes`, which includes the padding. What does not parse is kept as `["raw", bytes]`; undefined when
 * even so the bytes would not come out again (a length that is no multiple of four).
 */
export function decodeTcpOptions(bytes: Uint8Array): { options: NamedOption[]; damaged: boolean } | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  const options: NamedOption[] = [];
  let at = 0;
  let damaged = false;
  while (at < bytes.length) {
    const kind = bytes[at] ?? 0;
    if (kind === 0) break;
    if (kind === 1) {
      options.push(['NOP', null]);
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) {
      damaged = true;
      break;
    }
    const known = byKind.get(kind);
    options.push([known?.name ?? kind, decodeValue(known, bytes, at + 2, at + length)]);
    at += length;
  }
  if (at < bytes.length) {
    const rest = bytes.slice(at);
    // Up to three zeros come by themselves. What stands after the end of the list is nothing to a receiver.
    if (damaged || rest.some((byte) => byte !== 0)) options.push(['raw', rest]);
    else for (let i = 3; i < rest.length; i++) options.push(['EOL', null]);
  }
  return { options, damaged };
}

/** The integers of an option whose length is right, else its bytes. */
function decodeValue(known: OptionKind | undefined, bytes: Uint8Array, start: number, end: number): OptionValue {
  const length = end - start;
  if (length === 0) return null;
  const list = known?.list;
  if (list !== undefined) {
    if (length % list !== 0) return bytes.slice(start, end);
    const values: number[] = [];
    for (let at = start; at < end; at += list) values.push(readBits(bytes, at * 8, list * 8));
    return values;
  }
  const sizes = known?.sizes;
  if (sizes === undefined || known?.length !== length) return bytes.slice(start, end);
  if (sizes.length === 1) return readBits(bytes, start * 8, length * 8);
  let at = start;
  return sizes.map((size) => {
    at += size;
    return readBits(bytes, (at - size) * 8, size * 8);
  });
}
