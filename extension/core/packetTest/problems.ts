import { XdpError } from '../errors.ts';
import { t, translated } from '../text/language.ts';

/** Where something stands in a test file. Lines and columns count from 1, columns in UTF-16 code units as editors do. */
export interface Place {
  /** UTF-16 code units from the start of the text. */
  readonly offset: number;
  readonly length: number;
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Place {
  /** What is wrong. */
  readonly message: string;
  /** What would be right, as a noun phrase. */
  readonly expected?: string;
  /** What to do, as a sentence. */
  readonly fix?: string;
}

/** More than this help nobody; a hostile file may have millions. */
const maxProblems = 100;

/** Collects what is wrong with one file, with places. */
export class Problems {
  readonly list: Problem[] = [];
  readonly #lineStarts: number[];

  constructor(text: string) {
    this.#lineStarts = [0];
    for (const match of text.matchAll(/\r\n|\r|\n/g)) this.#lineStarts.push(match.index + match[0].length);
  }

  add(span: { offset: number; length: number }, message: string, more: { expected?: string; fix?: string } = {}): void {
    if (this.list.length < maxProblems) this.list.push({ ...this.place(span), message, ...more });
  }

  place({ offset, length }: { offset: number; length: number }): Place {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { offset, length, line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

/** `line:column: what is wrong Expected … .` */
export function describeProblem({ line, column, message, expected, fix }: Problem): string {
  const wanted = expected === undefined ? '' : ` Expected: ${expected}.`;
  return `${line}:${column}: ${message}${wanted}${fix === undefined ? '' : ` ${fix}`}`;
}

/** The same in the reader's language. */
export function problemInWords({ expected, fix, ...about }: Problem): string {
  const wanted = expected === undefined ? '' : t(' Expected: {0}.', translated(expected));
  return describeProblem({
    ...about,
    message: translated(about.message) + wanted + (fix === undefined ? '' : ` ${translated(fix)}`),
  });
}

/** A test file that cannot be used; `problems` says everything that is wrong with it. */
export class TestFileInvalid extends XdpError {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const [first] = problems;
    const count = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    super('test-file-invalid', `${file}:${first ? describeProblem(first) : ' it is not a packet test file.'}${count}`, {
      fix: 'docs/test-file.md describes the format; in VS Code the file is checked as you type.',
      details: { file, line: first?.line ?? null, column: first?.column ?? null },
    });
    this.problems = problems;
  }
}
