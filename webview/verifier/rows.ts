import { placeOfStep, type PlaceTable, type StepPlace } from '../../extension/core/verifier/steps/places.ts';
import type { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { stepText } from '../../extension/core/verifier/steps/readSteps.ts';

/** A row of the list: a step, the C line over its steps, or where another path begins. */
export type Row = { kind: 'step' | 'source' | 'branch'; step: number };

const kinds = ['step', 'source', 'branch'] as const;

/** Rows in one array of numbers: a million steps are not a million objects. */
export class Rows {
  readonly #codes: Int32Array;
  readonly #steps: number;

  constructor(codes: readonly number[], steps: number) {
    this.#codes = Int32Array.from(codes);
    this.#steps = steps;
  }

  get count(): number {
    return this.#codes.length;
  }

  /** How many of the rows are steps. */
  get steps(): number {
    return this.#steps;
  }

  at(index: number): Row | undefined {
    const code = this.#codes[index];
    return code === undefined ? undefined : { kind: kinds[code % 4] ?? 'step', step: Math.floor(code / 4) };
  }

  /** Row of a step, or of the one before it in the list; -1 where there is none. */
  rowOf(step: number): number {
    let low = 0;
    let high = this.#codes.length;
    // Rows of a step are in the order branch, source, step: each number of a step is less than those of the next.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Math.floor((this.#codes[middle] ?? 0) / 4) <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The next row that is a step, from a row on in a direction. */
  nextStep(from: number, direction: 1 | -1): number | undefined {
    for (let index = from; index >= 0 && index < this.count; index += direction) {
      const row = this.at(index);
      if (row?.kind === 'step') return row.step;
    }
    return undefined;
  }
}

const code = (step: number, kind: (typeof kinds)[number]): number => step * 4 + kinds.indexOf(kind);

/** What is shown: all steps, or those that `keeps` lets through. */
export class RowsMaker {
  readonly #log: StepLog;
  readonly #places: PlaceTable | undefined;
  readonly #needle: string;
  readonly #codes: number[] = [];
  #steps = 0;
  #at = 0;
  #shown: string | undefined;

  constructor(log: StepLog, places: PlaceTable | undefined, filter: string) {
    this.#log = log;
    this.#places = places;
    this.#needle = filter.trim().toLowerCase();
  }

  /** Looks at so many more steps; says whether all were looked at. */
  run(count: number): boolean {
    const end = Math.min(this.#log.count, this.#at + count);
    for (; this.#at < end; this.#at++) this.#add(this.#at);
    return this.#at >= this.#log.count;
  }

  finish(): Rows {
    return new Rows(this.#codes, this.#steps);
  }

  #add(step: number): void {
    const place = placeOfStep(this.#log, step, this.#places);
    const source = sourceOf(this.#log, step, place);
    if (this.#needle !== '' && !this.#fits(step, source)) return;
    const { beginnings } = this.#log.lines;
    const begins = this.#log.isBranch(step) || (step > 0 && beginnings.has(step));
    if (begins) this.#codes.push(code(step, 'branch'));
    const shown = `${place?.file}:${place?.line}:${source}`;
    if (begins || shown !== this.#shown) this.#codes.push(code(step, 'source'));
    this.#shown = shown;
    this.#codes.push(code(step, 'step'));
    this.#steps++;
  }

  #fits(step: number, source: string): boolean {
    const { log, starts } = this.#log.lines;
    const { text } = stepText(log, starts[step] ?? 0);
    const needle = this.#needle;
    // `r1` means the register, not r10.
    const register = /^r(\d{1,2})$/.exec(needle)?.[1];
    if (register !== undefined) return new RegExp(`\\b[rw]${register}\\b`).test(text);
    return text.toLowerCase().includes(needle) || source.toLowerCase().includes(needle);
  }
}

/** The C line of a step, '' where nothing tells it: the log's note, if it is of the same line. */
export function sourceOf(log: StepLog, step: number, place: StepPlace | undefined): string {
  const { notes, noteOf } = log.lines;
  const note = notes[noteOf[step] ?? -1];
  if (note === undefined) return '';
  return place === undefined || note.line === undefined || note.line === place.line ? note.text : '';
}
