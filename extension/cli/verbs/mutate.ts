import path from 'node:path';
import { t, translated } from '../../core/text/language.ts';
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
    t(
      '{0}: {1} of {2} changes noticed, {3} not, {4} where no test comes',
      relative(report.file),
      killed,
      report.mutants.length,
      survived,
      unreached,
    ) + (skipped === 0 ? '' : t(', {0} not tried for want of time', skipped)),
  ];
  for (const mutant of report.mutants) {
    if (mutant.status === 'killed' || mutant.status === 'skipped') continue;
    const { file, line, column, from, to, text, status, ranBy } = mutant;
    const why =
      status === 'unreached'
        ? t('no test comes here')
        : ranBy.length === 1
          ? t('passed by the test that comes here')
          : t('passed by all {0} tests that come here', ranBy.length);
    lines.push(`  ${relative(file)}:${line}:${column}: ${t('{0} became {1}', from, to)}: ${why}`, `      ${text}`);
  }
  for (const { name, why } of report.failing)
    lines.push(t('Not counted, since it does not pass as it is: {0}: {1}', name, translated(why)));
  return [...lines, ...report.remarks.map(translated)].join('\n');
}

function relative(file: string): string {
  return path.relative(process.cwd(), file);
}
