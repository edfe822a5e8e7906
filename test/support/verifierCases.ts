/**
 * A program that fails, as its source says: `// ^^^ code` below the line that is at fault. The marks stand under the
 * expression, `^` under the columns that the failure may have, `~` under the rest; `<^` is column 1, and `//^` the place of
 * the slashes without an expression. A marker in another function than the program's names the program behind the code.
 */
export interface Case {
  program: string;
  code: string;
  /** 1-based. */
  line: number;
  /** 1-based, all that are right. */
  columns: number[];
  /** What is marked, where it is more than one character. */
  expression: string | undefined;
}

export function casesOf(source: string): Case[] {
  const cases: Case[] = [];
  const lines = source.split('\n');
  let program = '';
  for (const [index, text] of lines.entries()) {
    program = /^(?:SEC\(.*\) )?(?:static |__noinline |__always_inline )*\w+ \**(\w+)\(/.exec(text)?.[1] ?? program;
    const marker = /^(\s*)\/\/(?: (<\^)| ( *)([~^]*\^[~^]*)|([~^]*\^[~^]*)) ([a-z-]+)(?: (\w+))?$/.exec(text);
    if (marker === null) continue;
    const [, indent = '', first, gap = '', apart, joined = '', code = '', named] = marker;
    // Marks that touch the slashes mean the columns of the slashes too.
    const marks = apart ?? `${joined[0]}${joined[0]}${joined}`;
    const start = apart === undefined ? indent.length : indent.length + 3 + gap.length;
    const columns =
      first === undefined ? Array.from(marks).flatMap((mark, at) => (mark === '^' ? [start + at + 1] : [])) : [1];
    const marked = (lines[index - 1] ?? '').slice(start, start + marks.length).trim();
    const isPlace = first !== undefined || marks.length === 1 || joined === '^';
    const expression = isPlace
      ? undefined
      : marked.replace(/^return |;$/g, '').replace(/ (?:[-+*/%&|^]?=?|\+\+|--)$/, '');
    cases.push({ program: named ?? program, code, line: index, columns, expression });
  }
  return cases;
}
