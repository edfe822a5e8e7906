import type { CFunction, CSource } from '../source.ts';
import { type Knowledge, recordNamed } from './knowledge.ts';

export function functionAt(source: CSource, offset: number): CFunction | undefined {
  return source.functions.find(({ span }) => span.start <= offset && offset <= span.end);
}

/** The word that an offset is in or behind. */
export function wordAt(text: string, offset: number): { word: string; start: number; end: number } | undefined {
  let start = offset;
  let end = offset;
  while (start > 0 && /\w/.test(text[start - 1] ?? '')) start--;
  while (/\w/.test(text[end] ?? '')) end++;
  return start === end ? undefined : { word: text.slice(start, end), start, end };
}

/** The end of the line before an offset: what is looked for in it need not be looked for in a line of megabytes. */
export function lineBefore(text: string, offset: number): string {
  return text.slice(Math.max(text.lastIndexOf('\n', offset - 1) + 1, offset - 1000), offset);
}

/** The name of the struct that `a->b.c` is a value of or points to. */
export function structOf(
  source: CSource,
  knowledge: Knowledge,
  place: { path: string; offset: number },
): string | undefined {
  const [first = '', ...fields] = place.path.split(/->|\./).map((part) => part.replace(/\[[^\]]*\]$/, '').trim());
  let struct = structName(typeOfVariable(source, first, place.offset));
  for (const name of fields) {
    if (struct === undefined) return undefined;
    const field = recordNamed(source, knowledge, struct)?.fields.find((each) => each.name === name);
    struct = structName(field?.type);
  }
  return struct;
}

export function structName(type: string | undefined): string | undefined {
  return /\b(?:struct|union)\s+(\w+)/.exec(type ?? '')?.[1];
}

/** The declared type of a local variable, a parameter or a global; with its stars. */
export function typeOfVariable(source: CSource, name: string, offset: number): string | undefined {
  if (!/^[A-Za-z_]\w*$/.test(name)) return undefined;
  const fn = functionAt(source, offset);
  if (fn !== undefined) {
    const body = source.code.slice(fn.body.start, Math.max(offset, fn.body.start));
    const declared = declarationOf(body, name);
    if (declared !== undefined) return declared;
    for (const parameter of fn.parameters) {
      const match = new RegExp(String.raw`^([\s\S]*?[\s*])${name}(?:\[[^\]]*\])?$`).exec(parameter);
      if (match !== null) return (match[1] ?? '').trim();
    }
  }
  return source.variables.find((each) => each.name === name)?.type;
}

const typeAtStart =
  /^\s*((?:(?:const|volatile|static)\s+)*(?:(?:struct|union|enum)\s+\w+|unsigned\s+(?:long\s+long|\w+)|(?:__)?[a-z]\w*))(?=[\s*])/;

/** `struct iphdr *ip`, also as a later one of `struct ethhdr *eth, *other = x`. The last before the end of the text. */
function declarationOf(body: string, name: string): string | undefined {
  let found: string | undefined;
  for (const match of body.matchAll(new RegExp(String.raw`(?<![\w.>])${name}\s*[;=,[]`, 'g'))) {
    const start = statementBefore(body, match.index);
    const statement = body.slice(start, match.index);
    const type = typeAtStart.exec(statement);
    if (type === null || /^\s*(?:return|goto|else|case)\b/.test(statement)) continue;
    const between = statement.slice(type[0].length);
    const stars = /(?:^|,)\s*(\**)\s*$/.exec(between)?.[1];
    if (stars !== undefined) found = `${(type[1] ?? '').replaceAll(/\s+/g, ' ')} ${stars}`.trim();
  }
  return found;
}

function statementBefore(text: string, offset: number): number {
  for (let at = offset - 1; at >= 0 && offset - at < 2000; at--) {
    if (
      /[;{}(]/.test(text[at] ?? '') &&
      !(
        text[at] === '(' &&
        /\w\s*$/.test(text.slice(Math.max(0, at - 8), at)) &&
        !/\bfor\s*$/.test(text.slice(Math.max(0, at - 8), at))
      )
    ) {
      return at + 1;
    }
  }
  return Math.max(0, offset - 2000);
}

const scalarSizes: Readonly<Record<string, number>> = {
  char: 1,
  bool: 1,
  _Bool: 1,
  __u8: 1,
  __s8: 1,
  u8: 1,
  s8: 1,
  uint8_t: 1,
  int8_t: 1,
  'unsigned char': 1,
  short: 2,
  __u16: 2,
  __s16: 2,
  __be16: 2,
  u16: 2,
  s16: 2,
  uint16_t: 2,
  int16_t: 2,
  'unsigned short': 2,
  int: 4,
  unsigned: 4,
  __u32: 4,
  __s32: 4,
  __be32: 4,
  __wsum: 4,
  u32: 4,
  s32: 4,
  uint32_t: 4,
  int32_t: 4,
  'unsigned int': 4,
  long: 8,
  __u64: 8,
  __s64: 8,
  __be64: 8,
  u64: 8,
  s64: 8,
  uint64_t: 8,
  int64_t: 8,
  'unsigned long': 8,
  'long long': 8,
  'unsigned long long': 8,
};

/** The size of a type that needs no layout: a scalar or a pointer. Bytes. */
export function scalarSize(type: string | undefined): number | undefined {
  if (type === undefined) return undefined;
  if (type.endsWith('*')) return 8;
  const plain = type
    .replaceAll(/\b(?:const|volatile|static|register)\b/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return scalarSizes[plain];
}

/** Size and alignment of a type; undefined where a part of it is not known. Bytes. */
export function layoutOf(
  source: CSource,
  knowledge: Knowledge,
  type: string,
  depth = 0,
): { size: number; align: number } | undefined {
  const array = /^([\s\S]*?)\s*\[([^\]]*)\]$/.exec(type);
  if (array !== null) {
    const element = layoutOf(source, knowledge, array[1] ?? '', depth + 1);
    const count = numberOf(source, knowledge, array[2] ?? '');
    return element === undefined || count === undefined
      ? undefined
      : { size: element.size * count, align: element.align };
  }
  const scalar = scalarSize(type);
  if (scalar !== undefined) return { size: scalar, align: scalar };
  const name = structName(type);
  const known = /\b__be\d+\b/.test(type) ? undefined : name;
  if (known === undefined || depth > 8) return undefined;
  if (/\bunion\b/.test(type)) return undefined;
  const definition = [source, ...knowledge.headers]
    .flatMap(({ records }) => records)
    .find((each) => each.name === known);
  if (definition === undefined || definition.kind !== 'struct') return undefined;
  const text = [source, ...knowledge.headers]
    .map((each) =>
      each.records.includes(definition) ? each.text.slice(definition.span.start, definition.span.end) : '',
    )
    .join('');
  // Bit-fields, unions inside and attributes need a compiler.
  if (/:\s*\d|\bunion\b|__attribute__|__packed/.test(text)) return undefined;
  let size = 0;
  let align = 1;
  for (const field of definition.fields) {
    const part = layoutOf(
      source,
      knowledge,
      field.length === undefined ? field.type : `${field.type}[${field.length}]`,
      depth + 1,
    );
    if (part === undefined) return undefined;
    size = Math.ceil(size / part.align) * part.align + part.size;
    align = Math.max(align, part.align);
  }
  return { size: Math.ceil(size / align) * align, align };
}

/** A constant expression of numbers, macros and enumerators with + - * / << and brackets. */
export function numberOf(source: CSource, knowledge: Knowledge, text: string, depth = 0): number | undefined {
  if (depth > 8 || text.length > 200) return undefined;
  let unknown = false;
  const expanded = text.replaceAll(
    /\b(0x[\da-fA-F]+|\d+)[uUlL]*\b|\b[A-Za-z_]\w*\b/g,
    (word, digits: string | undefined) => {
      if (digits !== undefined) return String(Number(digits));
      const value = constantNamed(source, knowledge, word, depth + 1);
      if (value === undefined) unknown = true;
      return String(value ?? 0);
    },
  );
  return unknown ? undefined : evaluate(expanded);
}

function constantNamed(source: CSource, knowledge: Knowledge, name: string, depth: number): number | undefined {
  for (const each of [source, ...knowledge.headers]) {
    const define = each.defines.find((one) => one.name === name && one.parameters === undefined);
    if (define !== undefined)
      return numberOf(source, knowledge, define.body.replaceAll(/\/\*[\s\S]*?\*\//g, ''), depth);
    for (const record of each.records) {
      if (record.kind !== 'enum') continue;
      const index = record.fields.findIndex((field) => field.name === name);
      if (index < 0) continue;
      const text = each.text.slice(record.span.start, record.span.end);
      // Values that count up from zero; others need more than this.
      return text.includes('=') ? undefined : index;
    }
  }
  return undefined;
}

/** + - * / << >> | & ( ) on whole numbers. */
function evaluate(text: string): number | undefined {
  const tokens = text.match(/\d+|<<|>>|[-+*/()|&~]/g) ?? [];
  if (tokens.join('') !== text.replaceAll(/\s+/g, '')) return undefined;
  let at = 0;
  const primary = (): number => {
    const token = tokens[at++];
    if (token === '(') {
      const value = level(0);
      at++;
      return value;
    }
    if (token === '-') return -primary();
    return Number(token ?? Number.NaN);
  };
  const levels: readonly (readonly string[])[] = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/']];
  const level = (index: number): number => {
    const operators = levels[index];
    if (operators === undefined) return primary();
    let left = level(index + 1);
    while (operators.includes(tokens[at] ?? '')) {
      const operator = tokens[at++];
      const right = level(index + 1);
      left = apply(operator, left, right);
    }
    return left;
  };
  const value = level(0);
  return at === tokens.length && Number.isFinite(value) ? value : undefined;
}

function apply(operator: string | undefined, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return Math.trunc(left / right);
    case '<<':
      return left * 2 ** right;
    case '>>':
      return Math.floor(left / 2 ** right);
    case '|':
      return left | right;
    default:
      return left & right;
  }
}
