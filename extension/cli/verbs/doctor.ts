import { t, translated } from '../../core/text/language.ts';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { type Check, type Diagnosis, examine } from '../../session/doctor/doctor.ts';
import { localMachine } from '../../session/doctor/localMachine.ts';
import type { Elevation } from '../../session/kernelAccess.ts';
import { padded, widthOf } from '../columns.ts';
import { oneOf, parse, type Verb } from '../command.ts';
import { printable } from '../output.ts';

export const doctor: Verb = {
  summary: 'what this machine can and cannot do, with the fix for each',
  usage: 'doctor',
  async run(args, { output, dist, build, signal }) {
    parse(this.usage, args, {}, { min: 0, max: 0 });
    const elevations: readonly Elevation[] = ['auto', 'none', 'sudo', 'pkexec'];
    const diagnosis = await examine(
      localMachine({
        helperPath: path.join(dist, 'helper.js'),
        execPath: process.execPath,
        elevation: oneOf('XDP_ELEVATION', process.env['XDP_ELEVATION'] ?? 'auto', elevations),
        build,
        ...(process.env['XDP_DEBUG'] === undefined ? {} : { onLog: (line: string) => output.note(line) }),
      }),
    );
    if (signal.aborted) throw new XdpError('cancelled', 'The examination was stopped before it finished.');
    output.result(diagnosis, () => describeDiagnosis(diagnosis));
    return diagnosis.ok ? 0 : 1;
  },
};

/** A line for each check, its fix below it, and the verdict at the end, where the eye is when the command has ended. */
export function describeDiagnosis({ ok, checks }: Diagnosis): string {
  const lines = fold(checks).map((check) => ({ ...check, title: translated(check.title) }));
  const width = Math.max(...lines.map(({ title }) => widthOf(title)));
  const asks = checks.some(({ id, status }) => id === 'load' && status === 'unknown');
  const verdict = !ok
    ? t('XDP programs cannot be loaded here yet: mend what is marked ✗.')
    : asks
      ? t('XDP programs can be compiled here; loading and attaching them asks for a password first.')
      : t('XDP programs can be compiled, loaded and attached here.');
  return [
    ...lines.flatMap((check) => [
      `${mark(check)} ${padded(check.title, width)}  ${printable(translated(check.detail))}`,
      ...(check.fix === undefined ? [] : [`  ${' '.repeat(width)}  → ${printable(translated(check.fix))}`]),
    ]),
    '',
    verdict,
  ].join('\n');
}

/** ✗ stands in the way; – is not there, and can be done without. */
function mark({ status, required }: Check): string {
  switch (status) {
    case 'ok':
      return '✓';
    case 'missing':
      return required ? '✗' : '–';
    case 'warning':
      return '!';
    case 'unknown':
      return '?';
  }
}

/** Kernel options of which there is the same to say share a line. */
function fold(checks: readonly Check[]): Check[] {
  const isOption = ({ id }: Check): boolean => id.startsWith('option-');
  const lines: Check[] = [];
  for (const check of checks) {
    if (!isOption(check) || check.status === 'missing') {
      lines.push(check);
      continue;
    }
    const alike = checks.filter((each) => isOption(each) && each.status === check.status);
    if (alike[0] !== check) continue;
    const names = alike.map(({ title }) => title.slice('CONFIG_'.length)).join(' ');
    const detail = check.status === 'unknown' ? `${names}: ${translated(check.detail)}` : names;
    lines.push({ ...check, title: t('Kernel options'), detail });
  }
  return lines;
}
