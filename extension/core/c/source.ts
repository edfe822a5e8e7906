import { enumerators, type Field, recordFields } from './fields.ts';
import { blankComments, blankLiterals, matching, splitTopLevel } from './text.ts';

export type { Field };

/**
 * What a BPF source declares at its top level, found without a preprocessor or a type checker: enough for an editor that
 * must answer while half of a line is written. Offsets are those of the text.
 */
export interface CSource {
  text: string;
  /** The text with comments, strings and preprocessor lines as spaces: braces and names in it are code. */
  code: string;
  includes: Include[];
  defines: Define[];
  functions: CFunction[];
  maps: MapDefinition[];
  records: RecordDefinition[];
  variables: Variable[];
}

export interface Span {
  start: number;
  end: number;
}

export interface Include extends Span {
  /** As written between the quotes or brackets. */
  header: string;
}

export interface Define {
  name: string;
  /** undefined for a macro without parameters. */
  parameters: string | undefined;
  body: string;
  /** Of the name. */
  span: Span;
}

export interface CFunction {
  name: string;
  /** The text of `SEC("…")`; undefined for functions that are not programs. */
  section: string | undefined;
  /** What stands before the name, without SEC. */
  returns: string;
  parameters: string[];
  span: Span;
  nameSpan: Span;
  /** From `{` to behind `}`. */
  body: Span;
}

export interface MapDefinition {
  name: string;
  /** `type` as written, such as `BPF_MAP_TYPE_HASH`. */
  type: string | undefined;
  key: string | undefined;
  value: string | undefined;
  maxEntries: string | undefined;
  /** Every attribute as written. */
  attributes: Map<string, string>;
  /** A macro of xdp_maps.h, `bpf_map_def`, or none. */
  form: 'btf' | 'macro' | 'legacy';
  span: Span;
  nameSpan: Span;
}

export interface RecordDefinition {
  kind: 'struct' | 'union' | 'enum';
  name: string;
  fields: Field[];
  span: Span;
  nameSpan: Span;
}

export interface Variable {
  name: string;
  type: string;
  section: string | undefined;
  initializer: string | undefined;
  span: Span;
  nameSpan: Span;
}

/** Sources beyond this are read up to here: a generated table has no maps behind it. Characters. */
const maxChars = 4 << 20;

export function scanSource(whole: string): CSource {
  const text = whole.length > maxChars ? whole.slice(0, maxChars) : whole;
  const plain = blankComments(text);
  const source: CSource = {
    text,
    code: blankLiterals(plain),
    includes: [],
    defines: [],
    functions: [],
    maps: [],
    records: [],
    variables: [],
  };
  readDirectives(source, plain);
  for (const item of topLevelItems(source.code)) readItem(source, plain, item);
  return source;
}

function readDirectives(source: CSource, plain: string): void {
  const directive = /^[ \t]*#[ \t]*(\w+)((?:\\\r?\n|[^\n])*)/gm;
  const blanks: Span[] = [];
  for (const match of plain.matchAll(directive)) {
    const start = match.index;
    const end = start + match[0].length;
    blanks.push({ start, end });
    const rest = match[2] ?? '';
    if (match[1] === 'include') {
      const header = /^\s*[<"]([^>"\n]+)[>"]/.exec(rest)?.[1];
      if (header !== undefined) source.includes.push({ header, start, end });
    } else if (match[1] === 'define') {
      const define = /^(\s+)(\w+)(\([^)]*\))?([\s\S]*)$/.exec(rest);
      if (define === null) continue;
      const name = define[2] ?? '';
      const at = end - rest.length + (define[1] ?? '').length;
      const body = (define[4] ?? '').replaceAll(/\\\r?\n/g, ' ').trim();
      const parameters = define[3]?.slice(1, -1);
      source.defines.push({ name, parameters, body, span: { start: at, end: at + name.length } });
    }
  }
  source.code = blankSpans(source.code, blanks);
}

function blankSpans(text: string, spans: readonly Span[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    parts.push(text.slice(at, start), text.slice(start, end).replaceAll(/[^\r\n]/g, ' '));
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}

/** An item and the place of its first brace at this level, if it has one. */
interface Item extends Span {
  open: number | undefined;
}

function* topLevelItems(code: string): Generator<Item> {
  let start = 0;
  let open: number | undefined;
  for (let at = 0; at < code.length; at++) {
    const char = code[at];
    if (char === '{') {
      const close = matching(code, at);
      if (close === undefined) {
        yield { start: firstOf(code, start), end: code.length, open: open ?? at };
        return;
      }
      open ??= at;
      const header = code.slice(start, open);
      at = close;
      // A function ends with its brace; a type or an initializer with a semicolon.
      if (/\)\s*$/.test(header.replaceAll(/__attribute__\s*\(\([^()]*\)\)/g, '')) && !header.includes('=')) {
        yield { start: firstOf(code, start), end: close + 1, open };
        start = close + 1;
        open = undefined;
      }
    } else if (char === ';') {
      yield { start: firstOf(code, start), end: at + 1, open };
      start = at + 1;
      open = undefined;
    }
  }
}

function firstOf(code: string, from: number): number {
  let at = from;
  while (at < code.length && /\s/.test(code[at] ?? '')) at++;
  return at;
}

/** A head is some words; what is longer is no declaration. Characters. */
const maxHead = 4000;

function readItem(source: CSource, plain: string, item: Item): void {
  const { code } = source;
  const { start, end, open } = item;
  if (code.charAt(end - 1) === '}' && open !== undefined) {
    readFunction(source, plain, { start, end, open });
    return;
  }
  const text = plain.slice(start, end);
  const head = code.slice(start, open ?? end);
  const record = /^(?:typedef\s+)?(struct|union|enum)\s*(?:__attribute__\s*\(\([^()]*\)\)\s*)?(\w*)\s*$/.exec(head);
  if (record !== null && open !== undefined) {
    readRecord(source, plain, { start, end, open, kind: record[1] as RecordDefinition['kind'], name: record[2] ?? '' });
    return;
  }
  const legacy = /\bstruct\s+bpf_map_def\b[^=]*?\b(\w+)\s*(?:SEC\s*\([^)]*\)\s*)?=/.exec(head.slice(0, maxHead));
  if (legacy !== null && open !== undefined) {
    readLegacyMap(source, plain, { start, end, open, name: legacy[1] ?? '' });
    return;
  }
  const macro = /^(?:static\s+)?(BPF_[A-Z_]+|XDP_[A-Z_]+)\s*\(\s*(\w+)/.exec(text);
  if (macro !== null && open === undefined && !/^BPF_(?:PROG|KPROBE|CORE)/.test(macro[1] ?? '')) {
    readMacroMap(source, plain, { start, end, macro: macro[1] ?? '', name: macro[2] ?? '' });
    return;
  }
  readVariable(source, plain, item);
}

function readFunction(source: CSource, plain: string, { start, end, open }: Item & { open: number }): void {
  const head = source.code.slice(start, open);
  const bare = head.replaceAll(/__attribute__\s*\(\([^()]*\)\)/g, (match) => ' '.repeat(match.length)).trimEnd();
  if (!bare.endsWith(')')) return;
  const paren = openingOf(bare, bare.length - 1);
  if (paren === undefined) return;
  let name = /(\w+)\s*$/.exec(bare.slice(0, paren));
  let nameAt = start + (name?.index ?? 0);
  let parameters = splitTopLevel(plain.slice(start + paren + 1, start + bare.length - 1));
  let returns = bare.slice(0, name?.index ?? 0);
  // `int BPF_PROG(name, args…)`: the program is what the macro is given first.
  if (name !== null && /^BPF_(?:PROG2?|KPROBE|KRETPROBE|KSYSCALL|UPROBE)$/.test(name[1] ?? '')) {
    nameAt = source.code.indexOf(parameters[0] ?? '', start + paren);
    name = /^(\w+)$/.exec(parameters[0] ?? '');
    parameters = parameters.slice(1);
  }
  if (name === null) return;
  returns = returns
    .replaceAll(/\bSEC\s*\([^)]*\)/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const section = sectionOf(plain.slice(start, open));
  const text = name[1] ?? '';
  source.functions.push({
    name: text,
    section,
    returns,
    parameters: parameters.map((each) => each.replaceAll(/\s+/g, ' ').trim()).filter((each) => each !== 'void'),
    span: { start, end },
    nameSpan: { start: nameAt, end: nameAt + text.length },
    body: { start: open, end },
  });
}

function sectionOf(text: string): string | undefined {
  return /\bSEC\s*\(\s*"([^"]*)"\s*\)|\bsection\s*\(\s*"([^"]*)"\s*\)/
    .exec(text)
    ?.slice(1)
    .find((each) => each !== undefined);
}

interface RecordItem extends Item {
  open: number;
  kind: RecordDefinition['kind'];
  name: string;
}

function readRecord(source: CSource, plain: string, { start, end, open, kind, name }: RecordItem): void {
  const close = matching(source.code, open) ?? end - 1;
  const body = plain.slice(open + 1, close);
  const trailer = plain.slice(close + 1, end);
  const declared = /^\s*(?:__attribute__\s*\(\([^()]*\)\)\s*)?(\w+)?/.exec(trailer);
  if (kind === 'struct' && sectionOf(trailer) === '.maps') {
    const attributes = mapAttributes(body);
    const mapName = declared?.[1] ?? '';
    const at = plain.indexOf(mapName, close + 1);
    source.maps.push(mapOf({ name: mapName, attributes, form: 'btf', start, end, at }));
    return;
  }
  const given = name !== '' ? name : plain.startsWith('typedef', start) ? (declared?.[1] ?? '') : '';
  const fields = kind === 'enum' ? enumerators(body) : recordFields(body);
  const at = given === '' ? start : plain.indexOf(given, name === '' ? close : start);
  source.records.push({
    kind,
    name: given,
    fields,
    span: { start, end },
    nameSpan: { start: at, end: at + given.length },
  });
}

function mapOf(map: {
  name: string;
  attributes: Map<string, string>;
  form: MapDefinition['form'];
  start: number;
  end: number;
  at: number;
}): MapDefinition {
  const { name, attributes, form, start, end, at } = map;
  return {
    name,
    type: attributes.get('type'),
    key: attributes.get('key'),
    value: attributes.get('value'),
    maxEntries: attributes.get('max_entries'),
    attributes,
    form,
    span: { start, end },
    nameSpan: { start: at, end: at + name.length },
  };
}

function mapAttributes(body: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const match of body.matchAll(/\b__(?:uint|ulong|type|array)\s*\(/g)) {
    const open = match.index + match[0].length - 1;
    const close = matching(body, open);
    if (close === undefined) continue;
    const [name, ...rest] = splitTopLevel(body.slice(open + 1, close));
    if (name !== undefined) attributes.set(name.trim(), rest.join(',').replaceAll(/\s+/g, ' ').trim());
  }
  return attributes;
}

function readLegacyMap(
  source: CSource,
  plain: string,
  { start, end, open, name }: Item & { open: number; name: string },
): void {
  const attributes = new Map<string, string>();
  for (const part of splitTopLevel(plain.slice(open + 1, matching(source.code, open) ?? end))) {
    const field = /^\s*\.(\w+)\s*=\s*([\s\S]+)$/.exec(part);
    if (field !== null) attributes.set(field[1] ?? '', (field[2] ?? '').trim());
  }
  for (const part of ['key', 'value']) {
    const type = /^sizeof\s*\(([\s\S]+)\)$/.exec(attributes.get(`${part}_size`) ?? '')?.[1];
    if (type !== undefined) attributes.set(part, type.trim());
  }
  const at = plain.slice(start, open).search(new RegExp(String.raw`\b${name}\b\s*(?:SEC|=|__attribute__)`)) + start;
  source.maps.push(mapOf({ name, attributes, form: 'legacy', start, end, at }));
}

/** The macros of xdp_maps.h: `BPF_HASH(name, key, value, max_entries)` and its relatives. */
function readMacroMap(
  source: CSource,
  plain: string,
  { start, end, macro, name }: Span & { macro: string; name: string },
): void {
  const open = plain.indexOf('(', start);
  const close = matching(source.code, open);
  if (close === undefined) return;
  const args = splitTopLevel(plain.slice(open + 1, close)).map((each) => each.replaceAll(/\s+/g, ' ').trim());
  const attributes = new Map<string, string>([['type', `BPF_MAP_TYPE_${macro.slice('BPF_'.length)}`]]);
  if (macro.endsWith('ARRAY') && !/PROG|PERF|OF_MAPS|CGROUP/.test(macro) && args.length === 3) {
    attributes.set('key', '__u32');
    attributes.set('value', args[1] ?? '');
    attributes.set('max_entries', args[2] ?? '');
  } else if (args.length === 4) {
    attributes.set('key', args[1] ?? '');
    attributes.set('value', args[2] ?? '');
    attributes.set('max_entries', args[3] ?? '');
  } else if (args.length === 2) {
    attributes.set('max_entries', args[1] ?? '');
  }
  const at = plain.indexOf(name, open);
  source.maps.push(mapOf({ name, attributes, form: 'macro', start, end, at }));
}

function readVariable(source: CSource, plain: string, { start, end, open }: Item): void {
  const head = source.code.slice(start, open ?? end).replace(/;$/, '');
  const equals = head.indexOf('=');
  const declarator = (equals < 0 ? head : head.slice(0, equals)).replaceAll(/\bSEC\s*\([^)]*\)/g, (match) =>
    ' '.repeat(match.length),
  );
  if (declarator.length > maxHead || /^(?:typedef|extern|return)\b/.test(declarator) || declarator.includes('('))
    return;
  const match = /^([\s\S]*?[\s*])(\w+)\s*((?:\[[^\]]*\]\s*)*)$/.exec(declarator.trimEnd());
  if (match === null || (match[1] ?? '').trim() === '') return;
  const at = start + (match[1] ?? '').length;
  const name = match[2] ?? '';
  source.variables.push({
    name,
    type: `${(match[1] ?? '').replaceAll(/\s+/g, ' ').trim()}${(match[3] ?? '').trim()}`,
    section: sectionOf(plain.slice(start, end)),
    initializer: equals < 0 ? undefined : plain.slice(start + equals + 1, end - 1).trim(),
    span: { start, end },
    nameSpan: { start: at, end: at + name.length },
  });
}

function openingOf(text: string, close: number): number | undefined {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (text[at] === ')') depth++;
    else if (text[at] === '(' && --depth === 0) return at;
  }
  return undefined;
}
