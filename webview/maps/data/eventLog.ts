import { readBtf } from '../../../extension/core/btf/readBtf.ts';
import type { Btf } from '../../../extension/core/btf/types.ts';
import { decodeEvent, eventLayout, type EventType, eventTypes } from '../../../extension/core/maps/events.ts';
import type { Layout } from '../../../extension/core/maps/layout.ts';
import type { ToMapsView } from '../../../extension/protocol/webview.ts';
import type { Asking, Conversation } from './conversation.ts';
import { valueText } from './leaves.ts';
import type { MapSchemaMessage } from './mapModel.ts';

/** Older ones are let go. */
const maxRecords = 5000;

export interface EventRecord {
  /** From 1, as they came. */
  number: number;
  atMs: number;
  /** undefined where a ring buffer does not say. */
  cpu: number | undefined;
  data: Uint8Array;
}

type State =
  | { kind: 'stopped' }
  | { kind: 'starting' }
  | { kind: 'running' }
  /** Reading takes the events from their owner: asked for only by hand. */
  | { kind: 'foreign'; message: string }
  | { kind: 'failed'; message: string; fix: string | undefined };

/** What a program sent to a ring buffer or a perf event array since the view follows it. */
export class EventLog {
  state: State = { kind: 'stopped' };
  readonly records: EventRecord[] = [];
  /** The kernel had no room for them; or they were too many to show. */
  lost = 0;
  left = 0;
  /** Types that a record may be of; empty without BTF. */
  readonly types: readonly EventType[];
  /** Of `types`; undefined: hex only. */
  type: EventType | undefined;
  private readonly btf: Btf | undefined;
  private layout: Layout | undefined;
  private chosen = false;
  private total = 0;
  private readonly conversation: Conversation;
  private readonly changed: () => void;

  constructor(schema: MapSchemaMessage, conversation: Conversation, changed: () => void) {
    this.conversation = conversation;
    this.changed = changed;
    this.btf = btfOf(schema.btf);
    this.types = this.btf === undefined ? [] : eventTypes(this.btf);
  }

  async follow(options: { force: boolean }): Promise<void> {
    this.state = { kind: 'starting' };
    this.changed();
    const asking: Asking = { kind: 'follow', force: options.force };
    const answer = await this.conversation.ask(asking);
    if (answer.kind !== 'refused') this.state = { kind: 'running' };
    else if (answer.code === 'map-foreign') this.state = { kind: 'foreign', message: answer.message };
    else this.state = { kind: 'failed', message: answer.message, fix: answer.fix };
    this.changed();
  }

  accept({ records, lost, left, atMs }: Extract<ToMapsView, { kind: 'events' }>): void {
    for (const { cpu, data } of records) this.records.push({ number: ++this.total, atMs, cpu, data });
    if (this.records.length > maxRecords) this.records.splice(0, this.records.length - maxRecords);
    this.lost += lost;
    this.left += left;
    if (!this.chosen && this.type === undefined) this.guess();
    this.changed();
  }

  clear(): void {
    this.records.length = 0;
    this.lost = 0;
    this.left = 0;
    this.changed();
  }

  choose(type: EventType | undefined): void {
    this.chosen = true;
    this.take(type);
    this.changed();
  }

  /** The record in one line; undefined when it is none of the chosen type. */
  textOf({ data }: EventRecord): string | undefined {
    const value = decodeEvent(this.layout, data);
    return value === undefined ? undefined : valueText(value);
  }

  /** The program says nowhere what it sends; often only one of its structs is as large as the record. */
  private guess(): void {
    const [record] = this.records;
    if (record === undefined) return;
    const size = record.data.length;
    const fits = this.types.filter((type) => type.size === size);
    const padded = this.types.filter((type) => type.size <= size && size - type.size < 8);
    const [only, other] = fits.length > 0 ? fits : padded;
    if (only !== undefined && other === undefined) this.take(only);
  }

  private take(type: EventType | undefined): void {
    this.type = type;
    this.layout = type === undefined || this.btf === undefined ? undefined : eventLayout(this.btf, type);
  }
}

function btfOf(bytes: Uint8Array | undefined): Btf | undefined {
  if (bytes === undefined) return undefined;
  try {
    return readBtf(bytes);
  } catch {
    // Hex, as for every map whose types cannot be read.
    return undefined;
  }
}
