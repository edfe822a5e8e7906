import path from 'node:path';
import type { Value } from '../../core/maps/value.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import { t, translated } from '../../core/text/language.ts';
import type { Generated } from './generate.ts';
import type { FoundProblem } from './problems.ts';

/** What a search found, for people and in their language. File names are relative to `folder`. */
export function describeGenerated(generated: Generated, folder: string): string {
  const { program, branches, tests, verdicts, problems, unreached, remarks } = generated;
  const { reached, total } = branches;
  const count = tests.length === 1 ? t('1 test') : t('{0} tests', tests.length);
  const lines = [
    t('{0}: {1} of {2} branches, {3}; {4}', program, reached, total, verdicts.join(', ') || t('no verdict'), count),
    effort(generated),
  ];
  if (problems.length > 0) lines.push('', t('Probably not meant:'));
  for (const { message, file, line, input } of problems) {
    const where = file === undefined || line === undefined ? program : `${shortest(folder, file)}:${line}`;
    lines.push(`  ${where}`, ...[translated(message), ...describeInput(input)].map((text) => `    ${text}`));
  }
  if (unreached.length > 0) lines.push('', t('Not reached:'));
  for (const { file, line, column, code, towards, reason, behind } of unreached) {
    const way = towards === undefined ? '' : ` → ${t('line {0}', towards)}`;
    const why = behind ? (reason ?? t('no packet came to this condition')) : reason;
    lines.push(`  ${shortest(folder, file)}:${line}:${column}: ${code}${way}`);
    if (why !== undefined) lines.push(`    ${translated(why)}`);
  }
  if (remarks.length > 0) lines.push('', ...remarks.map(translated));
  return `${lines.join('\n')}\n`;
}

function effort({ runs, durationMs, ended }: Generated): string {
  const seconds = (durationMs / 1000).toFixed(1);
  switch (ended) {
    case 'time':
      return t('{0} runs in {1} s, until time was up', runs, seconds);
    case 'complete':
      return t('{0} runs in {1} s, until nothing new came', runs, seconds);
    case 'cancelled':
      return t('{0} runs in {1} s, until it was stopped', runs, seconds);
  }
}

function shortest(folder: string, file: string): string {
  const relative = path.relative(folder, file);
  return relative.length < file.length ? relative : file;
}

/** The packet may be all bytes of a jumbo frame. Characters. */
const maxLine = 300;

/** `packet: Ether(type=0x800)`, `map rules: 7 = 1`: a line for each thing that the program is given. */
export function describeInput({ packet = null, context = null, maps = null }: FoundProblem['input']): string[] {
  const lines = [`${t('packet')}: ${isRecord(packet) ? `hex ${plain(packet['hex'])}` : plain(packet)}`];
  if (isRecord(context)) lines.push(`${t('context')}: ${fields(context)}`);
  for (const [name, entries] of isRecord(maps) ? Object.entries(maps) : []) {
    for (const entry of Array.isArray(entries) ? entries : [])
      lines.push(`${t('map {0}', name)}: ${plainEntry(entry)}`);
  }
  return lines.map((line) => (line.length > maxLine ? `${line.slice(0, maxLine)}…` : line));
}

function plainEntry(entry: Value): string {
  return isRecord(entry) && 'key' in entry ? `${plain(entry['key'])} = ${plain(entry['value'])}` : plain(entry);
}

function plain(value: Value = null): string {
  if (Array.isArray(value)) return `[${value.map(plainEntry).join(', ')}]`;
  return isRecord(value) ? `{${fields(value)}}` : String(value);
}

function fields(value: { [field: string]: Value }): string {
  return Object.entries(value)
    .map(([name, each]) => `${name} ${plain(each)}`)
    .join(', ');
}
