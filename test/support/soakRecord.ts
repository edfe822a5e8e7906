import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** What a soak found, for its report. */
export function record(part: string, outcome: Readonly<Record<string, unknown>>): void {
  const file = process.env['XDP_SOAK_RESULTS'];
  if (file === undefined) return;
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ part, ...outcome })}\n`);
}
