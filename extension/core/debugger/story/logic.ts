import type { Span } from './conditions.ts';

/** A condition as `&&`, `||` and `!` make it of tests. */
export type Logic =
  | { kind: 'and' | 'or'; parts: Logic[] }
  | { kind: 'not'; part: Logic }
  | { kind: 'test'; span: Span; text: string };

/** Macros and builtins that give their first operand back. */
const transparent = /^(?:likely|unlikely|__builtin_expect)\s*(?=\()/;
const maxDepth = 50;

/**
 * Takes a condition apart. `code` has literals as spaces, so that brackets in it are brackets; `plain` has them, and both have
 * spaces for comments. Offsets are the same in both.
 */
export function readLogic(source: { code: string; plain: string }, span: Span, depth = 0): Logic {
  const { code: text } = source;
  const { start, end } = trimmed(text, span);
  const inner = { start, end };
  const test: Logic = { kind: 'test', span: inner, text: oneLine(source.plain.slice(start, end)) };
  if (depth > maxDepth || splitAt(text, inner, '?').length > 1) return test;
  for (const [operator, kind] of [
    ['||', 'or'],
    ['&&', 'and'],
  ] as const) {
    const parts = splitAt(text, inner, operator);
    if (parts.length > 1) return { kind, parts: parts.map((part) => readLogic(source, part, depth + 1)) };
  }
  const body = text.slice(start, end);
  if (isEnclosed(body)) return readLogic(source, { start: start + 1, end: end - 1 }, depth + 1);
  const wrapper = transparent.exec(body)?.[0].length;
  if (wrapper !== undefined && isEnclosed(body.slice(wrapper))) {
    const [first = inner] = splitAt(text, { start: start + wrapper + 1, end: end - 1 }, ',');
    return readLogic(source, first, depth + 1);
  }
  if (body.startsWith('!') && body[1] !== '=') {
    const part = readLogic(source, { start: start + 1, end }, depth + 1);
    // `!x` is read as one test; `!(a && b)` and `!!x` are not.
    if (part.kind !== 'test' || isEnclosed(body.slice(1).trim())) return { kind: 'not', part };
  }
  return test;
}

/** The tests that are evaluated, in order, until the result is known. `evaluate` gives undefined where it is not. */
export function* evaluated(
  logic: Logic,
): Generator<Extract<Logic, { kind: 'test' }>, boolean | undefined, boolean | undefined> {
  switch (logic.kind) {
    case 'test':
      return yield logic;
    case 'not': {
      const truth = yield* evaluated(logic.part);
      return truth === undefined ? undefined : !truth;
    }
    case 'and':
    case 'or': {
      const stops = logic.kind === 'or';
      for (const part of logic.parts) {
        const truth = yield* evaluated(part);
        if (truth === undefined || truth === stops) return truth;
      }
      return !stops;
    }
  }
}

export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function trimmed(text: string, { start, end }: Span): Span {
  const body = text.slice(start, end);
  return { start: start + (body.length - body.trimStart().length), end: end - (body.length - body.trimEnd().length) };
}

/** Is it `( … )`, whose first bracket is closed by the last? */
function isEnclosed(text: string): boolean {
  if (!text.startsWith('(') || !text.endsWith(')')) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at === text.length - 1;
  }
  return false;
}

function splitAt(text: string, { start, end }: Span, operator: string): Span[] {
  const parts: Span[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at < end; at++) {
    const char = text[at]!;
    if (char === '(' || char === '[' || char === '{') depth++;
    else if (char === ')' || char === ']' || char === '}') depth--;
    else if (depth === 0 && text.startsWith(operator, at)) {
      parts.push({ start: from, end: at });
      at += operator.length - 1;
      from = at + 1;
    }
  }
  return [...parts, { start: from, end }];
}
