import { translated } from '../core/text/language.ts';
import { once } from 'node:events';
import { type XdpErrorCode, type XdpErrorData, toErrorData } from '../core/errors.ts';
import { padded, paddedLeft, widthOf } from './columns.ts';
import type { CompileDiagnostic } from '../session/bpfObject.ts';
import type { ExitCode } from './command.ts';

/**
 * Where a verb's words go. With `--json`: exactly one JSON document on stdout (one per line where a verb streams), and
 * all text on stderr. Without: text on stdout, errors on stderr.
 */
export class Output {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** The verb's result: the document with `--json`, the text without. */
  result(document: unknown, text: () => string): void {
    if (this.json) process.stdout.write(`${JSON.stringify(document)}\n`);
    else process.stdout.write(ensureNewline(printable(text())));
  }

  /** A result in pieces, for what is too large for one string; waits while the reader is slower. */
  async pieces(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
    }
  }

  /** Progress and remarks: never part of the result. */
  note(text: string): void {
    process.stderr.write(ensureNewline(printable(this.json ? text : translated(text))));
  }

  error(error: unknown): void {
    const data = toErrorData(error);
    if (this.json) process.stdout.write(`${JSON.stringify({ ok: false, error: withoutEmptyDetails(data) })}\n`);
    const inLanguage = this.json ? (text: string) => text : translated;
    process.stderr.write(`xdp: ${printable(inLanguage(data.message))}\n`);
    for (const line of data.fix === undefined ? [] : inLanguage(data.fix).split('\n'))
      process.stderr.write(`     ${printable(line)}\n`);
    const log = data.details?.['log'];
    if (data.code === 'program-rejected' && typeof log === 'string' && !this.json)
      process.stderr.write(`\n${printable(log)}\n`);
  }
}

/** What is an answer, and what is a problem with the request or the machine. */
export function exitCodeOf(error: unknown): ExitCode {
  const answers: readonly XdpErrorCode[] = ['compile-failed', 'program-rejected', 'nothing-attached'];
  return answers.includes(toErrorData(error).code) ? 1 : 2;
}

function withoutEmptyDetails(data: XdpErrorData): XdpErrorData {
  const { details, ...rest } = data;
  return details && Object.keys(details).length > 0 ? data : rest;
}

/** C0 and C1 but for tab and newline; and what turns the direction of text, so that a name can look like another. */
// oxlint-disable-next-line no-control-regex -- control characters are what this finds.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu;

/** Names come from files, maps and interfaces of other people: no terminal escape of theirs reaches the terminal. */
export function printable(text: string): string {
  return text.replace(controls, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** What clang said, in its own form. */
export function describeDiagnostic({ file, line, column, severity, message }: CompileDiagnostic): string {
  return printable(`${file}:${line}:${column}: ${severity}: ${translated(message)}`);
}

/** A name among other words: it does not begin a line of its own, which could look like one of ours. */
export function onOneLine(text: string): string {
  return printable(text).replaceAll('\n', String.raw`\n`).replaceAll('\t', String.raw`\t`);
}

/** Columns aligned by their widest cell; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(onOneLine));
  const widths = header.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  const numeric = header.map(
    (_, column) =>
      rows.every((row) => /^-?[\d,.]*$/.test(row[column] ?? '')) && rows.some((row) => /\d/.test(row[column] ?? '')),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => (numeric[column] ? paddedLeft : padded)(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function ensureNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
