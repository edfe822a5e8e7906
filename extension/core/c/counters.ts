import type { CFunction, CSource } from './source.ts';

/** A line that makes a number grow, and which number that is. */
export interface CounterLine {
  /** Where the number stands in the text. */
  start: number;
  end: number;
  /** A field of a map's values ('' for a value that is one number), or a variable of the program. */
  of: { kind: 'map'; map: string; field: string } | { kind: 'variable'; name: string };
}

const lookups = /\b(\w+)\s*=\s*(?:\([^()]*\)\s*)?bpf_map_lookup_(?:percpu_)?elem\s*\(\s*&\s*(\w+)\b/g;
const place = String.raw`(\w+)\s*->\s*(\w+(?:\s*\.\s*\w+)*)`;
const atomic = String.raw`\b__(?:sync_fetch_and_add|sync_add_and_fetch|atomic_fetch_add|atomic_add_fetch)\s*\(\s*`;
const fields = [
  new RegExp(String.raw`\b${place}\s*(?:\+\+|\+=)`, 'g'),
  new RegExp(String.raw`\+\+\s*${place}`, 'g'),
  new RegExp(String.raw`${atomic}&\s*\(?\s*${place}`, 'g'),
];
// What costs little is looked at first: looking back over blanks from each blank would be quadratic.
const wholes = [
  /\(\s*\*\s*(\w+)\s*\)\s*(?:\+\+|\+=)/g,
  /(?=\*)(?<![\w)\]]\s*)\*\s*(\w+)\s*\+=/g,
  /\+\+\s*\*\s*(\w+)/g,
  new RegExp(String.raw`${atomic}(\w+)\s*,`, 'g'),
];
const names = [
  /(?<!\w)(?=\w)(?<![\w.>]\s*)(\w+)\s*(?:\+\+|\+=)/g,
  /\+\+\s*(\w+)\b(?!\s*(?:->|\.|\[))/g,
  new RegExp(String.raw`${atomic}&\s*(\w+)\s*,`, 'g'),
];

/**
 * The lines of a source that count where it can be seen which number: through a pointer that only comes from looking up one map,
 * or in a global variable. Without a compiler: what is not plain is left out rather than guessed.
 */
export function findCounters(source: CSource): CounterLine[] {
  const found = source.functions.flatMap((each) => countersOf(source, each));
  return found.sort((a, b) => a.start - b.start).filter(({ start }, at) => start !== found[at - 1]?.start);
}

function countersOf({ code, maps, variables }: CSource, { body, parameters }: CFunction): CounterLine[] {
  const text = code.slice(body.start, body.end);
  const known = new Set(maps.map(({ name }) => name));
  const pointers = pointersIn(text, known);
  const lines: CounterLine[] = [];
  const add = (match: RegExpMatchArray, of: CounterLine['of']): void => {
    const start = body.start + (match.index ?? 0);
    lines.push({ start, end: start + match[0].length, of });
  };
  for (const pattern of fields) {
    for (const match of text.matchAll(pattern)) {
      const map = pointers.get(match[1] ?? '');
      if (map !== undefined) add(match, { kind: 'map', map, field: (match[2] ?? '').replace(/\s+/g, '') });
    }
  }
  for (const pattern of wholes) {
    for (const match of text.matchAll(pattern)) {
      const map = pointers.get(match[1] ?? '');
      if (map !== undefined) add(match, { kind: 'map', map, field: '' });
    }
  }
  // Each name is looked for once, however often it counts.
  const globals = new Set(
    variables.flatMap(({ name }) => (text.includes(name) && !isDeclaredIn(text, parameters, name) ? [name] : [])),
  );
  for (const pattern of names) {
    for (const match of text.matchAll(pattern)) {
      const name = match[1] ?? '';
      if (globals.has(name)) add(match, { kind: 'variable', name });
    }
  }
  return lines;
}

/** Pointers that every assignment gives an element of the same map. */
function pointersIn(text: string, maps: ReadonlySet<string>): Map<string, string> {
  const looked = new Map<string, string[]>();
  for (const [, pointer = '', map = ''] of text.matchAll(lookups)) {
    if (maps.has(map)) looked.set(pointer, [...(looked.get(pointer) ?? []), map]);
  }
  const pointers = new Map<string, string>();
  for (const [pointer, from] of looked) {
    const assigned = [...text.matchAll(new RegExp(String.raw`\b${pointer}\s*=(?!=)`, 'g'))].length;
    const [map, ...others] = new Set(from);
    if (map !== undefined && others.length === 0 && assigned === from.length) pointers.set(pointer, map);
  }
  return pointers;
}

/** A local variable or a parameter of the same name hides the global one. */
function isDeclaredIn(text: string, parameters: readonly string[], name: string): boolean {
  if (parameters.some((parameter) => new RegExp(String.raw`\b${name}$`).test(parameter.trim()))) return true;
  return new RegExp(String.raw`(?:^|[;{}(])\s*(?!return\b)[A-Za-z_][\w\s]*[\s*]${name}\s*(?:=(?!=)|;|,|\[)`).test(text);
}
