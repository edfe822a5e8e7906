import { decodeEntries, encodeKey } from '../../../extension/core/maps/entries.ts';
import {
  compareSnapshots,
  expectationOf,
  type MapSnapshot,
  type SnapshotDifference,
  takeSnapshot,
} from '../../../extension/core/maps/snapshot.ts';
import type { Value } from '../../../extension/core/maps/value.ts';
import { fill } from '../../common/format.ts';
import { strings } from '../strings.ts';
import type { Conversation } from './conversation.ts';
import { valueText } from './leaves.ts';
import { bytesAt, type MapModel } from './mapModel.ts';

/** They stay in this page: the oldest is let go. */
const maxSnapshots = 10;

export interface Taken {
  number: number;
  snapshot: MapSnapshot;
  takenAt: Date;
  /** There was more than a snapshot in a view may have. */
  truncated: boolean;
}

/** Snapshots of one map that were taken in this view, and the comparison that is shown. */
export class Snapshots {
  readonly taken: Taken[] = [];
  /** Numbers of the two that are compared, the older one first; undefined: none is shown. */
  shown: { before: number; after: number } | undefined;
  failure = '';
  private last = 0;
  private readonly model: MapModel;
  private readonly conversation: Conversation;
  private readonly changed: () => void;

  constructor(model: MapModel, conversation: Conversation, changed: () => void) {
    this.model = model;
    this.conversation = conversation;
    this.changed = changed;
  }

  /** From the second on it is compared with the one before. */
  async take(): Promise<void> {
    const answer = await this.conversation.ask({ kind: 'snapshot' });
    if (answer.kind === 'snapshot') {
      const takenAt = new Date(answer.takenAtMs);
      const entries = decodeEntries(this.model.schema, answer);
      const snapshot = takeSnapshot(this.model.schema, entries, takenAt.toISOString());
      const before = this.taken.at(-1)?.number;
      this.taken.push({ number: ++this.last, snapshot, takenAt, truncated: answer.truncated });
      if (this.taken.length > maxSnapshots) this.taken.shift();
      this.shown = { before: before ?? this.last, after: this.last };
      this.failure = '';
    } else if (answer.kind === 'refused') {
      this.failure = answer.message;
    }
    this.changed();
  }

  compare(change: { before?: number; after?: number }): void {
    if (this.shown === undefined) return;
    this.shown = { ...this.shown, ...change };
    this.changed();
  }

  close(): void {
    this.shown = undefined;
    this.changed();
  }

  get before(): Taken | undefined {
    return this.taken.find(({ number }) => number === this.shown?.before);
  }

  get after(): Taken | undefined {
    return this.taken.find(({ number }) => number === this.shown?.after);
  }

  /** undefined while there is only one. */
  get difference(): SnapshotDifference | undefined {
    const { before, after } = this;
    if (before === undefined || after === undefined || before === after) return undefined;
    return compareSnapshots(before.snapshot, after.snapshot);
  }

  /** The `maps` member of a packet test's `expect`: what changed, or all of the only one. */
  get expectation(): string {
    const { before, after } = this;
    if (after === undefined) return '';
    return JSON.stringify(expectationOf(after.snapshot, before === after ? undefined : before?.snapshot), null, 2);
  }

  /** A key as the table shows it: `1 XDP_DROP`, `10.0.0.0/8`. */
  keyName(key: Value): string {
    try {
      return this.model.keyText(bytesAt(encodeKey(this.model.schema, key)));
    } catch {
      // A text that is no text in the map's own bytes cannot be written back.
      return valueText(key);
    }
  }

  nameOf({ number, takenAt }: Taken): string {
    return fill(strings.snapshotName, { number, time: takenAt.toLocaleTimeString() });
  }
}
