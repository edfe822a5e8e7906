import path from 'node:path';
import type { Value } from '../../../core/maps/value.ts';
import { problemInWords, TestFileInvalid } from '../../../core/packetTest/problems.ts';
import type { Difference, Failure, TestResult } from '../../../core/packetTest/result.ts';
import { t, translated } from '../../../core/text/language.ts';
import type { FileReport, PacketTestEvent } from '../../../session/packetTest/packetTest.ts';
import { padded, widthOf } from '../../columns.ts';
import { onOneLine, printable } from '../../output.ts';
import { countOf, type Report, type Reporter } from './report.ts';

/** For people: one line a test, and for what failed what was expected, what came, and where they differ. */
export const specReporter: Reporter = {
  onEvent(event: PacketTestEvent): string {
    switch (event.kind) {
      case 'fileStarted':
        return `${relative(event.file)}  ${onOneLine(event.program ?? '')}`.trimEnd().concat('\n');
      case 'tested':
        return `${describeTest(event.file, event.result).join('\n')}\n`;
      case 'fileEnded':
        return event.report.problem === undefined ? '\n' : `${describeFileProblem(event.report)}\n\n`;
    }
  },
  onEnd: summary,
};

function describeTest(file: string, result: TestResult): string[] {
  const name = onOneLine(result.name);
  switch (result.status) {
    case 'passed':
      return [`  ✓ ${name}${timeText(result)}`];
    case 'skipped':
      return [`  - ${name} (${onOneLine(result.skip ?? t('skipped'))})`];
    case 'error': {
      const { problem } = result;
      const place = problem?.place ?? result.place;
      const lines = [problem?.message, problem?.fix].flatMap((text) =>
        text === undefined ? [] : translated(text).split('\n'),
      );
      return [
        `  ✗ ${name}`,
        `      ${where(file, place)}  ${t('could not run')}`,
        ...lines.map((line) => `      ${printable(line)}`),
      ];
    }
    case 'failed':
      return [`  ✗ ${name}`, ...result.failures.flatMap((failure) => describeFailure(file, failure))];
  }
}

function timeText({ times }: TestResult): string {
  return times === undefined ? '' : `  (${t('{0} ns, {1} to {2}', times.medianNs, times.minNs, times.maxNs)})`;
}

function describeFailure(file: string, failure: Failure): string[] {
  return [
    `      ${where(file, failure.place)}  ${onOneLine(failure.path)}`,
    ...translated(failure.message)
      .split('\n')
      .map((line) => `      ${printable(line)}`),
    ...values(failure),
  ].map((line) => line.trimEnd());
}

/** Differences say more than two long values beside each other; where there are none, the values are shown. */
function values({ differences, sides, expected, actual }: Failure): string[] {
  if (differences.length > 0) return describeDifferences(differences, sides);
  if (expected === undefined && actual === undefined) return [];
  return [
    `        ${padded(t('expected'), 8)}  ${text(expected)}`,
    `        ${padded(t('actual'), 8)}  ${text(actual)}`,
  ];
}

const shownDifferences = 20;

function describeDifferences(
  differences: readonly Difference[],
  sides: NonNullable<Failure['sides']> = { expected: t('expected'), actual: t('actual') },
): string[] {
  const shown = differences.slice(0, shownDifferences);
  const rows = shown.map(({ what, expected, actual }) => [onOneLine(what), text(expected), text(actual)] as const);
  const width = (column: 0 | 1): number => Math.max(8, ...rows.map((row) => widthOf(row[column])));
  const [first, second] = [width(0), width(1)];
  const more = differences.length - shown.length;
  return [
    `        ${padded('', first)}  ${padded(translated(sides.expected), second)}  ${translated(sides.actual)}`,
    ...rows.map(([what, expected, actual]) => `        ${padded(what, first)}  ${padded(expected, second)}  ${actual}`),
    ...(more > 0 ? [`        ${t('and {0} more', more)}`] : []),
  ];
}

/** Keys, values and packets; a packet of 9000 bytes is not to be read on a terminal. */
function text(value: Value | undefined): string {
  if (value === undefined || value === null || value === '') return t('nothing');
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  return onOneLine(whole.length > 120 ? `${whole.slice(0, 120)}…` : whole);
}

function describeFileProblem({ file, problem }: FileReport): string {
  if (problem instanceof TestFileInvalid) {
    const lines = problem.problems.map((each) => `  ${relative(file)}:${onOneLine(problemInWords(each))}`);
    return [`✗ ${t('{0} is not a valid packet test file:', relative(file))}`, ...lines].join('\n');
  }
  const lines = [problem?.message, problem?.fix].flatMap((each) =>
    each === undefined ? [] : translated(each).split('\n'),
  );
  const log = problem?.code === 'program-rejected' ? problem.details['log'] : undefined;
  const logLines = typeof log === 'string' ? ['', ...log.trimEnd().split('\n')] : [];
  return [
    `✗ ${t('{0} could not run:', relative(file))}`,
    ...[...lines, ...logLines].map((line) => `  ${printable(line)}`),
  ].join('\n');
}

function summary({ files, durationMs }: Report): string {
  const counts = countOf(files);
  const broken = files.filter(({ problem }) => problem !== undefined).length;
  const parts = [
    t('{0} passed', counts.passed),
    ...(counts.failed > 0 ? [t('{0} failed', counts.failed)] : []),
    ...(counts.error > 0 ? [t('{0} could not run', counts.error)] : []),
    ...(counts.skipped > 0 ? [t('{0} skipped', counts.skipped)] : []),
    ...(broken > 0 ? [t('{0} of {1} files could not be tested', broken, files.length)] : []),
  ];
  const filesText = files.length === 1 ? t('1 file') : t('{0} files', files.length);
  return `${parts.join(', ')} (${filesText}, ${Math.round(durationMs)} ms)\n`;
}

function where(file: string, { line, column }: { line: number; column: number }): string {
  return `${relative(file)}:${line}:${column}`;
}

/** As short as terminals and editors can still follow. */
function relative(file: string): string {
  const short = path.relative('', file);
  return onOneLine(short.startsWith('..') ? file : short);
}
