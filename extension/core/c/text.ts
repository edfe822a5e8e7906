/**
 * C source with its comments replaced by spaces: every offset and line stays where it was, so that a place found here
 * is a place in the file.
 */
export function blankComments(text: string): string {
  const pattern = /\/\/(?:\\\r?\n|[^\n])*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?/g;
  return text.replace(pattern, (token) => (token.startsWith('/') ? token.replace(/[^\r\n]/g, ' ') : token));
}

/** 1-based line and column of an offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

export interface Call {
  /** Offset of the name. */
  start: number;
  /** Offset behind the closing parenthesis. */
  end: number;
  args: string[];
}

/** Reads the arguments of a call whose opening parenthesis stands at `open`; undefined when it never closes. */
export function readCall(text: string, start: number, open: number): Call | undefined {
  const args: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < text.length; at++) {
    const char = text[at];
    if (char === '"' || char === "'") {
      at = endOfLiteral(text, at);
    } else if (char === '(' || char === '[' || char === '{') {
      depth++;
    } else if (char === ')' || char === ']' || char === '}') {
      depth--;
      if (depth === 0) {
        const last = text.slice(from, at).trim();
        if (args.length > 0 || last !== '') args.push(last);
        return { start, end: at + 1, args };
      }
    } else if (char === ',' && depth === 1) {
      args.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return undefined;
}

function endOfLiteral(text: string, at: number): number {
  const quote = text[at];
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote || text[i] === '\n') return i;
  }
  return text.length;
}

/** Text without comments, with the insides of its strings and characters as spaces too. */
export function blankLiterals(text: string): string {
  return text.replace(/"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?/g, (token) =>
    token.length < 3 ? token : `${token[0]}${token.slice(1, -1).replaceAll(/[^\r\n]/g, ' ')}${token.at(-1)}`,
  );
}

/** The bracket that closes the one at `open`, in text whose literals and comments are blank; undefined where none does. */
export function matching(text: string, open: number): number | undefined {
  const left = text[open];
  const right = left === '(' ? ')' : left === '[' ? ']' : '}';
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === left) depth++;
    else if (text[at] === right && --depth === 0) return at;
  }
  return undefined;
}

/** Parts between the commas that no bracket encloses. */
export function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '(' || char === '[' || char === '{') depth++;
    else if (char === ')' || char === ']' || char === '}') depth--;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  const last = text.slice(from).trim();
  return last === '' ? parts : [...parts, last];
}
