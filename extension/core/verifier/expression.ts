/**
 * The C expression that a column of a source line belongs to. clang places a read at the name of the field or variable, a
 * write at its operator, a call at the name of the function, and what a `return` does at the `return`.
 */
export function expressionAt(line: string, column: number): string | undefined {
  const text = line.slice(0, maxLineChars);
  let at = column - 1;
  if (at < 0 || at >= text.length) return undefined;
  if (isWord(text[at])) {
    while (at > 0 && isWord(text[at - 1])) at--;
    const word = wordAt(text, at);
    if (word === 'return') return returned(text.slice(at + word.length));
    if (statements.has(word) || /^\d/.test(word)) return undefined;
    // An index stands at the start of what it indexes: `eth` of `eth->h_source[0]`.
    const path = /^(?:(?:->|\.)\w+)+(?=\[)/.exec(text.slice(at + word.length))?.[0].length ?? 0;
    return tidy(text.slice(startOf(text, at), rightEnd(text, at + word.length + path)));
  }
  const operator = /^(?:<<|>>|[-+*/%&|^])?=(?!=)|^(?:\+\+|--)/.exec(text.slice(at));
  if (operator !== null) {
    const name = postfixStart(text, at);
    if (name !== undefined) return tidy(text.slice(startOf(text, name), at));
  }
  const binary = /^(?:<<|>>|&&|\|\||[-+*/%&|^])(?=\s)/.exec(text.slice(at));
  if (binary !== null) {
    const name = postfixStart(text, at);
    const right = operandEnd(text, at + binary[0].length);
    if (name !== undefined) return tidy(text.slice(startOf(text, name), right));
  }
  if (/^\*+\s*[\w(]/.test(text.slice(at))) return tidy(text.slice(at, operandEnd(text, at)));
  return undefined;
}

const maxLineChars = 1024;
const maxExpressionChars = 200;
const statements = new Set([
  'if',
  'for',
  'while',
  'do',
  'switch',
  'case',
  'else',
  'goto',
  'break',
  'continue',
  'asm',
  '__asm__',
  'int',
  'void',
  'static',
  'struct',
  'char',
  'long',
  'unsigned',
]);

function isWord(char: string | undefined): boolean {
  return char !== undefined && /\w/.test(char);
}

function wordAt(text: string, at: number): string {
  return /^\w+/.exec(text.slice(at))?.[0] ?? '';
}

function returned(rest: string): string | undefined {
  const end = rest.indexOf(';');
  const text = tidy(end < 0 ? rest : rest.slice(0, end));
  // A plain number or constant is not what fails.
  return text !== undefined && /^(?:-?\d\w*|[A-Z][A-Z\d_]*)$/.test(text) ? undefined : text;
}

/** Start of the expression whose last name starts at `name`: over `->` and `.` to the left, and the stars before it. */
function startOf(text: string, name: number): number {
  let at = name;
  for (;;) {
    const join = /(?:->|\.)\s*$/.exec(text.slice(0, at));
    if (join === null) break;
    const start = postfixStart(text, join.index);
    if (start === undefined) break;
    at = start;
  }
  // A star is a dereference where no operand stands before it.
  const stars = /(?:^|[=(,;{!?:&|+<>-]|\breturn)\s*(\*+)$/.exec(text.slice(0, at));
  return stars === null ? at : at - (stars[1] ?? '').length;
}

/** Start of the name, call, index or bracket that ends right before `end`. */
function postfixStart(text: string, end: number): number | undefined {
  let at = text.slice(0, end).trimEnd().length;
  while (text[at - 1] === ']' || text[at - 1] === ')') {
    const open = opening(text, at - 1);
    if (open === undefined) return undefined;
    at = open;
    if (!/[\w\])]/.test(text[at - 1] ?? '')) return at;
  }
  const word = /\w+$/.exec(text.slice(0, at))?.[0] ?? '';
  return word === '' ? undefined : at - word.length;
}

function rightEnd(text: string, from: number): number {
  let at = from;
  while (text[at] === '[' || text[at] === '(') {
    const close = closing(text, at);
    if (close === undefined) return at === from ? from : at;
    at = close + 1;
  }
  return at;
}

function operandEnd(text: string, from: number): number {
  let at = from;
  while (/[*\s]/.test(text[at] ?? '')) at++;
  while (text[at] === '(') {
    const close = closing(text, at);
    if (close === undefined) return text.length;
    at = close + 1;
  }
  for (;;) {
    const piece = /^(?:\w+|->|\.|&)/.exec(text.slice(at));
    if (piece !== null) at += piece[0].length;
    else if (text[at] === '[' || text[at] === '(') {
      const close = closing(text, at);
      if (close === undefined) return at;
      at = close + 1;
    } else return at;
  }
}

function closing(text: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(' || text[at] === '[') depth++;
    else if ((text[at] === ')' || text[at] === ']') && --depth === 0) return at;
  }
  return undefined;
}

function opening(text: string, close: number): number | undefined {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (text[at] === ')' || text[at] === ']') depth++;
    else if ((text[at] === '(' || text[at] === '[') && --depth === 0) return at;
  }
  return undefined;
}

function tidy(text: string): string | undefined {
  const short = text.trim().replaceAll(/\s+/g, ' ');
  return short === '' || short.length > maxExpressionChars ? undefined : short;
}
