import { viewOf } from '../decode.ts';
import { entryValueBytes, type RawPage } from '../entries.ts';
import { KeyPlaces } from '../keyPlaces.ts';
import type { MapSchema } from '../schema.ts';
import { compileFilter, compileOperand, type RateOperands } from './compile.ts';
import type { Test } from './compare.ts';
import type { Row } from './operands.ts';
import { ordererFor, type Orderer } from './order.ts';

export interface ArrangeRequest {
  filter?: string | undefined;
  sort?: { by: string; descending: boolean } | undefined;
}

/** What rates are computed from: every key of a reading, and for each rate operand its value. */
interface Sample {
  keys: Uint8Array;
  count: number;
  /** Operand texts, in the order of `values`. */
  values: readonly Float64Array[];
  atNs: bigint;
  operands: string;
}

/**
 * One reading of a whole map, filtered and sorted as its pages come. Kept are the keys of the rows in their order and, where a
 * rate is asked for, one number an entry; values are not: whoever shows a row looks its value up.
 */
export class Arrangement {
  readonly #schema: MapSchema;
  readonly #test: Test | undefined;
  readonly #orderer: Orderer;
  readonly #rates: RateOperands = [];
  /** Until the reading is finished, so that no reading holds all those before it. */
  #before: Sample | undefined;
  /** Which rates are about; undefined when there are none yet. */
  readonly periodNs: bigint | undefined;
  readonly #period: number;
  readonly #operands: string;
  readonly #atNs: bigint;
  readonly #row: Row;
  readonly #rowRates: Float64Array;
  #places: KeyPlaces | undefined;
  #keys: Uint8Array<ArrayBuffer>;
  #rows = 0;
  #total = 0;
  #sampleKeys: Uint8Array<ArrayBuffer>;
  #samples: Float64Array<ArrayBuffer>[];

  /** `atNs`: when the reading starts. `before`: the last one of the same map. Throws `filter-invalid`. */
  constructor(schema: MapSchema, request: ArrangeRequest, atNs: bigint, before?: Arrangement) {
    this.#schema = schema;
    const { filter, sort } = request;
    this.#test = filter === undefined || filter.trim() === '' ? undefined : compileFilter(schema, filter, this.#rates);
    const by = sort === undefined ? undefined : compileOperand(schema, sort.by, this.#rates);
    this.#orderer = ordererFor(by, sort?.descending ?? false);
    this.#atNs = atNs;
    // Rates follow from the texts: another filter or sort key samples something else.
    this.#operands = this.#rates.length === 0 ? '' : JSON.stringify([filter, sort?.by]);
    const sample = before?.sample();
    this.#before = sample?.operands === this.#operands && this.#rates.length > 0 ? sample : undefined;
    this.periodNs = this.#before === undefined ? undefined : atNs - this.#before.atNs;
    this.#period = Number(this.periodNs ?? 0n) / 1e9;
    const expected = Math.min(schema.maxEntries, Math.max(1024, before?.total ?? 0));
    this.#keys = new Uint8Array(expected * schema.keySize);
    this.#sampleKeys = new Uint8Array(this.#rates.length === 0 ? 0 : expected * schema.keySize);
    this.#samples = this.#rates.map(() => new Float64Array(expected));
    this.#rowRates = new Float64Array(this.#rates.length).fill(Number.NaN);
    const none = { bytes: new Uint8Array(0), view: viewOf(new Uint8Array(0)) };
    this.#row = { key: none, keyAt: 0, value: none, valueAt: 0, rates: this.#rowRates };
  }

  /** Entries so far. */
  get total(): number {
    return this.#total;
  }

  take(page: RawPage): void {
    const { keySize } = this.#schema;
    const valueSize = entryValueBytes(this.#schema);
    const row = this.#row;
    row.key = { bytes: page.keys, view: viewOf(page.keys) };
    row.value = { bytes: page.values, view: viewOf(page.values) };
    for (let index = 0; index < page.count; index++) {
      row.keyAt = index * keySize;
      row.valueAt = index * valueSize;
      if (this.#rates.length > 0) this.#sampleRates(row);
      this.#total++;
      if (this.#test !== undefined && !this.#test(row)) continue;
      this.#orderer.push(row);
      this.#keys = appendKey(this.#keys, this.#rows, row.key.bytes, row.keyAt, keySize);
      this.#rows++;
    }
  }

  /** Keys of the rows in their order, one after the other. */
  finish(): { keys: Uint8Array; rows: number } {
    const { keySize } = this.#schema;
    const order = this.#orderer.order();
    const keys = new Uint8Array(this.#rows * keySize);
    const places = mayRepeat(this.#schema.type) ? new KeyPlaces(keys, keySize) : undefined;
    let rows = 0;
    for (let row = 0; row < this.#rows; row++) {
      const from = (order[row] ?? 0) * keySize;
      for (let i = 0; i < keySize; i++) keys[rows * keySize + i] = this.#keys[from + i] ?? 0;
      if (places === undefined || places.add(rows)) rows++;
    }
    this.#total -= this.#rows - rows;
    this.#keys = new Uint8Array(0);
    this.#before = undefined;
    this.#places = undefined;
    return { keys: keys.subarray(0, rows * keySize), rows };
  }

  private sample(): Sample {
    return {
      keys: this.#sampleKeys,
      count: this.#total,
      values: this.#samples,
      atNs: this.#atNs,
      operands: this.#operands,
    };
  }

  #sampleRates(row: Row): void {
    const { keySize } = this.#schema;
    const place = this.#total;
    this.#sampleKeys = appendKey(this.#sampleKeys, place, row.key.bytes, row.keyAt, keySize);
    const old = this.#before === undefined ? -1 : this.#placeBefore(this.#before, row, place);
    this.#rates.forEach((operand, number) => {
      const now = Number(operand.read(row) ?? Number.NaN);
      let values = this.#samples[number] ?? new Float64Array(0);
      if (place >= values.length) {
        values = larger(values, place);
        this.#samples[number] = values;
      }
      values[place] = now;
      const then = old < 0 ? Number.NaN : (this.#before?.values[number]?.[old] ?? Number.NaN);
      // A counter that went back was made anew; what has a sign is none, and may fall.
      const known = this.#period > 0 && (now >= then || operand.domain === 'signed');
      this.#rowRates[number] = known ? (now - then) / this.#period : Number.NaN;
    });
  }

  /** Most entries stand where they stood. */
  #placeBefore(before: Sample, row: Row, place: number): number {
    const { keySize } = this.#schema;
    if (place < before.count && sameKey(before.keys, place * keySize, row.key.bytes, row.keyAt, keySize)) return place;
    if (this.#places === undefined) {
      this.#places = new KeyPlaces(before.keys.subarray(0, before.count * keySize), keySize);
      for (let each = 0; each < before.count; each++) this.#places.add(each);
    }
    return this.#places.find(row.key.bytes, row.keyAt);
  }
}

/**
 * Iterating by key starts at the first one again when the key that it stands on was deleted: entries come twice. Arrays have no
 * such keys, and batches of hash tables go by bucket (kernel/bpf/hashtab.c, __htab_map_lookup_and_delete_batch()).
 */
function mayRepeat(type: string): boolean {
  return !type.endsWith('array') && !/^(lru_)?(percpu_)?hash$/.test(type) && type !== 'queue' && type !== 'stack';
}

function sameKey(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

function appendKey(
  keys: Uint8Array<ArrayBuffer>,
  place: number,
  from: Uint8Array,
  at: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  let into = keys;
  if ((place + 1) * size > keys.length) {
    into = new Uint8Array(Math.max(2 * keys.length, (place + 1) * size));
    into.set(keys);
  }
  const start = place * size;
  for (let i = 0; i < size; i++) into[start + i] = from[at + i] ?? 0;
  return into;
}

function larger(values: Float64Array<ArrayBuffer>, place: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(Math.max(2 * values.length, place + 1));
  grown.set(values);
  return grown;
}
