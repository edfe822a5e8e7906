import type { CSource, Span } from '../source.ts';
import { matching, splitTopLevel } from '../text.ts';

/** Calls that are looked at: more of them are generated code. */
const maxCalls = 500;

/**
 * The programs that a tail call may go to, by the `.values` of its map: the one at the index that is written there, else all of them. Empty
 * where the place is in no tail call, or on the name of its map or context.
 */
export function tailCallTargets(source: CSource, offset: number): Span[] {
  const call = callAt(source.code, offset);
  if (call === undefined) return [];
  const programs = valuesOf(source, call.map);
  const index = numberOf(source, call.index);
  const named = programs.filter(
    (each) => each.index === call.index || (index !== undefined && numberOf(source, each.index) === index),
  );
  const chosen = named.length > 0 ? named : programs;
  return source.functions.filter(({ name }) => chosen.some((each) => each.program === name)).map((fn) => fn.nameSpan);
}

/** The tail call whose name or index is at this place. */
function callAt(code: string, offset: number): { map: string; index: string } | undefined {
  let count = 0;
  for (const match of code.matchAll(/\b(bpf_tail_call(?:_static)?)\s*\(/g)) {
    if (++count > maxCalls || match.index > offset) return undefined;
    const open = match.index + match[0].length - 1;
    const close = matching(code, open);
    if (close === undefined || offset > close) continue;
    const [, map = '', ...index] = splitTopLevel(code.slice(open + 1, close));
    const name = /^&\s*(\w+)$/.exec(map.trim())?.[1];
    const isName = offset <= match.index + (match[1] ?? '').length;
    const isIndex = offset > code.indexOf(',', code.indexOf(map, open));
    return name !== undefined && (isName || isIndex) ? { map: name, index: index.join(',').trim() } : undefined;
  }
  return undefined;
}

/** `.values = { [INDEX] = (void *)&program, … }` of a map's initialiser. */
function valuesOf({ code, maps }: CSource, name: string): { index: string; program: string }[] {
  const map = maps.find((each) => each.name === name);
  if (map === undefined) return [];
  const values = /^[^;]*?\.\s*values\s*=\s*\{/.exec(code.slice(map.nameSpan.end));
  if (values === null) return [];
  const open = map.nameSpan.end + values[0].length - 1;
  const close = matching(code, open);
  if (close === undefined) return [];
  let next = 0;
  return splitTopLevel(code.slice(open + 1, close)).flatMap((entry) => {
    const parts = /^\s*(?:\[([\s\S]*?)\]\s*=)?\s*(?:\([^()]*\)\s*)*&?\s*(\w+)\s*$/.exec(entry);
    if (parts === null) return [];
    const index = parts[1]?.trim() ?? String(next);
    next = Number(index) + 1;
    return [{ index, program: parts[2] ?? '' }];
  });
}

function numberOf({ defines }: CSource, text: string): number | undefined {
  const value = defines.find(({ name, parameters }) => name === text && parameters === undefined)?.body ?? text;
  const number = /^\(?\s*(0x[\da-f]+|\d+)[uUlL]*\s*\)?$/i.exec(value.trim())?.[1];
  return number === undefined ? undefined : Number(number);
}
