import path from 'node:path';
import { checkByMutation, type MutantResult, type MutationReport } from '../../session/mutation/mutationCheck.ts';
import type { Context, ExitCode } from '../command.ts';

/** For one test file: changed programs take a millisecond or two each. */
const timeMs = 120_000;

/** `xdp test --mutate`: which tests would notice if a comparison or a verdict were another? Exit 1 when tests do not pass as it is. */
export async function mutate(files: readonly string[], { build, signal, output }: Context): Promise<ExitCode> {
  const reports: MutationReport[] = [];
  for (const file of files) reports.push(await checkByMutation({ file, build, timeMs, signal }));
  const ok = reports.every(({ failing }) => failing.length === 0);
  output.result({ ok, files: reports.map((report) => ({ ...report, ...totals(report) })) }, () =>
    reports.map(describe).join('\n'),
  );
  return ok ? 0 : 1;
}

interface Totals {
  killed: number;
  survived: number;
  unreached: number;
  skipped: number;
}

function totals({ mutants }: MutationReport): Totals {
  const count = (status: MutantResult['status']): number => mutants.filter((each) => each.status === status).length;
  return {
    killed: count('killed'),
    survived: count('survived'),
    unreached: count('unreached'),
    skipped: count('skipped'),
  };
}

function describe(report: MutationReport): string {
  const { killed, survived, unreached, skipped } = totals(report);
  const lines = [
    `${relative(report.file)}: ${killed} of ${report.mutants.length} changes noticed, ${survived} not, ${unreached} where no test comes` +
      (skipped === 0 ? '' : `, ${skipped} not tried for want of time`),
  ];
  for (const mutant of report.mutants) {
    if (mutant.status === 'killed' || mutant.status === 'skipped') continue;
    const { file, line, column, from, to, text, status, ranBy } = mutant;
    const why =
      status === 'unreached'
        ? 'no test comes here'
        : `passed by ${ranBy.length === 1 ? 'the test that comes' : `all ${ranBy.length} tests that come`} here`;
    lines.push(`  ${relative(file)}:${line}:${column}: ${from} became ${to}: ${why}`, `      ${text}`);
  }
  for (const { name, why } of report.failing)
    lines.push(`Not counted, since it does not pass as it is: ${name}: ${why}`);
  return [...lines, ...report.remarks].join('\n');
}

function relative(file: string): string {
  return path.relative(process.cwd(), file);
}
