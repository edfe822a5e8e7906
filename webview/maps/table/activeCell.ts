import type { Row, RowCache } from '../data/rowCache.ts';
import type { GridPlace } from './gridKeys.ts';
import type { Lines } from './lines.ts';

type Rows = Pick<RowCache, 'at' | 'indexOf'>;

/**
 * The cell that the keyboard is at. It is a cell of a row, and goes with the row when a new reading puts that elsewhere: what a
 * person deletes is what was chosen, and not what came to stand there a moment ago.
 */
export class ActiveCell {
  private place: GridPlace = { line: 0, column: 0 };
  private chosen = false;
  /** Of the chosen row; undefined while it was not read yet, and in the head. */
  private id: string | undefined;
  /** Lines from the row's own to the chosen one: its CPUs and notes stand below it. */
  private below = 0;

  /** The chosen row went out of sight, and the one that stands in its place was not chosen. */
  isLost = false;

  /** -1: the head. */
  get line(): number {
    return this.place.line;
  }

  get column(): number {
    return this.place.column;
  }

  forget(): void {
    this.place = { line: 0, column: 0 };
    this.chosen = false;
    this.id = undefined;
    this.isLost = false;
  }

  /** The keyboard came here: what is marked is chosen, unless something was. */
  begin(rows: Rows, lines: Lines): void {
    if (!this.chosen) this.choose(this.place, rows, lines);
  }

  choose(place: GridPlace, rows: Rows, lines: Lines): void {
    this.place = place;
    this.chosen = true;
    this.id = undefined;
    this.follow(rows, lines);
  }

  /** After rows were read, or unfolded. */
  follow(rows: Rows, lines: Lines): void {
    const { line, column } = this.place;
    this.isLost = false;
    if (!this.chosen || line < 0) return;
    if (this.id === undefined) {
      const { index } = lines.at(line);
      this.id = rows.at(index)?.id;
      this.below = line - lines.lineOf(index);
      return;
    }
    const now = rows.indexOf(this.id);
    this.isLost = now < 0;
    if (now < 0) return;
    // CPUs may have been folded meanwhile.
    const own = lines.lineOf(now);
    this.place = { line: Math.min(own + this.below, lines.lineOf(now + 1) - 1), column };
  }

  /** The chosen row; undefined when none was chosen, and while it is out of sight. */
  row(rows: Rows): Row | undefined {
    return this.id === undefined || this.line < 0 ? undefined : rows.at(rows.indexOf(this.id));
  }
}
