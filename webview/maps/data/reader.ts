import type { ToMapsView } from '../../../extension/protocol/webview.ts';
import type { Answer, Conversation } from './conversation.ts';
import type { MapModel } from './mapModel.ts';
import { RowCache } from './rowCache.ts';

type MessageOf<K extends ToMapsView['kind']> = Extract<ToMapsView, { kind: K }>;
export type Arranged = MessageOf<'arranged'>;
export type Refused = MessageOf<'refused'>;

/** How a table is ordered: `by` is an operand of the filter language. */
export interface Order {
  by: string;
  descending: boolean;
}

export interface Pace {
  intervalMs: number;
  paused: boolean;
  /** Nobody looks: nothing is read. */
  hidden: boolean;
}

/** So many rows beyond those in sight are read with them, so that a little scrolling shows no empty rows. */
const margin = 24;
/** After a failure: not as fast as the readings are, and not so slow that a helper that is back is not noticed. */
const retryMs = 1000;
/** Of the helper's time, ordering a map anew may take a fifth. */
const restAfterWork = 4;

/**
 * Reads one map for as long as it is shown: the rows in sight at every interval, the order of all rows as often as its work
 * allows. A reading starts after the last one was answered, and no sooner than that one took: a slow map is read more slowly.
 */
export class Reader {
  readonly rows: RowCache;
  arranged: Arranged | undefined;
  /** The last failure, until something was read again; what the filter did not understand is in `filterProblem`. */
  failure: Refused | undefined;
  filterProblem: Refused | undefined;
  order: Order | undefined;
  filter = '';
  pace: Pace = { intervalMs: 500, paused: false, hidden: false };
  private readonly conversation: Conversation;
  private readonly changed: () => void;
  private window = { from: 0, count: 40 };
  /** The window that was read last. */
  private asked: { from: number; count: number } | undefined;
  private followed: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading = false;
  private arranging: Promise<void> | undefined;
  /** performance.now() before which the map is not ordered anew. */
  private arrangeFromMs = 0;
  private closed = false;

  constructor(model: MapModel, conversation: Conversation, changed: () => void) {
    this.rows = new RowCache(model);
    this.conversation = conversation;
    this.changed = changed;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Rows that are known to exist: all that were counted, else those that were read. */
  get rowCount(): number {
    return this.arranged?.rows ?? this.rows.last;
  }

  /** Is what is shown not yet what filter and order ask for? */
  get isStale(): boolean {
    return this.arrangeFromMs === 0;
  }

  setPace(pace: Partial<Pace>): void {
    this.pace = { ...this.pace, ...pace };
    this.rows.minPeriodMs = this.pace.intervalMs * 0.4;
    this.schedule(0);
  }

  /** Filter and order of the rows. */
  arrange(change: { filter?: string; order?: Order | undefined }): void {
    if ('filter' in change) this.filter = change.filter ?? '';
    if ('order' in change) this.order = change.order;
    this.arrangeFromMs = 0;
    this.schedule(0);
  }

  /** The rows in sight. Rows that were not read yet are read at once. */
  show(first: number, last: number): void {
    const from = Math.max(0, first - margin);
    const count = Math.min(1024, last + margin - from);
    if (from !== this.window.from || count !== this.window.count) this.window = { from, count };
    if (first < this.rows.first || Math.min(last, this.rowCount) > this.rows.last) this.schedule(0);
  }

  /** Rows (by id) that are read wherever they stand. */
  follow(ids: readonly string[]): void {
    this.followed = [...ids].slice(0, 32);
  }

  /** Reads again without waiting: after a write. */
  refresh(): void {
    this.arrangeFromMs = 0;
    this.schedule(0);
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer);
    if (this.closed || this.reading || this.pace.hidden) return;
    this.timer = setTimeout(() => void this.read(), delayMs);
  }

  private async read(): Promise<void> {
    const startedMs = performance.now();
    this.reading = true;
    const failed = await this.readOnce();
    this.reading = false;
    if (this.closed) return;
    this.changed();
    const tookMs = performance.now() - startedMs;
    if (failed) this.schedule(Math.max(retryMs, this.pace.intervalMs));
    else if (!this.isComplete()) this.schedule(0);
    // Even a paused view shows a map as it is when it is chosen: one reading, then rest.
    else if (!this.pace.paused) this.schedule(Math.max(this.pace.intervalMs - tookMs, tookMs));
  }

  /** Answers whether it failed. */
  private async readOnce(): Promise<boolean> {
    if (this.arranged === undefined && this.rows.last === 0) {
      // Ordering a large map takes a moment: its first rows are there before.
      if (!this.take(await this.conversation.ask({ kind: 'peek', count: this.window.count }))) return true;
      this.changed();
    }
    if (this.mayArrange()) {
      this.arranging ??= this.arrangeOnce().finally(() => {
        this.arranging = undefined;
        this.schedule(0);
      });
      // What takes no time goes first, so that rows and their order are of one moment.
      if (this.arranged === undefined || this.arranged.workMs < this.pace.intervalMs / 4) await this.arranging;
    }
    if (this.failure !== undefined) return true;
    const { window } = this;
    this.asked = window;
    const from = Math.min(window.from, Math.max(0, this.rowCount - window.count));
    if (this.rowCount > 0 || this.rows.last > 0) {
      if (!this.take(await this.conversation.ask({ kind: 'rows', from, count: window.count }))) return true;
    }
    return await this.readFollowed();
  }

  private mayArrange(): boolean {
    if (this.arrangeFromMs === 0) return true;
    return !this.pace.paused && performance.now() >= this.arrangeFromMs;
  }

  private async arrangeOnce(): Promise<void> {
    const { filter, order } = this;
    const answer = await this.conversation.ask({
      kind: 'arrange',
      ...(filter === '' ? {} : { filter }),
      ...(order === undefined ? {} : { sort: order }),
    });
    if (answer.kind === 'arranged') {
      this.arranged = answer;
      this.failure = undefined;
      this.filterProblem = undefined;
    } else if (answer.kind === 'refused' && answer.code === 'filter-invalid') {
      this.filterProblem = answer;
    } else {
      this.take(answer);
    }
    // Asked for something else meanwhile: then once more at once.
    if (filter !== this.filter || order !== this.order) return;
    // Rows that come into sight in between do not wait for a new order.
    const restMs = Math.max(restAfterWork * (this.arranged?.workMs ?? 0), 0.8 * this.pace.intervalMs);
    this.arrangeFromMs = performance.now() + restMs;
  }

  private async readFollowed(): Promise<boolean> {
    const ids = this.followed.filter((id) => this.rows.indexOf(id) < 0);
    if (ids.length === 0) {
      this.rows.acceptFollowed([], { values: new Uint8Array(0), gone: [], atMs: 0 });
      return false;
    }
    const { keySize } = this.rows.model.schema;
    const keys = new Uint8Array(ids.length * keySize);
    ids.forEach((id, at) =>
      keys.set(
        Uint8Array.from(id, (letter) => letter.charCodeAt(0)),
        at * keySize,
      ),
    );
    const answer = await this.conversation.ask({ kind: 'lookup', keys });
    if (answer.kind !== 'values') return !this.take(answer);
    this.rows.acceptFollowed(ids, answer);
    return false;
  }

  /** Were the rows in sight read since they came into sight, in the order that was asked for? */
  private isComplete(): boolean {
    if (this.arrangeFromMs === 0) return this.arranging !== undefined;
    const { from, count } = this.window;
    if (this.window === this.asked) return true;
    return from >= this.rows.first && Math.min(from + count, this.rowCount) <= this.rows.last;
  }

  private take(answer: Answer): boolean {
    if (answer.kind === 'refused') {
      this.failure = answer;
      return false;
    }
    if (answer.kind === 'rows') {
      if (answer.names !== undefined) this.rows.model.learn(answer.names);
      this.rows.accept(answer);
      this.failure = undefined;
    }
    return true;
  }
}
