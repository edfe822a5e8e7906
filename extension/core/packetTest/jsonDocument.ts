/**
 * JSON (RFC 8259) with comments (`//` and `/* … *\/`), read into nodes that know where they stand. Nothing else is
 * tolerated: a trailing comma or a key that is there twice is a problem with a place, not a guess.
 */
import type { Problems } from './problems.ts';

/** Offsets in UTF-16 code units from the start of the text. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface JsonMember {
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: JsonNode;
}

export type JsonNode = Span &
  (
    | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
    | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
    | { readonly kind: 'string'; readonly value: string }
    /** As it is written: a 64-bit integer must not lose its last digits. */
    | { readonly kind: 'number'; readonly text: string }
    | { readonly kind: 'boolean'; readonly value: boolean }
    | { readonly kind: 'null' }
  );

/** Far beyond any test file by hand, and short of what would exhaust the stack or the memory. */
const maxDepth = 64;
const maxChars = 64 << 20;

class Stop extends Error {}

/** The document's root, undefined where the text is no JSON; the problem is in `problems` then. */
export function readJson(text: string, problems: Problems): JsonNode | undefined {
  try {
    return new Parser(text, problems).document();
  } catch (error) {
    if (error instanceof Stop) return undefined;
    throw error;
  }
}

class Parser {
  readonly #text: string;
  readonly #problems: Problems;
  #at = 0;

  constructor(text: string, problems: Problems) {
    this.#text = text;
    this.#problems = problems;
  }

  document(): JsonNode {
    if (this.#text.length > maxChars) this.#stop(0, 'The file is too large.', `at most ${maxChars >> 20} MiB`);
    if (this.#text.startsWith('\ufeff')) this.#at = 1;
    this.#skipSpace();
    if (this.#at >= this.#text.length)
      this.#stop(this.#at, 'The file is empty.', 'an object: { "source": …, "tests": […] }');
    const root = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#stop(this.#at, `There is ${this.#found()} after the end.`, 'nothing more');
    return root;
  }

  #value(depth: number): JsonNode {
    const offset = this.#at;
    if (depth > maxDepth) this.#stop(offset, `Values are nested more than ${maxDepth} deep.`, 'a flatter value');
    switch (this.#text[offset]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"': {
        const value = this.#string();
        return { kind: 'string', value, ...this.#since(offset) };
      }
      case 't':
      case 'f':
      case 'n':
        return this.#word(offset);
      default:
        return this.#number(offset);
    }
  }

  #object(depth: number): JsonNode {
    const offset = this.#at++;
    const members: JsonMember[] = [];
    const names = new Set<string>();
    this.#skipSpace();
    if (this.#text[this.#at] !== '}') {
      for (;;) {
        const nameAt = this.#at;
        if (this.#text[nameAt] !== '"') this.#stop(nameAt, `There is ${this.#found()}.`, 'a name in double quotes');
        const name = this.#string();
        const nameSpan = this.#since(nameAt);
        if (names.has(name)) this.#problems.add(nameSpan, `"${name}" is there twice.`, { expected: 'each name once' });
        names.add(name);
        this.#skipSpace();
        if (this.#text[this.#at] !== ':') this.#stop(this.#at, `There is ${this.#found()} after a name.`, '":"');
        this.#at++;
        this.#skipSpace();
        members.push({ name, nameSpan, value: this.#value(depth + 1) });
        if (!this.#another('}', '"," or "}"')) break;
      }
    }
    this.#at++;
    return { kind: 'object', members, ...this.#since(offset) };
  }

  #array(depth: number): JsonNode {
    const offset = this.#at++;
    const items: JsonNode[] = [];
    this.#skipSpace();
    if (this.#text[this.#at] !== ']') {
      do items.push(this.#value(depth + 1));
      while (this.#another(']', '"," or "]"'));
    }
    this.#at++;
    return { kind: 'array', items, ...this.#since(offset) };
  }

  /** Past a comma to the next element, or in front of the closing bracket. */
  #another(close: string, expected: string): boolean {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === close) return false;
    if (char !== ',') this.#stop(this.#at, `There is ${this.#found()}.`, expected);
    const comma = this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === close)
      this.#stop(comma, 'A comma stands behind the last element.', `no comma before "${close}"`);
    return true;
  }

  #word(offset: number): JsonNode {
    const word = /^[a-z]+/i.exec(this.#text.slice(offset, offset + 16))?.[0] ?? '';
    this.#at += word.length;
    const span = this.#since(offset);
    if (word === 'true' || word === 'false') return { kind: 'boolean', value: word === 'true', ...span };
    if (word === 'null') return { kind: 'null', ...span };
    this.#at = offset;
    return this.#stop(
      offset,
      `There is ${this.#found()}.`,
      'a value: text in double quotes, a number, true, false, null, […] or {…}',
    );
  }

  #number(offset: number): JsonNode {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    pattern.lastIndex = offset;
    const text = pattern.exec(this.#text)?.[0];
    if (text === undefined) {
      return this.#stop(
        offset,
        `There is ${this.#found()}.`,
        'a value: text in double quotes, a number, true, false, null, […] or {…}',
      );
    }
    this.#at += text.length;
    if (/[\w.]/.test(this.#text[this.#at] ?? ' ')) {
      this.#stop(
        offset,
        'This is no number of JSON.',
        'a decimal number without leading zeros; hex goes into a string: "0x1f"',
      );
    }
    return { kind: 'number', text, ...this.#since(offset) };
  }

  #string(): string {
    const offset = this.#at++;
    let value = '';
    for (;;) {
      const from = this.#at;
      while (isPlain(this.#text[this.#at])) this.#at++;
      const plain = this.#text.slice(from, this.#at);
      value += plain;
      const char = this.#text[this.#at];
      if (char === '"') {
        this.#at++;
        return value;
      }
      if (char !== '\\') {
        this.#stop(
          offset,
          'A text is not closed on its line.',
          'a closing double quote; line breaks inside are written \\n',
        );
      }
      value += this.#escape();
    }
  }

  #escape(): string {
    const offset = this.#at;
    const letter = this.#text[offset + 1] ?? '';
    const simple: Record<string, string> = {
      '"': '"',
      '\\': '\\',
      '/': '/',
      b: '\b',
      f: '\f',
      n: '\n',
      r: '\r',
      t: '\t',
    };
    const plain = Object.hasOwn(simple, letter) ? simple[letter] : undefined;
    if (plain !== undefined) {
      this.#at += 2;
      return plain;
    }
    const digits = this.#text.slice(offset + 2, offset + 6);
    if (letter !== 'u' || !/^[0-9a-f]{4}$/i.test(digits)) {
      this.#stop(
        offset,
        'A backslash begins no escape that JSON knows.',
        '\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits',
      );
    }
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #skipSpace(): void {
    for (;;) {
      const space = /(?:[ \t\r\n]+|\/\/[^\r\n]*)*/y;
      space.lastIndex = this.#at;
      this.#at += space.exec(this.#text)?.[0].length ?? 0;
      if (!this.#text.startsWith('/*', this.#at)) return;
      const end = this.#text.indexOf('*/', this.#at + 2);
      if (end < 0) this.#stop(this.#at, 'A comment is not closed.', '"*/"');
      this.#at = end + 2;
    }
  }

  /** What stands at the current place, for a message. */
  #found(): string {
    const rest = this.#text.slice(this.#at, this.#at + 24);
    if (rest === '') return 'the end of the file';
    const word = /^[\w.+-]+/.exec(rest)?.[0] ?? String.fromCodePoint(rest.codePointAt(0) ?? 0);
    return word === '"' ? 'a text' : `"${word}"`;
  }

  #since(offset: number): Span {
    return { offset, length: this.#at - offset };
  }

  #stop(offset: number, message: string, expected: string): never {
    this.#problems.add({ offset, length: 1 }, message, { expected });
    throw new Stop(message);
  }
}

/** RFC 8259 §7: everything but the quote, the backslash and control characters stands for itself. */
function isPlain(char: string | undefined): boolean {
  return char !== undefined && char >= ' ' && char !== '"' && char !== '\\';
}

/**
 * Where the character `position` of a text's value stands in the file: escapes are longer there than in the value.
 */
export function offsetInString(text: string, node: Span, position: number): number {
  let at = node.offset + 1;
  const end = node.offset + node.length - 1;
  for (let index = 0; index < position && at < end; index++) {
    if (text[at] !== '\\') at++;
    else at += text[at + 1] === 'u' ? 6 : 2;
  }
  return Math.min(at, end);
}
