import path from 'node:path';
import { t, translated } from '../../core/text/language.ts';
import type { Generated } from './generate.ts';

/** What a search found, for people. File names are relative to `folder`. */
export function describeGenerated(generated: Generated, folder: string): string {
  const { program, branches, tests, runs, durationMs, ended, verdicts } = generated;
  const why = {
    time: t('when time was up'),
    complete: t('until nothing new came'),
    cancelled: t('when it was stopped'),
  }[ended];
  const lines = [
    t(
      '{0}: {1} of {2} branches, {3}; {4} tests',
      program,
      branches.reached,
      branches.total,
      verdicts.join(', '),
      tests.length,
    ),
    t('{0} runs in {1} s, {2}', runs, (durationMs / 1000).toFixed(1), why),
  ];
  const relative = (file: string): string => path.relative(folder, file);
  for (const { kind, message, file, line, input } of generated.problems) {
    const where = file === undefined || line === undefined ? program : `${relative(file)}:${line}`;
    lines.push('', `${kind}: ${where}: ${translated(message)}`, `  ${JSON.stringify(input)}`);
  }
  if (generated.unreached.length > 0) lines.push('', t('Not reached:'));
  for (const { file, line, column, code, towards, reason, behind } of generated.unreached) {
    const way = towards === undefined ? '' : t(', to line {0}', towards);
    const text = behind ? (reason ?? t('no packet came to this condition')) : reason;
    lines.push(
      `  ${relative(file)}:${line}:${column}${way}: ${code}`,
      ...(text === undefined ? [] : [`      ${translated(text)}`]),
    );
  }
  if (generated.remarks.length > 0) lines.push('', ...generated.remarks.map(translated));
  return `${lines.join('\n')}\n`;
}
