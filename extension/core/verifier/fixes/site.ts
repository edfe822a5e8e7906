import type { CFunction, CSource } from '../../c/source.ts';
import { indentAt, offsetAt, type QuickFix } from './edits.ts';

/** Where a program fails, as far as a fix must know it. */
export interface Site {
  source: CSource;
  /** The function that the place is in. */
  fn: CFunction;
  /** Of the place. */
  at: number;
  /** The C expression there. */
  expression: string;
  /** Of the first word of the statement that the place is in. */
  statement: number;
  /** How code can be put before the expression without changing when the rest of the program runs. */
  position: Position;
}

export type Position =
  /** Whole statements before this one. */
  | { kind: 'before' }
  /** A condition before the operand of `&&` that starts here. */
  | { kind: 'and'; operand: number }
  | { kind: 'none' };

export interface SiteOptions {
  line: number;
  column: number;
  expression: string | undefined;
}

export function siteOf(source: CSource, { line, column, expression }: SiteOptions): Site | undefined {
  const at = offsetAt(source.text, line, column);
  if (at === undefined) return undefined;
  const fn = source.functions.find(({ body }) => body.start < at && at < body.end);
  if (fn === undefined) return undefined;
  const statement = statementStart(source.code, at, fn.body.start);
  const position = positionOf(source.code, statement, at);
  return { source, fn, at, expression: expression ?? '', statement, position };
}

function statementStart(code: string, at: number, from: number): number {
  let depth = 0;
  let start = from + 1;
  for (let i = at - 1; i > from; i--) {
    const char = code[i];
    if (char === ')' || char === ']') depth++;
    else if (char === '(' || char === '[') depth--;
    else if (depth <= 0 && (char === ';' || char === '{' || char === '}')) {
      // Inside of `for (…; …; …)` a semicolon ends nothing.
      if (char === ';' && isInForHeader(code, i, from)) continue;
      start = i + 1;
      break;
    }
  }
  while (start < at && /\s/.test(code[start] ?? '')) start++;
  const label = /^(?:case\b[^:;{}]*|default|\w+)\s*:(?!:)\s*/.exec(code.slice(start, at));
  return label === null ? start : start + label[0].length;
}

function isInForHeader(code: string, at: number, from: number): boolean {
  let depth = 0;
  for (let i = at; i > from; i--) {
    const char = code[i];
    if (char === ')') depth++;
    else if (char === '(' && --depth < 0) return /\bfor\s*$/.test(code.slice(0, i));
    else if (char === '{' || char === '}') return false;
  }
  return false;
}

function positionOf(code: string, statement: number, at: number): Position {
  const before = code.slice(statement, at);
  if (/^(?:else|for|while|do)\b/.test(before)) return { kind: 'none' };
  const condition = /^(?:if|switch)\s*\(/.exec(before);
  if (condition !== null && closes(before, condition[0].length - 1)) return { kind: 'none' };
  if (/\|\||\?/.test(before)) return { kind: 'none' };
  const and = before.lastIndexOf('&&');
  if (and < 0) return { kind: 'before' };
  const operand = statement + and + 2;
  return { kind: 'and', operand: operand + (/^\s*/.exec(code.slice(operand, at))?.[0].length ?? 0) };
}

/** The bracket at `open` is closed inside of the text: the place is behind the condition, in the branch. */
function closes(text: string, open: number): boolean {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return true;
  }
  return false;
}

/** Statements before the one that fails. */
export function insertBefore({ source, statement }: Site, title: string, lines: readonly string[]): QuickFix {
  const indent = indentAt(source.text, statement);
  const text = lines.map((line) => `${line}\n${indent}`).join('');
  return { title, edits: [{ start: statement, end: statement, text }] };
}

/** `if (condition) return action;` in two lines. */
export function guard(condition: string, action: string): string[] {
  return [`if (${condition})`, `\t${action}`];
}

/**
 * What the function does when a packet is too short or a value is missing: what it does so already, else a verdict that it
 * uses. undefined: nothing in it says.
 */
export function failingAction({ source, fn }: Site): string | undefined {
  const body = source.code.slice(fn.body.start, fn.body.end);
  const existing = [...body.matchAll(/>\s*(?:\([^()]*\)\s*)*\w*end\w*\s*\)\s*\{?\s*(return\b[^;]*|goto\s+\w+);/g)].at(
    -1,
  )?.[1];
  if (existing !== undefined) return `${existing.trim()};`;
  if (/^(?:(?:static|inline|__always_inline|__noinline)\s+)*void$/.test(fn.returns)) return 'return;';
  if (fn.returns.endsWith('*')) return 'return 0;';
  const returned = [...body.matchAll(/\breturn\s+(\w+|-\s*\d+)\s*;/g)].map((match) => match[1] ?? '');
  const isProgram = fn.parameters.some((each) => /\bstruct\s+xdp_md\s*\*/.test(each)) && /XDP_/.test(body);
  if (isProgram || fn.section?.startsWith('xdp')) {
    const verdict = returned.find((each) => each === 'XDP_PASS') ?? returned.find((each) => each.startsWith('XDP_'));
    return `return ${verdict ?? 'XDP_PASS'};`;
  }
  const negative = returned.find((each) => each.startsWith('-'));
  return negative === undefined ? undefined : `return ${negative};`;
}

/** The pointer that an expression goes through: `ip` of `ip->daddr`, `data` of `data[14]` and of `*data`. */
export function baseOf(expression: string): { name: string; bytes: string } | undefined {
  const index = /^(\w+)\[(\d+)\]$/.exec(expression);
  if (index !== null) return { name: index[1] ?? '', bytes: String(Number(index[2]) + 1) };
  const name = /^\*?(\w+)(?:->[\w.[\]]+)?$/.exec(expression)?.[1];
  return name === undefined || /^\d/.test(name) ? undefined : { name, bytes: '1' };
}
