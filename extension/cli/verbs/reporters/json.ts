import { toErrorData } from '../../../core/errors.ts';
import { TestFileInvalid } from '../../../core/packetTest/problems.ts';
import type { Difference, Failure, TestResult } from '../../../core/packetTest/result.ts';
import { toHex } from '../../../core/packet/hex.ts';
import type { FileReport } from '../../../session/packetTest/packetTest.ts';
import { countOf, isGood, type Report, type Reporter } from './report.ts';

/** Exactly one JSON document, when everything has ended. */
export const jsonReporter: Reporter = {
  onEvent: () => '',
  onEnd: (report) => `${JSON.stringify(reportJson(report))}\n`,
};

export function reportJson({ engine, files, durationMs }: Report): unknown {
  const { passed, failed, skipped, error } = countOf(files);
  return {
    ok: files.every(isGood),
    engine,
    passed,
    failed,
    skipped,
    errors: error,
    durationMs: rounded(durationMs),
    files: files.map(fileJson),
  };
}

function fileJson(report: FileReport): unknown {
  const { file, source, program, problem, results, durationMs } = report;
  return {
    file,
    ...(source === undefined ? {} : { source }),
    ...(program === undefined ? {} : { program }),
    ok: isGood(report),
    durationMs: rounded(durationMs),
    ...(problem === undefined ? {} : { error: toErrorData(problem) }),
    ...(problem instanceof TestFileInvalid ? { problems: problem.problems } : {}),
    tests: results.map(testJson),
  };
}

function testJson(result: TestResult): unknown {
  const { name, place, status, skip, problem, durationMs, failures, steps, times } = result;
  return {
    name,
    ok: status === 'passed' || status === 'skipped',
    status,
    line: place.line,
    column: place.column,
    durationMs: rounded(durationMs),
    ...(skip === undefined ? {} : { skip }),
    ...(problem === undefined
      ? {}
      : {
          error: {
            message: problem.message,
            fix: problem.fix,
            ...(problem.engine === undefined ? {} : { engine: problem.engine }),
            line: problem.place.line,
            column: problem.place.column,
          },
        }),
    ...(times === undefined ? {} : { times }),
    packets: steps.map(({ action, packetIn, packetOut }) => ({
      action,
      packetIn: toHex(packetIn),
      packetOut: toHex(packetOut),
    })),
    failures: failures.map(({ path, message, expected, actual, differences, sides, place: at }) => ({
      path,
      message,
      ...(expected === undefined ? {} : { expected }),
      ...(actual === undefined ? {} : { actual }),
      ...(differences.length === 0
        ? {}
        : { differences: sides === undefined ? differences : differences.map((each) => sided(each, sides)) }),
      line: at.line,
      column: at.column,
    })),
  };
}

/** `{what, kernel, vm}`, as `xdp run --engine both` has it. */
function sided({ what, expected, actual }: Difference, sides: NonNullable<Failure['sides']>): unknown {
  return { what, [sides.expected]: expected, [sides.actual]: actual };
}

/** Microseconds are all that a clock across processes can mean. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
