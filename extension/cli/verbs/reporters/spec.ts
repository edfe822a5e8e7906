import path from 'node:path';
import type { Value } from '../../../core/maps/value.ts';
import { describeProblem, TestFileInvalid } from '../../../core/packetTest/problems.ts';
import type { Difference, Failure, TestResult } from '../../../core/packetTest/result.ts';
import type { FileReport, PacketTestEvent } from '../../../session/packetTest/packetTest.ts';
import { printable } from '../../output.ts';
import { countOf, type Report, type Reporter } from './report.ts';

/** For people: one line a test, and for what failed what was expected, what came, and where they differ. */
export const specReporter: Reporter = {
  onEvent(event: PacketTestEvent): string {
    switch (event.kind) {
      case 'fileStarted':
        return `${relative(event.file)}  ${printable(event.program ?? '')}`.trimEnd().concat('\n');
      case 'tested':
        return `${describeTest(event.file, event.result).join('\n')}\n`;
      case 'fileEnded':
        return event.report.problem === undefined ? '\n' : `${describeFileProblem(event.report)}\n\n`;
    }
  },
  onEnd: summary,
};

function describeTest(file: string, result: TestResult): string[] {
  const name = printable(result.name);
  switch (result.status) {
    case 'passed':
      return [`  ✓ ${name}${timeText(result)}`];
    case 'skipped':
      return [`  - ${name} (${printable(result.skip ?? 'skipped')})`];
    case 'error': {
      const { problem } = result;
      const place = problem?.place ?? result.place;
      const lines = [problem?.message, problem?.fix].flatMap((text) => (text === undefined ? [] : text.split('\n')));
      return [
        `  ✗ ${name}`,
        `      ${where(file, place)}  could not run`,
        ...lines.map((line) => `      ${printable(line)}`),
      ];
    }
    case 'failed':
      return [`  ✗ ${name}`, ...result.failures.flatMap((failure) => describeFailure(file, failure))];
  }
}

function timeText({ times }: TestResult): string {
  return times === undefined ? '' : `  (${times.medianNs} ns, ${times.minNs} to ${times.maxNs})`;
}

function describeFailure(file: string, failure: Failure): string[] {
  return [
    `      ${where(file, failure.place)}  ${printable(failure.path)}`,
    `      ${printable(failure.message)}`,
    ...values(failure),
  ].map((line) => line.trimEnd());
}

/** Differences say more than two long values beside each other; where there are none, the values are shown. */
function values({ differences, sides, expected, actual }: Failure): string[] {
  if (differences.length > 0) return describeDifferences(differences, sides);
  if (expected === undefined && actual === undefined) return [];
  return [`        expected  ${text(expected)}`, `        actual    ${text(actual)}`];
}

const shownDifferences = 20;

function describeDifferences(
  differences: readonly Difference[],
  sides: NonNullable<Failure['sides']> = { expected: 'expected', actual: 'actual' },
): string[] {
  const shown = differences.slice(0, shownDifferences);
  const rows = shown.map(({ what, expected, actual }) => [printable(what), text(expected), text(actual)] as const);
  const width = (column: 0 | 1): number => Math.max(8, ...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  const more = differences.length - shown.length;
  return [
    `        ${''.padEnd(first)}  ${sides.expected.padEnd(second)}  ${sides.actual}`,
    ...rows.map(([what, expected, actual]) => `        ${what.padEnd(first)}  ${expected.padEnd(second)}  ${actual}`),
    ...(more > 0 ? [`        and ${more} more`] : []),
  ];
}

/** Keys, values and packets; a packet of 9000 bytes is not to be read on a terminal. */
function text(value: Value | undefined): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  return printable(whole.length > 120 ? `${whole.slice(0, 120)}…` : whole);
}

function describeFileProblem({ file, problem }: FileReport): string {
  if (problem instanceof TestFileInvalid) {
    const lines = problem.problems.map((each) => `  ${relative(file)}:${printable(describeProblem(each))}`);
    return [`✗ ${relative(file)} is not a valid packet test file:`, ...lines].join('\n');
  }
  const lines = [problem?.message, problem?.fix].flatMap((each) => (each === undefined ? [] : each.split('\n')));
  const log = problem?.code === 'program-rejected' ? problem.details['log'] : undefined;
  const logLines = typeof log === 'string' ? ['', ...log.trimEnd().split('\n')] : [];
  return [`✗ ${relative(file)} could not run:`, ...[...lines, ...logLines].map((line) => `  ${printable(line)}`)].join(
    '\n',
  );
}

function summary({ files, durationMs }: Report): string {
  const counts = countOf(files);
  const broken = files.filter(({ problem }) => problem !== undefined).length;
  const parts = [
    `${counts.passed} passed`,
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.error > 0 ? [`${counts.error} could not run`] : []),
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
    ...(broken > 0 ? [`${broken} of ${files.length} files could not be tested`] : []),
  ];
  return `${parts.join(', ')} (${files.length} ${files.length === 1 ? 'file' : 'files'}, ${Math.round(durationMs)} ms)\n`;
}

function where(file: string, { line, column }: { line: number; column: number }): string {
  return `${relative(file)}:${line}:${column}`;
}

/** As short as terminals and editors can still follow. */
function relative(file: string): string {
  const short = path.relative('', file);
  return printable(short.startsWith('..') ? file : short);
}
