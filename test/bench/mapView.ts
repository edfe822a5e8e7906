import { execFileSync } from 'node:child_process';
import type { Row } from './measure.ts';

/** As test/ui/webviewTrace.mjs prints it. */
interface Trace {
  p95Ms: number;
  wallP95Ms: number;
  longestScrollTaskMs: number;
  firstRowsMs: number;
}

/** The map view in Chromium, with 100,000 rows on 128 CPUs of which every number moves ten times a second. */
export function mapViewRows(): Row[] {
  const output = execFileSync(process.execPath, ['test/ui/webviewHarness.mjs', 'trace'], { encoding: 'utf8' });
  const { p95Ms, wallP95Ms, longestScrollTaskMs, firstRowsMs } = JSON.parse(output) as Trace;
  const row = (name: string, ours: number, most: number): Row => ({
    name,
    ours,
    peer: undefined,
    unit: 'ms',
    ratio: undefined,
    aim: `≤ ${most} ms`,
    met: ours <= most,
  });
  return [
    row('map view, 100,000 rows × 128 CPUs at 10 Hz: script + layout an update (p95, processor time)', p95Ms, 16),
    row('the same as time that went by, other processes included', wallP95Ms, 16),
    row('map view while scrolling: longest task (processor time)', longestScrollTaskMs, 50),
    row('map view: from the page to the first rows', firstRowsMs, 150),
  ];
}
