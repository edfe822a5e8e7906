/** What VS Code knows while it decides what to show: `when` clauses are held against it. */
export type Context = Readonly<Record<string, string | number | boolean>>;

type Token = { kind: 'word' | 'pattern' | 'sign'; text: string };

/** The clauses of https://code.visualstudio.com/api/references/when-clause-contexts, as far as the manifest uses them. */
export function holds(clause: string, context: Context): boolean {
  const tokens = tokensOf(clause);
  const take = (text: string): boolean => {
    if (tokens[0]?.kind !== 'sign' || tokens[0].text !== text) return false;
    tokens.shift();
    return true;
  };
  const either = (): boolean => {
    let value = both();
    while (take('||')) value = both() || value;
    return value;
  };
  const both = (): boolean => {
    let value = one();
    while (take('&&')) value = one() && value;
    return value;
  };
  const one = (): boolean => {
    if (take('!')) return !one();
    if (take('(')) {
      const value = either();
      if (!take(')')) throw new Error(`A parenthesis is open in ${clause}`);
      return value;
    }
    const key = tokens.shift();
    if (key?.kind !== 'word') throw new Error(`No key where one is expected in ${clause}`);
    if (key.text === 'true' || key.text === 'false') return key.text === 'true';
    const value = context[key.text];
    if (take('==')) return String(value) === tokens.shift()?.text;
    if (take('!=')) return String(value) !== tokens.shift()?.text;
    if (take('>')) return Number(value) > Number(tokens.shift()?.text);
    if (take('=~')) return new RegExp(tokens.shift()?.text ?? '').test(String(value ?? ''));
    return Boolean(value);
  };
  const value = either();
  if (tokens.length > 0) throw new Error(`${clause} goes on after its end`);
  return value;
}

/** The context keys that a clause asks for. */
export function keysIn(clause: string): string[] {
  const tokens = tokensOf(clause);
  return tokens
    .filter(({ kind, text }, index) => {
      const compared = ['==', '!=', '>'].includes(tokens[index - 1]?.text ?? '');
      return kind === 'word' && !compared && text !== 'true' && text !== 'false';
    })
    .map(({ text }) => text);
}

function tokensOf(clause: string): Token[] {
  const found = clause.matchAll(/\s*(?:(\/(?:\\.|[^/\\])+\/)|(&&|\|\||==|!=|=~|[!()>])|([\w.:-]+)|(\S))/g);
  return [...found].map(([, pattern, sign, word, wrong]) => {
    if (pattern !== undefined) return { kind: 'pattern', text: pattern.slice(1, -1) };
    if (sign !== undefined) return { kind: 'sign', text: sign };
    if (word !== undefined) return { kind: 'word', text: word };
    throw new Error(`${wrong} in ${clause}`);
  });
}
