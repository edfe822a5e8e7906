/** Figures of one run on one machine: ratios can be compared with other runs, absolute times hardly. */
export interface Row {
  name: string;
  ours: number;
  peer: number | undefined;
  unit: string;
  /** peer / ours unless the row says what its ratio is. */
  ratio: number | undefined;
  aim: string;
  met: boolean;
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds of each of `runs` executions, after `warmUp` uncounted ones. */
export async function sample(runs: number, action: () => unknown, warmUp = Math.min(3, runs)): Promise<number[]> {
  const times: number[] = [];
  for (let run = -warmUp; run < runs; run++) {
    const start = performance.now();
    await action();
    if (run >= 0) times.push(performance.now() - start);
  }
  return times;
}

export function formatTable(rows: readonly Row[]): string {
  const all = [columns, ...cellsOf(rows)];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

const columns = ['measure', 'ours', 'peer', 'unit', 'ratio', 'aim', 'met'];

function cellsOf(rows: readonly Row[]): string[][] {
  return rows.map((row) => [
    row.name,
    number(row.ours),
    row.peer === undefined ? '' : number(row.peer),
    row.unit,
    row.ratio === undefined ? '' : `${number(row.ratio)}×`,
    row.aim,
    row.met ? 'yes' : 'NO',
  ]);
}

/** The same as a table of Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...cellsOf(rows).map(line)].join('\n');
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
