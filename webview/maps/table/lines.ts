/** A line under a row: one CPU's values, or what is to be said about the row. */
export type SubLine = { kind: 'cpu'; slot: number } | { kind: 'note'; text: string };

/** Rows with lines under them, in rising order. */
export interface Unfolded {
  index: number;
  lines: readonly SubLine[];
}

/** The lines that a table has: a line a row, and those under the unfolded ones. */
export class Lines {
  readonly total: number;
  private readonly unfolded: readonly Unfolded[];

  constructor(rows: number, unfolded: readonly Unfolded[]) {
    this.unfolded = unfolded.filter(({ index }) => index < rows);
    this.total = this.unfolded.reduce((sum, { lines }) => sum + lines.length, rows);
  }

  /** The line of a row, above those that stand under it. */
  lineOf(index: number): number {
    return this.unfolded.reduce((sum, each) => sum + (each.index < index ? each.lines.length : 0), index);
  }

  at(line: number): { index: number; sub: SubLine | undefined } {
    let before = 0;
    for (const { index, lines } of this.unfolded) {
      if (line <= index + before) break;
      const sub = lines[line - index - before - 1];
      if (sub !== undefined) return { index, sub };
      before += lines.length;
    }
    return { index: line - before, sub: undefined };
  }
}
