import type { TestResult } from '../../../core/packetTest/result.ts';
import { describeProblem, TestFileInvalid } from '../../../core/packetTest/problems.ts';
import type { FileReport } from '../../../session/packetTest/packetTest.ts';
import { countOf, type Counts, type Report, type Reporter } from './report.ts';

/** JUnit XML as CI servers read it: a suite for each file, a case for each test. A file that could not run is a case with an error. */
export const junitReporter: Reporter = {
  onEvent: () => '',
  onEnd: junitXml,
};

function junitXml({ files, durationMs, startedAt }: Report): string {
  const counts = countOf(files);
  const broken = files.filter(({ problem }) => problem !== undefined).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: 'xdp test', ...totals(counts, broken), time: seconds(durationMs) })}>`,
    ...files.map((file) => suite(file, startedAt)),
    '</testsuites>',
    '',
  ].join('\n');
}

function totals({ passed, failed, skipped, error }: Counts, broken: number): Record<string, string> {
  const tests = passed + failed + skipped + error + broken;
  return { tests: `${tests}`, failures: `${failed}`, errors: `${error + broken}`, skipped: `${skipped}` };
}

function suite(report: FileReport, startedAt: Date): string {
  const { file, problem, results, durationMs } = report;
  const about = {
    name: file,
    ...totals(countOf([report]), problem === undefined ? 0 : 1),
    time: seconds(durationMs),
    timestamp: startedAt.toISOString().replace(/\.\d+Z$/, ''),
  };
  const className = report.program ?? 'xdp test';
  return [
    `  <testsuite ${attributes(about)}>`,
    ...results.map((result) => testCase(file, className, result)),
    ...(problem === undefined ? [] : [brokenFile(file, className, problem)]),
    '  </testsuite>',
  ].join('\n');
}

function testCase(file: string, classname: string, result: TestResult): string {
  const about = { name: result.name, classname, file, line: `${result.place.line}`, time: seconds(result.durationMs) };
  const content = caseContent(file, result);
  const open = `    <testcase ${attributes(about)}`;
  return content === undefined ? `${open}/>` : `${open}>\n      ${content}\n    </testcase>`;
}

function caseContent(file: string, { status, skip, problem, failures }: TestResult): string | undefined {
  switch (status) {
    case 'passed':
      return undefined;
    case 'skipped':
      return `<skipped ${attributes({ message: skip ?? 'skipped' })}/>`;
    case 'error':
      return element(
        'error',
        problem?.message ?? '',
        [problem?.message, problem?.fix].filter((line) => line !== undefined).join('\n'),
      );
    case 'failed': {
      const text = failures.flatMap(({ path, message, expected, actual, differences, sides, place }) => [
        `${file}:${place.line}:${place.column} ${path}`,
        message,
        ...(expected === undefined ? [] : [`expected: ${JSON.stringify(expected)}`]),
        ...(actual === undefined ? [] : [`actual:   ${JSON.stringify(actual)}`]),
        ...differences.map(
          ({ what, ...each }) =>
            `  ${what}: ${sides?.expected ?? 'expected'} ${JSON.stringify(each.expected)}, ${sides?.actual ?? 'actual'} ${JSON.stringify(each.actual)}`,
        ),
      ]);
      return element('failure', failures[0]?.message ?? '', text.join('\n'));
    }
  }
}

function brokenFile(file: string, classname: string, problem: NonNullable<FileReport['problem']>): string {
  const lines =
    problem instanceof TestFileInvalid ? problem.problems.map((each) => `${file}:${describeProblem(each)}`) : [];
  const text = [problem.message, problem.fix, ...lines].filter((line) => line !== undefined).join('\n');
  const about = { name: 'the test file', classname, file, time: '0.000' };
  return `    <testcase ${attributes(about)}>\n      ${element('error', problem.message, text)}\n    </testcase>`;
}

function element(name: 'failure' | 'error', message: string, text: string): string {
  return `<${name} ${attributes({ message, type: name })}>${escapeXml(text)}</${name}>`;
}

function attributes(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escapeXml(value).replaceAll('\n', '&#10;')}"`)
    .join(' ');
}

/** What XML 1.0 cannot hold at all (most control characters, half surrogates, U+FFFE and U+FFFF) becomes U+FFFD. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"]/g, (char) => entities[char] ?? char);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}
