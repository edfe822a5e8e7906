import { XdpError } from '../../errors.ts';

/** A piece of a filter. `at`: where it starts in the text, in UTF-16 units. */
export interface Token {
  kind: 'word' | 'string' | 'operator' | 'end';
  text: string;
  at: number;
  length: number;
}

/** Nobody writes more by hand, and what is not written by hand is not ours. */
const maxLength = 4096;
const operator = /^(?:&&|\|\||[=!<>]=|[<>!()&~])/;
/** Names with their dots and indexes, and every kind of literal: `rx.packets`, `buckets[3]`, `10.0.0.0/8`, `fd00::1`, `-5`. */
const word = /^-?[A-Za-z0-9_.:/[\]$]+/;

/** Where in the text something is wrong; views underline it. */
export function filterError(message: string, at: { at: number; length: number }, fix?: string): XdpError {
  return new XdpError('filter-invalid', message, {
    ...(fix === undefined ? {} : { fix }),
    details: { offset: at.at, length: Math.max(1, at.length) },
  });
}

export function tokens(text: string): Token[] {
  if (text.length > maxLength) {
    throw filterError(`A filter has at most ${maxLength} characters.`, { at: maxLength, length: 1 });
  }
  const found: Token[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++;
    const rest = text.slice(at);
    if (rest === '') return [...found, { kind: 'end', text: 'the end', at, length: 0 }];
    const token = nextToken(rest, at);
    found.push(token);
    at += token.length;
  }
}

function nextToken(rest: string, at: number): Token {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"/.exec(rest);
  if (quoted !== null) {
    return { kind: 'string', text: (quoted[1] ?? '').replace(/\\(["\\])/g, '$1'), at, length: quoted[0].length };
  }
  if (rest.startsWith('"')) throw filterError('This text has no closing quote.', { at, length: rest.length });
  const symbol = operator.exec(rest)?.[0];
  if (symbol !== undefined) return { kind: 'operator', text: symbol, at, length: symbol.length };
  const name = word.exec(rest)?.[0];
  if (name !== undefined) return { kind: 'word', text: name, at, length: name.length };
  const wrong = rest[0] ?? '';
  const fix =
    wrong === '=' ? 'Write == to compare.' : wrong === '|' ? 'Write || for "or".' : 'Put text between double quotes.';
  throw filterError(`${wrong} has no meaning here.`, { at, length: 1 }, fix);
}
