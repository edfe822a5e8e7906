import { toHex } from '../text.ts';
import { baseOf, memoryOf, type Operand, type Row } from './operands.ts';

/** Sort keys of rows as they come, and then their order. Equal rows keep the order in which they came. */
export interface Orderer {
  push(row: Row): void;
  /** Places of the rows that were pushed. */
  order(): Uint32Array;
}

export function ordererFor(operand: Operand | undefined, descending: boolean): Orderer {
  if (operand === undefined) return new AsTheyCame();
  if (operand.kind === 'number')
    return new Ranked((row) => rankOfNumber(operand.read(row), operand.domain), descending);
  if (operand.kind === 'bytes' && operand.size <= 8) {
    return new Ranked((row) => {
      const { bytes } = memoryOf(row, operand.places);
      const at = baseOf(row, operand.places) + (operand.places.offsets[0] ?? 0);
      let high = 0;
      let low = 0;
      for (let i = 0; i < operand.size; i++) {
        high = (high << 8) | (low >>> 24);
        low = (low << 8) | (bytes[at + i] ?? 0);
      }
      rank.high = high >>> 0;
      rank.low = low >>> 0;
      return true;
    }, descending);
  }
  const textOf =
    operand.kind === 'text'
      ? (row: Row) => operand.read(row)[0] ?? ''
      : (row: Row) => {
          const at = baseOf(row, operand.places) + (operand.places.offsets[0] ?? 0);
          return toHex(memoryOf(row, operand.places).bytes.subarray(at, at + operand.size));
        };
  return new ByText(textOf, descending);
}

class AsTheyCame implements Orderer {
  #count = 0;

  push(): void {
    this.#count++;
  }

  order(): Uint32Array {
    return Uint32Array.from({ length: this.#count }, (_, place) => place);
  }
}

class ByText implements Orderer {
  readonly #texts: string[] = [];
  readonly #textOf: (row: Row) => string;
  readonly #descending: boolean;

  constructor(textOf: (row: Row) => string, descending: boolean) {
    this.#textOf = textOf;
    this.#descending = descending;
  }

  push(row: Row): void {
    this.#texts.push(this.#textOf(row));
  }

  order(): Uint32Array {
    const texts = this.#texts;
    const sign = this.#descending ? -1 : 1;
    return Uint32Array.from({ length: texts.length }, (_, place) => place).sort((a, b) => {
      const [one = '', other = ''] = [texts[a], texts[b]];
      return one < other ? -sign : one > other ? sign : a - b;
    });
  }
}

/** Where rankOfNumber leaves its answer: 64 bits whose unsigned order is the order of the values. */
const rank = { high: 0, low: 0 };
const float = new DataView(new ArrayBuffer(8));

/** false: not known. */
function rankOfNumber(value: number | bigint | undefined, domain: 'unsigned' | 'signed' | 'float'): boolean {
  if (value === undefined || Number.isNaN(value)) return false;
  if (domain === 'float') {
    float.setFloat64(0, Number(value));
    const high = float.getUint32(0);
    const low = float.getUint32(4);
    const negative = high >= 0x80000000;
    rank.high = (negative ? ~high : high | 0x80000000) >>> 0;
    rank.low = (negative ? ~low : low) >>> 0;
    return true;
  }
  const flip = domain === 'signed' ? 0x80000000 : 0;
  if (typeof value === 'number') {
    rank.low = value >>> 0;
    rank.high = (Math.floor(value / 0x1_0000_0000) ^ flip) >>> 0;
    return true;
  }
  // A sum over CPUs can pass 64 bits: all that do are largest.
  const [min, max] = domain === 'signed' ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  const bounded = value < min ? min : value > max ? max : value;
  rank.low = Number(bounded & 0xffffffffn);
  rank.high = (Number((bounded >> 32n) & 0xffffffffn) ^ flip) >>> 0;
  return true;
}

/** By 64-bit ranks, whatever the number of rows: a radix sort, which is stable and several times faster than comparing. */
class Ranked implements Orderer {
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  #count = 0;
  readonly #unknown: number[] = [];
  /** Places of the rows whose rank is known, since the others come last. */
  #places = new Uint32Array(1024);
  #pushed = 0;
  readonly #rankOf: (row: Row) => boolean;
  readonly #descending: boolean;

  constructor(rankOf: (row: Row) => boolean, descending: boolean) {
    this.#rankOf = rankOf;
    this.#descending = descending;
  }

  push(row: Row): void {
    const place = this.#pushed++;
    if (!this.#rankOf(row)) {
      this.#unknown.push(place);
      return;
    }
    if (this.#count === this.#places.length) this.#grow();
    this.#high[this.#count] = this.#descending ? ~rank.high : rank.high;
    this.#low[this.#count] = this.#descending ? ~rank.low : rank.low;
    this.#places[this.#count] = place;
    this.#count++;
  }

  order(): Uint32Array {
    const sorted = radixSort(this.#high, this.#low, this.#count);
    const order = new Uint32Array(this.#pushed);
    for (let i = 0; i < this.#count; i++) order[i] = this.#places[sorted[i] ?? 0] ?? 0;
    order.set(this.#unknown, this.#count);
    return order;
  }

  #grow(): void {
    this.#high = larger(this.#high);
    this.#low = larger(this.#low);
    this.#places = larger(this.#places);
  }
}

function larger(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * array.length);
  grown.set(array);
  return grown;
}

const digitBits = 16;
const digits = 1 << digitBits;

/** Places 0 … count − 1 in rising order of (high, low). Passes in which all digits are alike are skipped. */
function radixSort(high: Uint32Array, low: Uint32Array, count: number): Uint32Array {
  let from = Uint32Array.from({ length: count }, (_, place) => place);
  let to = new Uint32Array(count);
  const starts = new Uint32Array(digits + 1);
  for (const [words, shift] of [
    [low, 0],
    [low, digitBits],
    [high, 0],
    [high, digitBits],
  ] as const) {
    starts.fill(0);
    for (let i = 0; i < count; i++) {
      const digit = ((words[i] ?? 0) >>> shift) & (digits - 1);
      starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
    }
    const first = ((words[0] ?? 0) >>> shift) & (digits - 1);
    if (starts[first + 1] === count) continue;
    for (let digit = 0; digit < digits; digit++) starts[digit + 1] = (starts[digit + 1] ?? 0) + (starts[digit] ?? 0);
    for (let i = 0; i < count; i++) {
      const place = from[i] ?? 0;
      const digit = ((words[place] ?? 0) >>> shift) & (digits - 1);
      const at = starts[digit] ?? 0;
      to[at] = place;
      starts[digit] = at + 1;
    }
    [from, to] = [to, from];
  }
  return from;
}
