import { translated } from '../../../extension/core/text/language.ts';
import type { ToMapsView } from '../../../extension/protocol/webview.ts';
import { keyText } from '../../../extension/core/maps/entries.ts';
import { fill, formatInteger } from '../../common/format.ts';
import { strings } from '../strings.ts';
import type { Asking, Conversation } from './conversation.ts';

type Edited = Extract<ToMapsView, { kind: 'edited' | 'refused' }>;

/** A value for some CPUs (all without `cpus`), for a key that must be new or be there. */
export interface SetRequest {
  key: Uint8Array;
  value: Uint8Array;
  /** The bits of it that are meant: all without. */
  mask?: Uint8Array;
  cpus?: number[];
  expect?: 'new' | 'existing';
}

/** Changes one map, and keeps what is to be said about it: at the row where it has one, else of the map. */
export class MapEditor {
  /** By row id: why it was not written. */
  notes: ReadonlyMap<string, string> = new Map();
  /** About the last edit of the whole map; undefined when there is nothing to say. */
  outcome: { kind: 'done' | 'failed'; text: string } | undefined;
  undoable = 0;
  private readonly conversation: Conversation;
  private readonly changed: () => void;
  private readonly startWriting: (id?: string) => () => void;

  /** `startWriting`: before a row, or without an id any row, is written; what it returns is called after that. */
  constructor(conversation: Conversation, changed: () => void, startWriting: (id?: string) => () => void) {
    this.conversation = conversation;
    this.changed = changed;
    this.startWriting = startWriting;
  }

  /** Answers why not, or undefined when it was done. */
  async set(request: SetRequest): Promise<string | undefined> {
    return await this.atRow(request.key, { kind: 'set', ...request });
  }

  async remove(key: Uint8Array): Promise<string | undefined> {
    return await this.atRow(key, { kind: 'delete', key });
  }

  async whole(kind: 'clear' | 'import' | 'undo'): Promise<void> {
    const answer = await this.ask({ kind }, undefined);
    const failed = failureOf(answer);
    if (failed !== undefined) this.outcome = { kind: 'failed', text: failed };
    else if (answer.kind === 'edited' && answer.done > 0) {
      const said = { clear: strings.cleared, import: strings.imported, undo: strings.undone }[kind];
      const entries = answer.done === 1 ? strings.entry : fill(strings.entries, { count: formatInteger(answer.done) });
      this.outcome = { kind: 'done', text: fill(said, { entries }) };
    }
    this.changed();
  }

  forget(): void {
    this.outcome = undefined;
    this.changed();
  }

  /** The reader of a row's note has understood. */
  dismiss(id: string): void {
    const notes = new Map(this.notes);
    if (notes.delete(id)) this.notes = notes;
    this.changed();
  }

  private async atRow(key: Uint8Array, asking: Asking): Promise<string | undefined> {
    const id = keyText(key);
    const failed = failureOf(await this.ask(asking, id));
    const notes = new Map(this.notes);
    if (failed === undefined) notes.delete(id);
    else notes.set(id, failed);
    this.notes = notes;
    this.changed();
    return failed;
  }

  private async ask(asking: Asking, id: string | undefined): Promise<Edited> {
    this.outcome = undefined;
    const written = this.startWriting(id);
    const answer = await this.conversation.ask(asking).finally(written);
    if (answer.kind === 'edited' || answer.kind === 'refused') return answer;
    throw new TypeError(`${asking.kind} was answered by ${answer.kind}`);
  }
}

/** In one line; the first of many stands for all. */
function failureOf(answer: Edited): string | undefined {
  if (answer.kind === 'refused') return sentence(answer);
  const [first, ...others] = answer.failures;
  if (first === undefined) return undefined;
  const more = others.length + answer.left;
  return more === 0
    ? sentence(first)
    : `${sentence(first)} ${fill(strings.moreFailures, { count: formatInteger(more) })}`;
}

function sentence({ message, fix }: { message: string; fix?: string | undefined }): string {
  const said = /[.!?]$/.test(message) ? message : `${message}.`;
  return translated(fix === undefined ? said : `${said} ${fix}`);
}
