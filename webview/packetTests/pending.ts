import { applyEdits, editTests, type TestEdit } from '../../extension/core/packetTest/edit.ts';
import type { FromTestEditor } from '../../extension/protocol/packetTestEditor.ts';

type EditMessage = Extract<FromTestEditor, { kind: 'edit' }>;

/**
 * One edit is under way at a time, since offsets belong to one state of the document. What is typed meanwhile waits, the
 * latest packet only: nobody wants to undo single digits.
 */
export class PendingEdits {
  #text = '';
  #version = 0;
  #underWay = false;
  readonly #waiting: TestEdit[] = [];
  readonly #post: (message: EditMessage) => void;

  constructor(post: (message: EditMessage) => void) {
    this.#post = post;
  }

  get text(): string {
    return this.#text;
  }

  /** Whether the document will still change by what was done here. */
  get busy(): boolean {
    return this.#underWay || this.#waiting.length > 0;
  }

  /** The document is this now. */
  arrived(text: string, version: number): void {
    this.#text = text;
    this.#version = version;
    this.#underWay = false;
    while (!this.#underWay) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#send(next);
    }
  }

  /** Throws XdpError('test-file-invalid') where the edit cannot be made. */
  push(edit: TestEdit): void {
    if (!this.#underWay) {
      this.#send(edit);
      return;
    }
    const last = this.#waiting.at(-1);
    if (last !== undefined && replaces(edit, last)) this.#waiting.pop();
    this.#waiting.push(edit);
  }

  #send(edit: TestEdit): void {
    const edits = editTests(this.#text, edit);
    if (edits.length === 0) return;
    this.#underWay = true;
    this.#post({ kind: 'edit', version: this.#version, edits });
    this.#text = applyEdits(this.#text, edits);
  }
}

/** Of two waiting edits of one thing, the later one counts. */
function replaces(later: TestEdit, earlier: TestEdit): boolean {
  if (later.kind === 'packet')
    return earlier.kind === 'packet' && earlier.test === later.test && earlier.step === later.step;
  return (
    (later.kind === 'name' || later.kind === 'action') && earlier.kind === later.kind && earlier.test === later.test
  );
}
