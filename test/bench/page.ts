import { markdownTable, type Row } from './measure.ts';

export interface BenchResult {
  /** ISO 8601 */
  date: string;
  commit: string;
  kernel: string;
  node: string;
  cpus: number;
  rows: readonly Row[];
}

/** docs/performance.md: the figures of one run, and how to repeat them. */
export function performancePage({ date, commit, kernel, node, cpus, rows }: BenchResult): string {
  return `# Performance

What \`npm run bench -- --page\` measured when it last ran, which writes this page: ${date.slice(0, 10)}, ${commit}, Linux ${kernel}, Node.js ${node}, ${cpus} CPUs.

Each measure stands beside its peer, the bare tool or call that does the same without us, measured in turns within the same run: so
the ratios can be compared between machines, the absolute times hardly. Where there is no peer, the aim is absolute. *Ratio* is
peer ÷ ours unless the row says otherwise; *met* compares with the aim.

The map view's first rows are counted in a browser window that is a second old. In a new one, as they were counted until November 2026,
Chromium's start of the window itself is in the figure: with the same page, in turns, it was 302 ms for 219 ms, and 389 ms for 213 ms with the
page of before.

${markdownTable(rows)}

## To repeat it

\`\`\`
npm run bench              # prints the table, and writes artifacts/bench.json
npm run bench -- --page    # writes this page too
\`\`\`

It needs root, since it loads programs, and what \`npm test\` needs. Let nothing else run meanwhile: a busy
machine shows in every row. What is measured, and how, is in \`test/bench\`, one file for each part.
`;
}
