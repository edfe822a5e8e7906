import { keyText } from '../../../extension/core/maps/entries.ts';
import { type Bytes, bytesAt, type MapModel, type Reading } from './mapModel.ts';

/** One entry in sight. */
export interface Row {
  /** The key's bytes as text: what makes a row the same row after a sort. */
  id: string;
  key: Bytes;
  /** undefined: the key is not in the map any more. */
  reading: Reading | undefined;
  /** When `reading` and the one before it were taken, of the helper's clock. */
  atMs: number;
  beforeMs: number;
}

export interface RowsRead {
  from: number;
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
  gone: readonly number[];
  atMs: number;
}

/** How many numbers a sparkline has. */
export const historyLength = 60;
/** Rows that went out of sight keep their history while there is room. */
const maxHistories = 2000;

/** The rows in sight with what they were before, and the recent past of their rates. Everything else stays in the kernel. */
export class RowCache {
  readonly model: MapModel;
  /** Two readings that are nearer to each other than this make no rate: the earlier one before them does. */
  minPeriodMs = 0;
  /** Period of the last reading. */
  periodMs: number | undefined;
  /** [slot]: whether anything but zeros was seen. A CPU that has counted once stays in sight. */
  active: boolean[];
  private from = 0;
  private rows: Row[] = [];
  /** By id: rows in sight, and rows that are followed out of sight. */
  private known = new Map<string, Row>();
  private followed = new Map<string, Row>();
  private readonly histories = new Map<string, number[]>();
  /** Rows that are written from here, and whether that is done; `all`: every row. */
  private readonly written = new Map<string, 'writing' | 'done'>();
  private allWritten: 'writing' | 'done' | undefined;

  constructor(model: MapModel) {
    this.model = model;
    this.active = Array.from({ length: model.slots }, () => false);
  }

  get first(): number {
    return this.from;
  }

  get last(): number {
    return this.from + this.rows.length;
  }

  /** undefined while that row has not been read. */
  at(index: number): Row | undefined {
    return this.rows[index - this.from];
  }

  /** The row of a key, if it is in sight or followed. */
  byId(id: string): Row | undefined {
    return this.known.get(id) ?? this.followed.get(id);
  }

  /** Where a row stands now; -1 when it is out of sight. */
  indexOf(id: string): number {
    const at = this.rows.findIndex((row) => row.id === id);
    return at < 0 ? -1 : this.from + at;
  }

  /** Rates of the first number, oldest first. */
  history(id: string): readonly number[] {
    return this.histories.get(id) ?? [];
  }

  /**
   * What is written from here is nothing that a program counted: until it is done, and in the reading after it, that row (without an id:
   * each row) has nothing to be compared with. Returns what to call when it is done.
   */
  startWriting(id?: string): () => void {
    if (id === undefined) this.allWritten = 'writing';
    else this.written.set(id, 'writing');
    return () => {
      if (id === undefined) this.allWritten = 'done';
      else this.written.set(id, 'done');
    };
  }

  private wasWritten(id: string): boolean {
    const state = this.written.get(id);
    if (state === 'done') this.written.delete(id);
    return state !== undefined || this.allWritten !== undefined;
  }

  accept(read: RowsRead): void {
    const { keySize } = this.model.schema;
    const gone = new Set(read.gone);
    // A page that is shorter than it says would otherwise throw in the middle of a row.
    const fits = (bytes: Uint8Array, each: number): number =>
      each === 0 ? read.count : Math.floor(bytes.length / each);
    const count = Math.min(read.count, fits(read.keys, keySize), fits(read.values, this.model.stride));
    const rows: Row[] = [];
    const known = new Map<string, Row>();
    for (let at = 0; at < count; at++) {
      const key = read.keys.subarray(at * keySize, (at + 1) * keySize);
      const id = keyText(key);
      const now = gone.has(at) ? undefined : bytesAt(read.values, at * this.model.stride);
      const row = this.next(id, key, now, read.atMs);
      rows.push(row);
      known.set(id, row);
    }
    this.from = read.from;
    this.rows = rows;
    this.known = known;
    this.model.countingCpus = this.active.filter(Boolean).length;
    if (this.allWritten === 'done') this.allWritten = undefined;
  }

  /** What `lookup` answered for the keys of these rows. */
  acceptFollowed(ids: readonly string[], read: { values: Uint8Array; gone: readonly number[]; atMs: number }): void {
    const gone = new Set(read.gone);
    const followed = new Map<string, Row>();
    ids.forEach((id, at) => {
      const value = (at + 1) * this.model.stride <= read.values.length && !gone.has(at);
      const key = Uint8Array.from(id, (letter) => letter.charCodeAt(0));
      followed.set(id, this.next(id, key, value ? bytesAt(read.values, at * this.model.stride) : undefined, read.atMs));
    });
    this.followed = followed;
  }

  private next(id: string, key: Uint8Array, now: Bytes | undefined, atMs: number): Row {
    const old = this.byId(id);
    const row: Row = { id, key: bytesAt(key), reading: undefined, atMs, beforeMs: Number.NaN };
    if (now === undefined) return row;
    this.model.markActive(now, this.active);
    // A helper that was started anew has another clock: no period to divide by then.
    const isComparable = !this.wasWritten(id) && old?.reading !== undefined && old.atMs < atMs;
    const earlier = isComparable ? old : undefined;
    const tooNear = earlier !== undefined && atMs - earlier.atMs < this.minPeriodMs;
    const before = tooNear ? earlier.reading?.before : earlier?.reading?.now;
    row.beforeMs = (tooNear ? earlier.beforeMs : earlier?.atMs) ?? Number.NaN;
    row.reading = { now, before, periodMs: before === undefined ? 0 : atMs - row.beforeMs };
    if (before !== undefined) {
      this.periodMs = row.reading.periodMs;
      if (!tooNear) this.remember(id, row.reading);
    }
    return row;
  }

  private remember(id: string, reading: Reading): void {
    const [field] = this.model.numericFields;
    if (field === undefined) return;
    const history = this.histories.get(id) ?? [];
    history.push(this.model.rate(reading, field) ?? 0);
    if (history.length > historyLength) history.shift();
    // Set anew, so that the oldest of the map is the one that was not seen for longest.
    this.histories.delete(id);
    this.histories.set(id, history);
    if (this.histories.size <= maxHistories) return;
    const [oldest] = this.histories.keys();
    if (oldest !== undefined) this.histories.delete(oldest);
  }
}
