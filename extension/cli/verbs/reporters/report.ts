import type { TestStatus } from '../../../core/packetTest/result.ts';
import type { FileReport, PacketTestEvent } from '../../../session/packetTest/packetTest.ts';

/** Everything that was tested. */
export interface Report {
  engine: string;
  files: readonly FileReport[];
  durationMs: number;
  startedAt: Date;
}

/** Turns results into text on stdout, as they come or at the end. */
export interface Reporter {
  onEvent(event: PacketTestEvent): string;
  onEnd(report: Report): string;
}

export type Counts = Record<TestStatus, number>;

export function countOf(files: readonly FileReport[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0, error: 0 };
  for (const { results } of files) for (const { status } of results) counts[status]++;
  return counts;
}

export function isGood({ problem, results }: FileReport): boolean {
  return problem === undefined && results.every(({ status }) => status === 'passed' || status === 'skipped');
}
