import { filterError, type Token, tokens } from './tokens.ts';

/** Where a part of the filter stands in its text. */
export interface Span {
  at: number;
  length: number;
}

/** A side of a comparison. */
export type Term =
  | (Span & { kind: 'word'; text: string })
  | (Span & { kind: 'string'; text: string })
  | (Span & { kind: 'call'; name: string; argument: Extract<Term, { kind: 'word' }> })
  | (Span & { kind: 'mask'; of: Term; mask: Term });

export const comparisons = ['==', '!=', '<', '<=', '>', '>=', '~'] as const;
export type Comparison = (typeof comparisons)[number];

export type Filter =
  | { kind: 'or' | 'and'; parts: Filter[] }
  | { kind: 'not'; of: Filter }
  | (Span & { kind: 'compare'; op: Comparison; left: Term; right: Term })
  /** A term alone: not zero. */
  | { kind: 'truth'; term: Term };

/** Deeper than any hand nests, and far from the end of the stack. */
const maxDepth = 50;

/**
 * `src == 10.0.0.0/8 && packets > 100`: || binds weakest, then &&, !, comparisons, & (unlike C, so that `flags & 4 == 4` means
 * what it looks like). Throws XdpError `filter-invalid` with `details.offset` and `details.length`.
 */
export function parseFilter(text: string): Filter {
  const parser = new Parser(tokens(text));
  const filter = parser.or(0);
  parser.finish();
  return filter;
}

/** One operand: what a table is sorted by. */
export function parseTerm(text: string): Term {
  const parser = new Parser(tokens(text));
  const term = parser.term(0);
  parser.finish();
  return term;
}

class Parser {
  readonly #tokens: readonly Token[];
  #place = 0;

  constructor(list: readonly Token[]) {
    this.#tokens = list;
  }

  or(depth: number): Filter {
    return this.#joined('or', '||', () => this.#and(depth));
  }

  term(depth: number): Term {
    const of = this.#primary();
    if (!this.#takes('&')) return of;
    const mask = depth < maxDepth ? this.#primary() : this.#tooDeep();
    return { kind: 'mask', of, mask, ...span(of, mask) };
  }

  finish(): void {
    const token = this.#now();
    if (token.kind !== 'end')
      throw filterError(`${token.text} is not expected here.`, token, 'Join conditions with && or ||.');
  }

  #and(depth: number): Filter {
    return this.#joined('and', '&&', () => this.#unary(depth));
  }

  #joined(kind: 'or' | 'and', symbol: string, part: () => Filter): Filter {
    const parts = [part()];
    while (this.#takes(symbol)) parts.push(part());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind, parts };
  }

  #unary(depth: number): Filter {
    if (depth > maxDepth) this.#tooDeep();
    if (this.#takes('!')) return { kind: 'not', of: this.#unary(depth + 1) };
    if (!this.#takes('(')) return this.#comparison(this.term(depth));
    const group = this.or(depth + 1);
    if (!this.#takes(')')) throw filterError('A closing parenthesis is missing.', this.#now());
    return group.kind === 'truth' ? this.#comparison(group.term) : group;
  }

  #comparison(left: Term): Filter {
    const op = comparisons.find((each) => this.#takes(each));
    if (op === undefined) return { kind: 'truth', term: left };
    const right = this.term(0);
    return { kind: 'compare', op, left, right, ...span(left, right) };
  }

  #primary(): Term {
    const token = this.#now();
    if (token.kind !== 'word' && token.kind !== 'string') {
      throw filterError(
        token.kind === 'end'
          ? 'A field or a value is missing at the end.'
          : `A field or a value must stand before ${token.text}.`,
        token,
      );
    }
    this.#place++;
    const { text, at, length } = token;
    if (token.kind === 'string') return { kind: 'string', text, at, length };
    if (!this.#takes('(')) return { kind: 'word', text, at, length };
    const argument = this.#primary();
    if (argument.kind !== 'word') throw filterError(`${text}() takes the name of a field.`, argument);
    const close = this.#now();
    if (!this.#takes(')')) throw filterError(`${text}( has no closing parenthesis.`, close);
    return { kind: 'call', name: text, argument, at, length: close.at + close.length - at };
  }

  #now(): Token {
    // tokens() always ends its list with an `end`, which is never passed.
    return this.#tokens[Math.min(this.#place, this.#tokens.length - 1)] as Token;
  }

  #takes(symbol: string): boolean {
    const token = this.#now();
    if (token.kind !== 'operator' || token.text !== symbol) return false;
    this.#place++;
    return true;
  }

  #tooDeep(): never {
    throw filterError('This filter is nested too deep.', this.#now());
  }
}

function span(first: Span, last: Span): Span {
  return { at: first.at, length: last.at + last.length - first.at };
}
