import type { BranchForm } from './types.ts';

/** Offsets into a text; `end` is behind the last character. */
export interface Span {
  start: number;
  end: number;
}

/** A place of the source where the program goes one way or another. */
export interface Condition {
  form: BranchForm;
  /** Where the compiler puts the jumps: from the keyword to behind the condition. */
  extent: Span;
  /** The expression. */
  test: Span;
  /** What runs when it is true; of a switch its body. */
  yes: Span | undefined;
  no: Span | undefined;
}

/**
 * The conditions of a source: of if, loops, switch, ?: and of returned comparisons. `code`: the text with comments, literals
 * and preprocessor lines as spaces. What is not understood (half of a macro) is left out.
 */
export function findConditions(code: string): Condition[] {
  const found: Condition[] = [];
  for (const match of code.matchAll(/\b(?:if|while|for|do|switch|return)\b|\?/g)) {
    const at = match.index;
    const condition = match[0] === '?' ? choiceAt(code, at) : keywordAt(code, match[0], at);
    if (condition !== undefined) found.push(condition);
  }
  return found;
}

function keywordAt(code: string, keyword: string, at: number): Condition | undefined {
  switch (keyword) {
    case 'do':
      return doAt(code, at);
    case 'return':
      return returnAt(code, at);
    default:
      return headAt(code, keyword, at);
  }
}

function headAt(code: string, keyword: string, at: number): Condition | undefined {
  const open = skipSpace(code, at + keyword.length);
  const close = code[open] === '(' ? closing(code, open) : undefined;
  if (close === undefined) return undefined;
  const inside = { start: open + 1, end: close };
  const test = keyword === 'for' ? forTest(code, inside) : inside;
  // `do … while (…);` is found by its `do`; `for (;;)` asks nothing.
  if (test === undefined || (keyword === 'while' && isEndOfDo(code, at, close))) return undefined;
  const yes = statementAt(code, close + 1);
  if (yes === undefined) return undefined;
  const extent = { start: at, end: close + 1 };
  if (keyword !== 'if') return { form: keyword === 'switch' ? 'switch' : 'loop', extent, test, yes, no: undefined };
  const next = skipSpace(code, yes.end);
  const no = /^else\b/.test(code.slice(next, next + 5)) ? statementAt(code, next + 4) : undefined;
  return { form: 'if', extent, test, yes, no };
}

function doAt(code: string, at: number): Condition | undefined {
  const body = statementAt(code, at + 2);
  const keyword = body === undefined ? -1 : skipSpace(code, body.end);
  if (body === undefined || !code.startsWith('while', keyword)) return undefined;
  const open = skipSpace(code, keyword + 5);
  const close = code[open] === '(' ? closing(code, open) : undefined;
  if (close === undefined) return undefined;
  // clang puts the jump at the brace that closes the body.
  const extent = { start: body.end - 1, end: close + 1 };
  return {
    form: 'loop',
    extent,
    test: { start: open + 1, end: close },
    yes: { ...body, end: body.end - 1 },
    no: undefined,
  };
}

/** `return a == b && c;` has jumps too. */
function returnAt(code: string, at: number): Condition | undefined {
  const end = endOfSimple(code, at);
  if (end === undefined) return undefined;
  const test = { start: at + 6, end: end - 1 };
  const text = code.slice(test.start, test.end);
  if (text.includes('?') || !/[=!]=|&&|\|\||[^-<>][<>](?![<>])/.test(text)) return undefined;
  return { form: 'value', extent: { start: at, end }, test, yes: undefined, no: undefined };
}

/** `test ? yes : no` around a question mark. */
function choiceAt(code: string, question: number): Condition | undefined {
  const start = startOfTest(code, question);
  let depth = 0;
  let colon: number | undefined;
  for (let at = question + 1; at < code.length; at++) {
    const char = code[at]!;
    if (char === '(' || char === '[' || char === '{' || char === '?') depth++;
    else if (char === ':' && depth === 0 && colon === undefined) colon = at;
    else if (char === ':' && depth > 0) depth--;
    else if (/[)\]};,]/.test(char) && depth-- === 0) {
      if (colon === undefined) return undefined;
      const test = { start, end: question };
      return {
        form: 'choice',
        // clang puts its jump at the operator, or at the statement around it.
        extent: { start: startOfStatement(code, start), end: question },
        test,
        yes: { start: question + 1, end: colon },
        no: { start: colon + 1, end: at },
      };
    }
    if (char === ';' || char === ',') return undefined;
  }
  return undefined;
}

function startOfTest(code: string, question: number): number {
  let depth = 0;
  for (let at = question - 1; at >= 0; at--) {
    const char = code[at]!;
    if (char === ')' || char === ']') depth++;
    else if (char === '(' || char === '[') {
      if (depth-- === 0) return at + 1;
    } else if (depth > 0) continue;
    else if (/[;{},?:]/.test(char)) return at + 1;
    else if (char === '=' && !/[=!<>]/.test(code[at - 1] ?? '') && code[at + 1] !== '=') return at + 1;
    else if (char === 'n' && /\breturn$/.test(code.slice(Math.max(0, at - 7), at + 1))) return at + 1;
  }
  return 0;
}

/** At most back to an opening bracket. */
function startOfStatement(code: string, from: number): number {
  let at = from;
  while (at > 0 && !/[;{}()]/.test(code[at - 1]!)) at--;
  while (at < from && /\s/.test(code[at]!)) at++;
  return at;
}

function forTest(code: string, { start, end }: Span): Span | undefined {
  const first = indexAtDepth(code, ';', start, end);
  const second = first === undefined ? undefined : indexAtDepth(code, ';', first + 1, end);
  if (first === undefined || second === undefined) return undefined;
  return code.slice(first + 1, second).trim() === '' ? undefined : { start: first + 1, end: second };
}

function indexAtDepth(code: string, wanted: string, start: number, end: number): number | undefined {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const char = code[at]!;
    if (char === '(' || char === '[' || char === '{') depth++;
    else if (char === ')' || char === ']' || char === '}') depth--;
    else if (char === wanted && depth === 0) return at;
  }
  return undefined;
}

function isEndOfDo(code: string, at: number, close: number): boolean {
  // Behind a do's condition stands a semicolon, before it the end of its body; an empty loop has a head before it.
  if (code[skipSpace(code, close + 1)] !== ';') return false;
  const before = code.slice(0, at).trimEnd();
  return before.endsWith('}')
    ? /\bdo\s*$/.test(code.slice(0, openingOf(code, before.length - 1)))
    : /\bdo\b[^;{}]*;$/.test(before);
}

function openingOf(code: string, close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (code[at] === '}') depth++;
    else if (code[at] === '{' && --depth === 0) return at;
  }
  return 0;
}

/** Statements inside each other deeper than people write them. */
const maxDepth = 200;

/** The statement that begins at or behind an offset. */
function statementAt(code: string, from: number, depth = 0): Span | undefined {
  const start = skipSpace(code, from);
  if (start >= code.length || depth > maxDepth) return undefined;
  if (code[start] === '{') {
    const close = closing(code, start);
    return close === undefined ? undefined : { start, end: close + 1 };
  }
  const keyword = /^(?:if|while|for|switch|do)\b/.exec(code.slice(start, start + 7))?.[0];
  if (keyword === undefined) {
    const end = endOfSimple(code, start);
    return end === undefined ? undefined : { start, end };
  }
  if (keyword === 'do') {
    const body = statementAt(code, start + 2, depth + 1);
    const end = body === undefined ? undefined : endOfSimple(code, body.end);
    return end === undefined ? undefined : { start, end };
  }
  const open = skipSpace(code, start + keyword.length);
  const close = code[open] === '(' ? closing(code, open) : undefined;
  const body = close === undefined ? undefined : statementAt(code, close + 1, depth + 1);
  if (body === undefined) return undefined;
  const next = skipSpace(code, body.end);
  if (keyword !== 'if' || !/^else\b/.test(code.slice(next, next + 5))) return { start, end: body.end };
  const otherwise = statementAt(code, next + 4, depth + 1);
  return otherwise === undefined ? undefined : { start, end: otherwise.end };
}

/** Behind the semicolon that ends a simple statement; undefined where a brace closes before. */
function endOfSimple(code: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    const char = code[at]!;
    if (char === '(' || char === '[' || char === '{') depth++;
    else if (char === ')' || char === ']' || char === '}') {
      if (depth-- === 0) return undefined;
    } else if (char === ';' && depth === 0) return at + 1;
  }
  return undefined;
}

/** Brackets further apart are not looked for: text that was made to be slow stays quick. Characters. */
const maxDistance = 50_000;

function closing(code: string, open: number): number | undefined {
  const left = code[open];
  const right = left === '(' ? ')' : '}';
  let depth = 0;
  for (let at = open; at < Math.min(code.length, open + maxDistance); at++) {
    if (code[at] === left) depth++;
    else if (code[at] === right && --depth === 0) return at;
  }
  return undefined;
}

function skipSpace(code: string, from: number): number {
  let at = from;
  while (at < code.length && /\s/.test(code[at]!)) at++;
  return at;
}
