import { t, translated } from '../core/text/language.ts';
import type { VerifierFailure } from '../session/verify.ts';
import { printable } from './output.ts';

/** A refused program for people: place and words first, then why, how it came to that, and what to do. */
export function describeFailure(failure: VerifierFailure): string {
  const { code, file, line, column, message, explanation, fix, story } = failure;
  return [
    `${file === null ? '' : `${place({ file, line, column })}: `}${message} [${code}]`,
    `  ${translated(explanation)}`,
    ...story.map((entry) => `  ${place(entry)}: ${translated(entry.text)}`),
    ...(fix === undefined ? [] : [`  ${t('Fix: {0}', translated(fix))}`]),
  ]
    .map(printable)
    .join('\n');
}

function place({ file, line, column }: { file: string; line: number | null; column: number | null }): string {
  return [file, line, column].filter((part) => part !== null).join(':');
}
