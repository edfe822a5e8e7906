import type { Define } from '../../c/source.ts';
import { readCall } from '../../c/text.ts';

/** A macro that means the same wherever it is defined; undefined for one with several meanings, which is left as it is. */
export type Macros = ReadonlyMap<string, Pick<Define, 'parameters' | 'body'> | undefined>;

/** Macros inside macros, and characters that an expansion may grow to. */
const maxDepth = 8;
const maxLength = 2000;

/** The macros of some sources, without knowing which of their #if hold. */
export function macrosOf(defines: Iterable<Define>): Macros {
  const macros = new Map<string, Define | undefined>();
  for (const define of defines) {
    const known = macros.get(define.name);
    const isOther = known !== undefined && (known.body !== define.body || known.parameters !== define.parameters);
    if (!macros.has(define.name)) macros.set(define.name, define);
    else if (isOther) macros.set(define.name, undefined);
  }
  return macros;
}

/** An expression with its macros replaced, as far as that is possible in a line of text: no `#`, no `##`. */
export function expand(text: string, macros: Macros, depth = 0): string {
  if (depth > maxDepth || text.length > maxLength) return text;
  const pattern = /[A-Za-z_]\w*/g;
  let result = '';
  let from = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const macro = macros.get(match[0]);
    if (macro === undefined || macro.body === '' || macro.body.includes('#')) continue;
    const end = match.index + match[0].length;
    const replaced =
      macro.parameters === undefined ? { body: macro.body, end } : withArguments(text, match.index, macro);
    if (replaced === undefined) continue;
    // Its own name inside a macro stays: C11 6.10.3.4.
    const others = new Map([...macros].filter(([name]) => name !== match[0]));
    result += `${text.slice(from, match.index)}${expand(replaced.body, others, depth + 1)}`;
    from = replaced.end;
    pattern.lastIndex = from;
  }
  return `${result}${text.slice(from)}`;
}

function withArguments(
  text: string,
  start: number,
  { parameters = '', body }: Pick<Define, 'parameters' | 'body'>,
): { body: string; end: number } | undefined {
  const open = start + (/^\w+\s*\(/.exec(text.slice(start))?.[0].length ?? 0) - 1;
  const call = open < start ? undefined : readCall(text, start, open);
  const names = parameters.split(',').map((name) => name.trim());
  if (call === undefined || call.args.length !== names.length) return undefined;
  const given = new Map(names.map((name, index) => [name, call.args[index] ?? '']));
  return { body: body.replaceAll(/[A-Za-z_]\w*/g, (name) => given.get(name) ?? name), end: call.end };
}
