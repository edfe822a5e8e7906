import path from 'node:path';
import type { Generated } from './generate.ts';

/** What a search found, for people. File names are relative to `folder`. */
export function describeGenerated(generated: Generated, folder: string): string {
  const { program, branches, tests, runs, durationMs, ended, verdicts } = generated;
  const why = { time: 'when time was up', complete: 'until nothing new came', cancelled: 'when it was stopped' }[ended];
  const lines = [
    `${program}: ${branches.reached} of ${branches.total} branches, ${verdicts.join(', ')}; ${tests.length} tests`,
    `${runs} runs in ${(durationMs / 1000).toFixed(1)} s, ${why}`,
  ];
  const relative = (file: string): string => path.relative(folder, file);
  for (const { kind, message, file, line, input } of generated.problems) {
    const where = file === undefined || line === undefined ? program : `${relative(file)}:${line}`;
    lines.push('', `${kind}: ${where}: ${message}`, `  ${JSON.stringify(input)}`);
  }
  if (generated.unreached.length > 0) lines.push('', 'Not reached:');
  for (const { file, line, column, code, towards, reason, behind } of generated.unreached) {
    const way = towards === undefined ? '' : `, to line ${towards}`;
    const text = behind ? (reason ?? 'no packet came to this condition') : reason;
    lines.push(
      `  ${relative(file)}:${line}:${column}${way}: ${code}`,
      ...(text === undefined ? [] : [`      ${text}`]),
    );
  }
  if (generated.remarks.length > 0) lines.push('', ...generated.remarks);
  return `${lines.join('\n')}\n`;
}
