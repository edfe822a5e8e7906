/** A token of a C expression. */
export type Token =
  | { kind: 'number'; value: bigint; unsigned: boolean; long: boolean; at: number }
  | { kind: 'name'; text: string; at: number }
  | { kind: 'symbol'; text: string; at: number }
  | { kind: 'end'; at: number };

/** What is wrong with an expression, in words for its author. */
export class ExpressionError extends Error {}

const symbols = [
  '<<=',
  '>>=',
  '->',
  '<<',
  '>>',
  '<=',
  '>=',
  '==',
  '!=',
  '&&',
  '||',
  '(',
  ')',
  '[',
  ']',
  '.',
  ',',
  '?',
  ':',
  '+',
  '-',
  '*',
  '/',
  '%',
  '&',
  '|',
  '^',
  '~',
  '!',
  '<',
  '>',
  '=',
];

const escapes: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, 0: 0, '\\': 92, "'": 39, '"': 34 };

export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const number = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)([uUlL]*)(?![\w.])/.exec(rest);
    const name = /^[A-Za-z_$][\w$]*/.exec(rest);
    const character = /^'(\\?)([^'\\]|(?<=\\).)'/.exec(rest);
    if (number !== null) {
      tokens.push(numberToken(number[1]!, number[2]!, at));
      at += number[0].length;
    } else if (name !== null) {
      tokens.push({ kind: 'name', text: name[0], at });
      at += name[0].length;
    } else if (character !== null) {
      const code = character[1] === '' ? character[2]!.charCodeAt(0) : escapes[character[2]!];
      if (code === undefined) throw new ExpressionError(`the character ${character[0]} is not known`);
      tokens.push({ kind: 'number', value: BigInt(code), unsigned: false, long: false, at });
      at += character[0].length;
    } else {
      const symbol = symbols.find((each) => rest.startsWith(each));
      if (symbol === undefined) throw new ExpressionError(`"${rest.slice(0, 12)}" is not understood`);
      tokens.push({ kind: 'symbol', text: symbol, at });
      at += symbol.length;
    }
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}

function numberToken(digits: string, suffix: string, at: number): Token {
  const octal = /^0\d+$/.test(digits);
  if (octal && /[89]/.test(digits)) throw new ExpressionError(`${digits} is no octal number`);
  const value = BigInt.asUintN(64, BigInt(octal ? `0o${digits.slice(1)}` : digits));
  const decimal = /^[1-9]/.test(digits) || digits === '0';
  // C takes the first type that holds it; decimal numbers without a suffix are never unsigned: C11 6.4.4.1.
  const unsigned =
    /u/i.test(suffix) ||
    (!decimal && ((value > 0x7fff_ffffn && value <= 0xffff_ffffn) || value > 0x7fff_ffff_ffff_ffffn));
  const long = /l/i.test(suffix) || value > (unsigned ? 0xffff_ffffn : 0x7fff_ffffn);
  return { kind: 'number', value, unsigned, long, at };
}
