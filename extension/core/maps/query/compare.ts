import { formatIpv4, fromHex, parseMac } from '../text.ts';
import { parsePrefix, samePrefix } from '../prefix.ts';
import {
  baseOf,
  type BytesOperand,
  memoryOf,
  type NumberOperand,
  type Operand,
  type Row,
  type TextOperand,
} from './operands.ts';
import type { Comparison, Span, Term } from './parse.ts';
import { filterError } from './tokens.ts';

/** Does the entry fit? */
export type Test = (row: Row) => boolean;

type Literal = Exclude<Term, { kind: 'call' | 'mask' }>;

export function compareToLiteral(op: Comparison, operand: Operand, term: Term): Test {
  if (term.kind === 'call' || term.kind === 'mask') throw filterError('A value is expected here.', term);
  switch (operand.kind) {
    case 'number': {
      if (operand.address !== undefined && parsePrefix('ipv4', term.text) !== undefined) {
        return bytesToLiteral(op, operand.address, term);
      }
      if (op === '~') throw filterError('~ looks for text in a text field.', term);
      const wanted = numberLiteral(operand, term);
      return numberTest(op, operand, wanted);
    }
    case 'bytes':
      return bytesToLiteral(op, operand, term);
    case 'text':
      return textTest(op, operand, term);
  }
}

export function compareOperands(op: Comparison, left: Operand, right: Operand, at: Span): Test {
  if (left.kind === 'number' && right.kind === 'number' && op !== '~') {
    return (row) => {
      const one = left.read(row);
      const other = right.read(row);
      return one !== undefined && other !== undefined && holds(op, one < other ? -1 : one > other ? 1 : 0);
    };
  }
  if (left.kind === 'bytes' && right.kind === 'bytes' && left.size === right.size && op !== '~') {
    const { places } = right;
    return (row) => {
      const other = memoryOf(row, places).bytes;
      const at = baseOf(row, places) + (places.offsets[0] ?? 0);
      return anyPlace(left, row, (bytes, place) => holds(op, compareBytes(bytes, place, other, at, left.size)));
    };
  }
  throw filterError('These two cannot be compared with each other.', at);
}

export function isTrue(operand: Operand, term: Term): Test {
  if (operand.kind !== 'number')
    throw filterError('A comparison is missing.', term, 'Write for example == and a value after it.');
  return (row) => {
    const value = operand.read(row);
    return value !== undefined && Number(value) !== 0;
  };
}

function holds(op: Exclude<Comparison, '~'>, order: number): boolean {
  switch (op) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function numberTest(op: Exclude<Comparison, '~'>, { read, each }: NumberOperand, wanted: number | bigint): Test {
  const fits = valueTest(op, wanted);
  if (each !== undefined) return (row) => each(row).some(fits);
  return (row) => {
    const value = read(row);
    return value !== undefined && fits(value);
  };
}

/** A closure for each comparison: the test of a million entries has no switch in it. Numbers and bigints compare exactly. */
function valueTest(op: Exclude<Comparison, '~'>, wanted: number | bigint): (value: number | bigint) => boolean {
  switch (op) {
    case '==':
      // oxlint-disable-next-line eqeqeq -- 5 == 5n, and no other two types come here.
      return (value) => value == wanted;
    case '!=':
      // oxlint-disable-next-line eqeqeq -- as above.
      return (value) => value != wanted;
    case '<':
      return (value) => value < wanted;
    case '<=':
      return (value) => value <= wanted;
    case '>':
      return (value) => value > wanted;
    case '>=':
      return (value) => value >= wanted;
  }
}

const units: Readonly<Record<string, bigint>> = { k: 1_000n, K: 1_000n, M: 1_000_000n, G: 1_000_000_000n };

function numberLiteral(operand: NumberOperand, term: Literal): number | bigint {
  const { text } = term;
  const named = operand.names.find(({ name }) => name === text);
  if (named !== undefined) return smallest(named.value);
  const whole = /^(-?)(?:(0[xX][0-9a-fA-F]+)|(\d[\d_]*)([kKMG])?)$/.exec(text);
  if (whole !== null && term.kind === 'word') {
    const size = whole[2] === undefined ? BigInt((whole[3] ?? '').replaceAll('_', '')) : BigInt(whole[2]);
    const value = size * (units[whole[4] ?? ''] ?? 1n);
    return smallest(whole[1] === '-' ? -value : value);
  }
  if (/^-?\d+\.\d+$/.test(text) && term.kind === 'word') return Number(text);
  const names = operand.names.map(({ name }) => name);
  const fix =
    names.length > 0
      ? `Write a number or one of ${names.slice(0, 12).join(', ')}.`
      : 'Write a number such as 100, 0x1f or 10k.';
  throw filterError(`${text} is no number.`, term, fix);
}

function smallest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function textTest(op: Comparison, operand: TextOperand, { text }: Literal): Test {
  const test = (value: string): boolean => {
    if (op === '~') return value.toLowerCase().includes(text.toLowerCase());
    return holds(op, value < text ? -1 : value > text ? 1 : 0);
  };
  return (row) => operand.read(row).some(test);
}

function bytesToLiteral(op: Comparison, operand: BytesOperand, term: Literal): Test {
  if (op === '~') throw filterError('~ looks for text in a text field.', term);
  const { size, prefix } = operand;
  const { bytes: wanted, length } = bytesLiteral(operand, term);
  if (length < 8 * size || prefix !== undefined) {
    if (op !== '==' && op !== '!=') throw filterError('A prefix can only be compared with == and !=.', term);
    const inside: Test = (row) =>
      anyPlace(operand, row, (bytes, at) => {
        // A key that is a prefix itself lies in another one when it is as long at least.
        const own = prefix === undefined ? 8 * size : row.key.view.getUint32(row.keyAt, true);
        return own >= length && samePrefix(bytes, at, wanted, length);
      });
    return op === '==' ? inside : (row) => !inside(row);
  }
  return (row) => anyPlace(operand, row, (bytes, at) => holds(op, compareBytes(bytes, at, wanted, 0, size)));
}

/** `length`: how many bits count. */
function bytesLiteral({ form, size }: BytesOperand, term: Literal): { bytes: Uint8Array; length: number } {
  const { text } = term;
  switch (form) {
    case 'ipv4':
    case 'ipv6': {
      const parsed = parsePrefix(form, text);
      if (parsed !== undefined) return { bytes: parsed.address, length: parsed.length };
      const number = form === 'ipv4' && /^\d+$/.test(text) && Number(text) <= 0xffffffff ? Number(text) : undefined;
      const hint = number === undefined ? '' : ` Did you mean ${formatIpv4(bigEndian(number))}?`;
      throw filterError(
        `${text} is no ${form === 'ipv4' ? 'IPv4' : 'IPv6'} address.${hint}`,
        term,
        form === 'ipv4'
          ? 'Write an address such as 10.0.0.1, or a prefix such as 10.0.0.0/8.'
          : 'Write an address such as fd00::1, or a prefix such as fd00::/8.',
      );
    }
    case 'mac': {
      const bytes = parseMac(text);
      if (bytes !== undefined) return { bytes, length: 48 };
      throw filterError(`${text} is no MAC address.`, term, 'Write 02:00:00:00:00:01.');
    }
    case 'hex': {
      const bytes = fromHex(text.replace(/^hex:/i, ''));
      if (bytes?.length === size) return { bytes, length: 8 * size };
      throw filterError(`${text} is not ${size} bytes.`, term, `Write ${2 * size} hex digits.`);
    }
  }
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function anyPlace({ places }: BytesOperand, row: Row, test: (bytes: Uint8Array, at: number) => boolean): boolean {
  const { bytes } = memoryOf(row, places);
  const base = baseOf(row, places);
  for (const offset of places.offsets) if (test(bytes, base + offset)) return true;
  return false;
}

export function compareBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, size: number): number {
  for (let i = 0; i < size; i++) {
    const difference = (a[aAt + i] ?? 0) - (b[bAt + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
