/** Where somebody types in a JSON text that may not be finished, or not be right. Never throws, and reads the text once. */

export interface Cursor {
  /** From the root: names of members, places in lists. At a name being typed, without it. */
  path: readonly (string | number)[];
  /** A member's name, or a value. */
  at: 'name' | 'value';
  /** The text between the quotes as far as it goes; of an unquoted value what stands there. */
  typed: string;
  /** What a suggestion takes the place of: with its quotes. `length` 0: nothing is there yet. */
  span: { offset: number; length: number };
  /** Names that the object around it has already, without the one being typed. */
  siblings: readonly string[];
}

interface Level {
  kind: 'object' | 'list';
  names: string[];
  /** Of the member whose value comes or stands. */
  name: string;
  index: number;
  /** In an object: a name is expected, or its value. */
  expects: 'name' | 'colon' | 'value';
}

interface Token {
  kind: 'text' | 'word' | 'sign';
  offset: number;
  length: number;
  /** Of a text without quotes; escapes stay as they are written. */
  value: string;
  closed: boolean;
}

/** Far beyond any test file by hand. */
const maxDepth = 64;

export function cursorAt(text: string, offset: number): Cursor | undefined {
  const levels: Level[] = [];
  for (const token of tokens(text)) {
    const level = levels.at(-1);
    const end = token.offset + token.length;
    if (token.kind !== 'sign') {
      // A quoted text is left behind its closing quote, an unfinished one only with its line.
      const inside =
        offset > token.offset && (offset < end || (offset === end && (token.kind === 'word' || !token.closed)));
      const before = offset === token.offset;
      if (inside || (before && token.kind === 'word')) return found(text, levels, token);
      if (offset <= token.offset) return blank(levels, offset);
      if (level === undefined) continue;
      if (level.kind === 'object' && level.expects === 'name') {
        level.name = token.value;
        level.names.push(token.value);
        level.expects = 'colon';
      }
      continue;
    }
    if (offset <= token.offset) return blank(levels, offset);
    switch (token.value) {
      case '{':
      case '[':
        if (levels.length >= maxDepth) return undefined;
        levels.push({ kind: token.value === '{' ? 'object' : 'list', names: [], name: '', index: 0, expects: 'name' });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ':':
        if (level?.kind === 'object') level.expects = 'value';
        break;
      case ',':
        if (level?.kind === 'list') level.index++;
        else if (level !== undefined) level.expects = 'name';
        break;
      default:
    }
  }
  return blank(levels, offset);
}

function pathOf(levels: readonly Level[]): (string | number)[] {
  return levels.map((level) => (level.kind === 'list' ? level.index : level.name));
}

function found(text: string, levels: readonly Level[], token: Token): Cursor | undefined {
  const level = levels.at(-1);
  if (level === undefined) return undefined;
  const span = { offset: token.offset, length: token.length };
  if (level.kind === 'object' && level.expects !== 'value') {
    const siblings = [...level.names, ...namesBehind(text, token.offset + token.length)];
    return { path: pathOf(levels.slice(0, -1)), at: 'name', typed: token.value, span, siblings };
  }
  return { path: pathOf(levels), at: 'value', typed: token.value, span, siblings: level.names };
}

/** Between two things. */
function blank(levels: readonly Level[], offset: number): Cursor | undefined {
  const level = levels.at(-1);
  if (level === undefined) return undefined;
  const span = { offset, length: 0 };
  if (level.kind === 'list') return { path: pathOf(levels), at: 'value', typed: '', span, siblings: [] };
  switch (level.expects) {
    case 'name':
      return { path: pathOf(levels.slice(0, -1)), at: 'name', typed: '', span, siblings: level.names };
    case 'value':
      return { path: pathOf(levels), at: 'value', typed: '', span, siblings: level.names };
    case 'colon':
      return undefined;
  }
}

/** The names that follow in the same object. */
function namesBehind(text: string, offset: number): string[] {
  const names: string[] = [];
  let depth = 0;
  let expects = false;
  for (const token of tokens(text, offset)) {
    if (token.kind === 'text' && depth === 0 && expects) {
      names.push(token.value);
      expects = false;
    }
    if (token.kind !== 'sign') continue;
    if (token.value === '{' || token.value === '[') depth++;
    if (token.value === '}' || token.value === ']') depth--;
    if (depth < 0) break;
    if (token.value === ',' && depth === 0) expects = true;
  }
  return names;
}

/** Comments and white space are left out. */
function* tokens(text: string, from = 0): Generator<Token> {
  const pattern = /\/\/[^\r\n]*|\/\*[^]*?(?:\*\/|$)|"(?:[^"\\\r\n]|\\.)*"?|[{}[\]:,]|[^\s{}[\]:,"/]+|\//g;
  pattern.lastIndex = from;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [found] = match;
    if (found.startsWith('//') || found.startsWith('/*')) continue;
    const offset = match.index;
    const { length } = found;
    if (found.startsWith('"')) {
      const closed = length > 1 && found.endsWith('"') && !/(?:^|[^\\])(?:\\\\)*\\"$/.test(found.slice(1));
      yield { kind: 'text', offset, length, value: found.slice(1, closed ? -1 : undefined), closed };
    } else {
      const isSign = /^[{}[\]:,]$/.test(found);
      yield { kind: isSign ? 'sign' : 'word', offset, length, value: found, closed: true };
    }
  }
}
