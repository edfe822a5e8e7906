/** The part of Python's expression syntax that Scapy packets are written in: a tree of literals, calls and slashes. */
import { packetInvalid } from './fail.ts';
import { utf8 } from './text.ts';

export type Node = { position: number } & (
  | { kind: 'integer'; value: bigint }
  | { kind: 'none' }
  | { kind: 'text'; value: string }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'list' | 'tuple'; items: Node[] }
  | { kind: 'name'; name: string }
  | { kind: 'call'; name: string; positional: Node[]; named: { name: string; position: number; value: Node }[] }
  | { kind: 'stack'; parts: Node[] }
);

/** Bytes that one literal may make, repetition included. */
const maxLiteral = 0x10000;
const maxDepth = 32;

export class Reader {
  readonly text: string;
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The whole text as one expression. */
  readAll(): Node {
    const node = this.stack();
    this.space();
    if (this.at < this.text.length) throw this.error(`"${this.text[this.at]}" is not expected here.`, this.at);
    return node;
  }

  error(problem: string, position: number, fix?: string): Error {
    const shown = Math.min(position, this.text.length);
    return packetInvalid(`${problem} (at ${shown + 1}: ${excerpt(this.text, shown)})`, { position: shown }, fix);
  }

  private stack(): Node {
    if (++this.depth > maxDepth) throw this.error('Too many nested parentheses.', this.at);
    const first = this.product();
    const parts = [first];
    for (this.space(); this.text[this.at] === '/'; this.space()) {
      this.at++;
      parts.push(this.product());
    }
    this.depth--;
    return parts.length === 1 ? first : { kind: 'stack', parts, position: first.position };
  }

  /** `b"A" * 100`, as payloads are often written. */
  private product(): Node {
    let node = this.adjacent();
    for (this.space(); this.text[this.at] === '*'; this.space()) {
      const at = this.at++;
      node = this.repeat(node, this.adjacent(), at);
    }
    return node;
  }

  private repeat(left: Node, right: Node, position: number): Node {
    const [literal, times] = left.kind === 'integer' ? [right, left] : [left, right];
    if ((literal.kind !== 'text' && literal.kind !== 'bytes') || times.kind !== 'integer') {
      throw this.error('Only text can be repeated: b"A" * 100.', position);
    }
    const count = Number(times.value < 0n ? 0n : times.value);
    if (literal.value.length * count > maxLiteral) {
      throw this.error(`That is more than ${maxLiteral} bytes.`, position);
    }
    if (literal.kind === 'text') return { ...literal, value: literal.value.repeat(count) };
    const value = new Uint8Array(literal.value.length * count);
    for (let i = 0; i < count; i++) value.set(literal.value, i * literal.value.length);
    return { ...literal, value };
  }

  /** Strings side by side are one string. */
  private adjacent(): Node {
    const first = this.primary();
    if (first.kind !== 'text' && first.kind !== 'bytes') return first;
    const parts: Node[] = [first];
    let length = first.value.length;
    for (;;) {
      this.space();
      if (!/^(?:[rRbB]{0,2})["']/.test(this.text.slice(this.at, this.at + 3))) break;
      const next = this.primary();
      if (next.kind !== first.kind) throw this.error('Text and bytes cannot be joined.', next.position);
      length += next.value.length;
      if (length > maxLiteral) throw this.error(`The string is longer than ${maxLiteral} bytes.`, first.position);
      parts.push(next);
    }
    if (first.kind === 'text')
      return { ...first, value: parts.map((part) => (part.kind === 'text' ? part.value : '')).join('') };
    return {
      ...first,
      value: Uint8Array.from(parts.flatMap((part) => (part.kind === 'bytes' ? [...part.value] : []))),
    };
  }

  private primary(): Node {
    this.space();
    const position = this.at;
    const char = this.text[position];
    if (char === undefined) throw this.error('The expression ends too early.', position);
    if (char === '(' || char === '[') return this.bracket(char);
    const string = /^([rRbBuU]{0,2})(["'])/.exec(this.text.slice(position, position + 3));
    if (string !== null) return this.string((string[1] ?? '').toLowerCase(), position);
    if (/[0-9+-]/.test(char)) return this.integer(position);
    const name = /^[A-Za-z_][\w.]*/.exec(this.text.slice(position))?.[0];
    if (name === undefined) throw this.error(`"${char}" is not expected here.`, position);
    this.at += name.length;
    this.space();
    if (this.text[this.at] === '(') return this.call(name, position);
    if (name === 'None') return { kind: 'none', position };
    if (name === 'True' || name === 'False') return { kind: 'integer', value: name === 'True' ? 1n : 0n, position };
    return { kind: 'name', name, position };
  }

  private bracket(open: '(' | '['): Node {
    const position = this.at++;
    const close = open === '(' ? ')' : ']';
    const items: Node[] = [];
    let comma = false;
    for (;;) {
      this.space();
      if (this.text[this.at] === close) break;
      if (items.length > 0 && !comma) throw this.error(`A comma or "${close}" is missing.`, this.at);
      items.push(this.stack());
      this.space();
      comma = this.text[this.at] === ',';
      if (comma) this.at++;
    }
    this.at++;
    const only = items[0];
    if (open === '(' && items.length === 1 && !comma && only !== undefined) return only;
    return { kind: open === '(' ? 'tuple' : 'list', items, position };
  }

  private call(name: string, position: number): Node {
    this.at++;
    if (++this.depth > maxDepth) throw this.error('Too many nested parentheses.', this.at);
    const positional: Node[] = [];
    const named: { name: string; position: number; value: Node }[] = [];
    let comma = true;
    for (;;) {
      this.space();
      if (this.text[this.at] === ')') break;
      if (!comma) throw this.error('A comma or ")" is missing.', this.at);
      const keyword = /^([A-Za-z_]\w*)\s*=(?!=)/.exec(this.text.slice(this.at));
      if (keyword?.[1] !== undefined) {
        const at = this.at;
        this.at += keyword[0].length;
        if (named.some((other) => other.name === keyword[1])) throw this.error(`${keyword[1]} is given twice.`, at);
        named.push({ name: keyword[1], position: at, value: this.stack() });
      } else positional.push(this.stack());
      this.space();
      comma = this.text[this.at] === ',';
      if (comma) this.at++;
    }
    this.at++;
    this.depth--;
    if (name === 'bytes.fromhex') return this.fromHex(positional[0], position);
    return { kind: 'call', name, positional, named, position };
  }

  private fromHex(argument: Node | undefined, position: number): Node {
    const digits = argument?.kind === 'text' ? argument.value.replaceAll(/\s/g, '') : '?';
    if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
      throw this.error('Pairs of hexadecimal digits are expected.', argument?.position ?? position);
    }
    const value = Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
      Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16),
    );
    return { kind: 'bytes', value, position };
  }

  private integer(position: number): Node {
    const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)/.exec(this.text.slice(position));
    const digits = match?.[2];
    if (match === null || digits === undefined) throw this.error('A number is expected here.', position);
    this.at += match[0].length;
    if (/[\w.]/.test(this.text[this.at] ?? '')) throw this.error('Only whole numbers can be used.', position);
    const value = BigInt(digits.replaceAll('_', ''));
    return { kind: 'integer', value: match[1] === '-' ? -value : value, position };
  }

  private string(prefix: string, position: number): Node {
    this.at += prefix.length;
    const quote = this.text[this.at++] ?? '"';
    if (this.text.startsWith(quote.repeat(2), this.at)) {
      if (this.text[this.at + 2] !== quote) {
        // Two quotes and no third: the empty string.
      } else throw this.error('Triple-quoted strings are not supported.', position);
    }
    const isBytes = prefix.includes('b');
    const raw = prefix.includes('r');
    const codes: number[] = [];
    for (;;) {
      const code = this.text.codePointAt(this.at);
      if (code === undefined || code === 10) throw this.error('The string is not closed.', position);
      const char = String.fromCodePoint(code);
      if (char === quote) break;
      if (char === '\\' && !raw) codes.push(...this.escape(isBytes));
      else {
        if (isBytes && code > 127)
          throw this.error('Bytes can only contain ASCII characters; write others as \\x…', this.at);
        codes.push(code);
        this.at += char.length;
        if (char === '\\') {
          codes.push(this.text.charCodeAt(this.at));
          this.at++;
        }
      }
      if (codes.length > maxLiteral) throw this.error(`The string is longer than ${maxLiteral} bytes.`, position);
    }
    this.at++;
    if (isBytes) return { kind: 'bytes', value: Uint8Array.from(codes), position };
    return { kind: 'text', value: codes.map((code) => String.fromCodePoint(code)).join(''), position };
  }

  private escape(isBytes: boolean): number[] {
    const position = this.at;
    const next = this.text[position + 1] ?? '';
    const simple = simpleEscapes[next];
    if (simple !== undefined) {
      this.at += 2;
      return simple;
    }
    const rest = this.text.slice(position + 1, position + 10);
    const coded = isBytes
      ? /^(?:x([0-9a-fA-F]{2})|([0-7]{1,3}))/.exec(rest)
      : /^(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
    if (coded !== null) {
      const hex = coded[1] ?? coded[3] ?? coded[4];
      const value = hex === undefined ? Number.parseInt(coded[2] ?? '0', 8) : Number.parseInt(hex, 16);
      if (value <= (isBytes ? 0xff : 0x10ffff)) {
        this.at += 1 + coded[0].length;
        return [value];
      }
    }
    if (/^[xuUN]/.test(rest)) throw this.error('The escape is not complete.', position);
    // As in Python, an escape that means nothing stays as it is written.
    const code = this.text.codePointAt(position + 1);
    if (code === undefined) throw this.error('The string is not closed.', position);
    this.at += 1 + String.fromCodePoint(code).length;
    return [0x5c, code];
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }
}

const simpleEscapes: Readonly<Record<string, number[]>> = {
  '\n': [],
  '\\': [0x5c],
  "'": [0x27],
  '"': [0x22],
  a: [7],
  b: [8],
  f: [12],
  n: [10],
  r: [13],
  t: [9],
  v: [11],
};

function excerpt(text: string, position: number): string {
  const from = Math.max(0, position - 16);
  const before = text.slice(from, position);
  const after = text.slice(position, position + 24);
  return `${from > 0 ? '…' : ''}${before}⟨here⟩${after}${position + 24 < text.length ? '…' : ''}`.replaceAll('\n', ' ');
}

/** Text as the bytes that Scapy makes of it. */
export function literalBytes(node: Node): Uint8Array | undefined {
  if (node.kind === 'bytes') return node.value;
  return node.kind === 'text' ? utf8(node.value) : undefined;
}
