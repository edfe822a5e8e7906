import { ExpressionError, lex, type Token } from './lex.ts';

export type UnaryOperator = '*' | '&' | '-' | '+' | '~' | '!';

/** A C expression. Types are kept as their words: whoever evaluates knows which there are. */
export type Expression =
  | { kind: 'number'; value: bigint; unsigned: boolean; long: boolean }
  | { kind: 'name'; name: string }
  | { kind: 'unary'; operator: UnaryOperator; operand: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'condition'; test: Expression; yes: Expression; no: Expression }
  | { kind: 'cast'; type: TypeWords; operand: Expression }
  | { kind: 'sizeofType'; type: TypeWords }
  | { kind: 'sizeof'; operand: Expression }
  | { kind: 'index'; base: Expression; index: Expression }
  | { kind: 'member'; base: Expression; member: string; arrow: boolean }
  | { kind: 'call'; name: string; operands: Expression[] }
  | { kind: 'assign'; target: Expression; value: Expression };

/** `const struct iphdr *` → words ['struct', 'iphdr'], one star. */
export interface TypeWords {
  words: string[];
  pointers: number;
}

const precedence: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '>': 7,
  '<=': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
};

/** Deeper expressions than a person writes are refused before the stack ends. */
const maxDepth = 100;
const typeWords = new Set([
  'struct',
  'union',
  'enum',
  'const',
  'volatile',
  'unsigned',
  'signed',
  'void',
  'char',
  'short',
  'int',
  'long',
  '_Bool',
  'bool',
]);

/** Throws ExpressionError. `isType` tells names of types from others. */
export function parseExpression(text: string, isType: (name: string) => boolean): Expression {
  const parser = new Parser(lex(text), isType);
  const expression = parser.assignment();
  parser.end();
  return expression;
}

class Parser {
  private readonly tokens: readonly Token[];
  private readonly isType: (name: string) => boolean;
  private next = 0;
  private depth = 0;

  constructor(tokens: readonly Token[], isType: (name: string) => boolean) {
    this.tokens = tokens;
    this.isType = isType;
  }

  end(): void {
    const token = this.token();
    if (token.kind !== 'end') throw new ExpressionError(`${describe(token)} is not expected here`);
  }

  assignment(): Expression {
    const target = this.conditional();
    if (!this.take('=')) return target;
    return { kind: 'assign', target, value: this.assignment() };
  }

  private conditional(): Expression {
    const test = this.binary(1);
    if (!this.take('?')) return test;
    const yes = this.conditional();
    this.expect(':');
    return { kind: 'condition', test, yes, no: this.conditional() };
  }

  private binary(least: number): Expression {
    let left = this.unary();
    for (;;) {
      const token = this.token();
      const level = token.kind === 'symbol' ? precedence[token.text] : undefined;
      if (token.kind !== 'symbol' || level === undefined || level < least) return left;
      this.next++;
      left = { kind: 'binary', operator: token.text, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Expression {
    if (++this.depth > maxDepth) throw new ExpressionError('the expression is nested too deeply');
    try {
      const token = this.token();
      if (token.kind === 'symbol' && /^[*&\-+~!]$/.test(token.text)) {
        this.next++;
        return { kind: 'unary', operator: token.text as UnaryOperator, operand: this.unary() };
      }
      if (token.kind === 'name' && token.text === 'sizeof') return this.sizeOf();
      if (this.isSymbol('(') && this.startsType(this.next + 1)) {
        this.next++;
        const type = this.type();
        this.expect(')');
        return { kind: 'cast', type, operand: this.unary() };
      }
      return this.postfix();
    } finally {
      this.depth--;
    }
  }

  private sizeOf(): Expression {
    this.next++;
    if (this.isSymbol('(') && this.startsType(this.next + 1)) {
      this.next++;
      const type = this.type();
      this.expect(')');
      return { kind: 'sizeofType', type };
    }
    return { kind: 'sizeof', operand: this.unary() };
  }

  private postfix(): Expression {
    let expression = this.primary();
    for (;;) {
      if (this.take('[')) {
        expression = { kind: 'index', base: expression, index: this.conditional() };
        this.expect(']');
      } else if (this.take('.')) expression = { kind: 'member', base: expression, member: this.name(), arrow: false };
      else if (this.take('->')) expression = { kind: 'member', base: expression, member: this.name(), arrow: true };
      else return expression;
    }
  }

  private primary(): Expression {
    const token = this.token();
    this.next++;
    switch (token.kind) {
      case 'number':
        return { kind: 'number', value: token.value, unsigned: token.unsigned, long: token.long };
      case 'name': {
        if (!this.take('(')) return { kind: 'name', name: token.text };
        const operands: Expression[] = [];
        if (!this.take(')')) {
          do operands.push(this.conditional());
          while (this.take(','));
          this.expect(')');
        }
        return { kind: 'call', name: token.text, operands };
      }
      case 'symbol':
        if (token.text === '(') {
          const inner = this.conditional();
          this.expect(')');
          return inner;
        }
        throw new ExpressionError(`${describe(token)} is not expected here`);
      case 'end':
        throw new ExpressionError('the expression is not complete');
    }
  }

  private type(): TypeWords {
    const words: string[] = [];
    let pointers = 0;
    for (let token = this.token(); ; token = this.token()) {
      if (token.kind === 'name') words.push(token.text);
      else if (token.kind === 'symbol' && token.text === '*') pointers++;
      else break;
      this.next++;
    }
    return { words: words.filter((word) => word !== 'const' && word !== 'volatile'), pointers };
  }

  private startsType(at: number): boolean {
    const token = this.tokens[at];
    return token?.kind === 'name' && (typeWords.has(token.text) || this.isType(token.text));
  }

  private name(): string {
    const token = this.token();
    if (token.kind !== 'name') throw new ExpressionError(`${describe(token)} stands where a member's name should`);
    this.next++;
    return token.text;
  }

  private isSymbol(text: string): boolean {
    const token = this.token();
    return token.kind === 'symbol' && token.text === text;
  }

  private take(text: string): boolean {
    const found = this.isSymbol(text);
    if (found) this.next++;
    return found;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw new ExpressionError(`"${text}" is missing before ${describe(this.token())}`);
  }

  private token(): Token {
    return this.tokens[Math.min(this.next, this.tokens.length - 1)]!;
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'number':
      return String(token.value);
    case 'end':
      return 'the end';
    default:
      return `"${token.text}"`;
  }
}
