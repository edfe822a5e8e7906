import type { CSource } from '../source.ts';
import { t } from '../../text/language.ts';
import { functionAt, lineBefore, structName, structOf, typeOfVariable } from './expressions.ts';
import { firstKernel, type Helper, programTypesOf } from './helpers.ts';
import { type Knowledge, recordNamed } from './knowledge.ts';
import { mapAttributes, mapTypes, sections, verdicts } from './vocabulary.ts';

export interface Completion {
  label: string;
  kind: 'function' | 'field' | 'constant' | 'struct' | 'keyword' | 'variable';
  detail: string;
  /** Markdown, loaded when the item is looked at. */
  documentation?: string;
  /** Replaces the word at the cursor; a snippet where it has `$`. */
  insert?: string;
  /** Those of the program's own type first. */
  sort?: string;
}

export interface Completions {
  items: readonly Completion[];
  /**
   * Whether the list holds also what fits when the word grows. An editor that has a whole one filters it itself; with another it asks
   * again at each key, and a person who types faster than the answer comes would accept with Enter what fitted some keys ago.
   */
  isWhole: boolean;
}

/** At most so many at once. */
const maxItems = 400;

/** What BPF has at this place: nothing of plain C, which other extensions know better. */
export function completionsAt(source: CSource, knowledge: Knowledge, offset: number): Completions {
  const line = lineBefore(source.text, offset);
  const word = /\w*$/.exec(line)?.[0] ?? '';
  const place: WordPlace = { word, before: line.slice(0, line.length - word.length), offset };
  const named = namedPlace(source, knowledge, { ...place, line });
  const found = named ?? words(source, knowledge, place);
  // Less is offered for one letter than for the words that begin with it.
  const isComplete = named !== undefined || word.length > 1;
  return { items: found.slice(0, maxItems), isWhole: isComplete && found.length <= maxItems };
}

/** What can stand at a place where C takes no word of any other kind; undefined at all other places. */
function namedPlace(
  source: CSource,
  knowledge: Knowledge,
  { line, before, word, offset }: WordPlace & { line: string },
): Completion[] | undefined {
  if (/\/\/|^\s*\*/.test(line)) return [];
  const section = /\bSEC\s*\(\s*"([^"]*)$/.exec(line);
  if (section !== null)
    return sections.map(({ name, text }) => ({ label: name, kind: 'constant', detail: t(text), insert: name }));
  if (/"[^"]*$/.test(line.replaceAll(/"[^"]*"/g, ''))) return [];
  const path = /((?:\w+(?:\[[^\]]*\])?(?:->|\.))+)$/.exec(before)?.[1];
  if (path !== undefined) return fields(source, knowledge, { path: path.replace(/(?:->|\.)$/, ''), offset });
  if (/\bstruct\s+$/.test(before)) return structs(source, knowledge, word);
  if (/\b__uint\s*\(\s*type\s*,\s*$/.test(before) || /\bBPF_MAP\s*\(\s*\w+\s*,\s*$/.test(before)) {
    return mapTypes.map(({ name, text }) => ({ label: name, kind: 'constant', detail: t(text) }));
  }
  if (/\b__(?:uint|type|array|ulong)\s*\(\s*$/.test(before)) {
    return mapAttributes.map(({ name, text }) => ({ label: name, kind: 'keyword', detail: t(text) }));
  }
  if (/&\s*$/.test(before) && word === '') return maps(source);
  return undefined;
}

function fields(source: CSource, knowledge: Knowledge, place: { path: string; offset: number }): Completion[] {
  const name = structOf(source, knowledge, place);
  const record = name === undefined ? undefined : recordNamed(source, knowledge, name);
  return (record?.fields ?? []).map((field) => ({
    label: field.name,
    kind: 'field',
    detail: `${field.type}${field.length === undefined ? '' : `[${field.length}]`} (struct ${name})`,
  }));
}

function structs(source: CSource, knowledge: Knowledge, prefix: string): Completion[] {
  const names = new Set<string>();
  for (const { records } of [source, ...knowledge.headers]) {
    for (const record of records)
      if (record.kind === 'struct' && record.name.startsWith(prefix)) names.add(record.name);
  }
  if (knowledge.usesVmlinux)
    for (const name of knowledge.kernel?.structNames(prefix, maxItems + 1) ?? []) names.add(name);
  names.delete('');
  return [...names].map((label) => ({ label, kind: 'struct', detail: 'struct' }));
}

function maps(source: CSource): Completion[] {
  return source.maps.map(({ name, type, key, value }) => ({
    label: name,
    kind: 'variable',
    detail: `${(type ?? 'map').replace('BPF_MAP_TYPE_', '').toLowerCase()}${key === undefined ? '' : `: ${key} → ${value ?? '?'}`}`,
  }));
}

interface WordPlace {
  word: string;
  before: string;
  offset: number;
}

function words(source: CSource, knowledge: Knowledge, { word, before, offset }: WordPlace): Completion[] {
  const fn = functionAt(source, offset);
  const items: Completion[] = [];
  const isXdp = fn === undefined || fn.section === undefined || fn.section.startsWith('xdp');
  if (/\breturn\s+$/.test(before) || 'xdp_'.startsWith(word.toLowerCase().slice(0, 4))) {
    if (isXdp)
      items.push(...verdicts.map(({ name, text }): Completion => ({ label: name, kind: 'constant', detail: t(text) })));
  }
  if (/\breturn\s+$/.test(before) && word === '') return items;
  if (word.length < 2) return [...items, ...(/&\s*$/.test(before) ? maps(source) : [])];
  for (const helper of knowledge.helpers.values()) {
    if (!fits(helper.name, word)) continue;
    const types = helper.id === undefined ? [] : programTypesOf(helper.id);
    if (isXdp && types.length > 0 && !types.includes('xdp')) continue;
    items.push(helperItem(helper));
  }
  for (const kfunc of knowledge.kernel?.kfuncs() ?? []) {
    if (kfunc.name.startsWith('bpf_') && fits(kfunc.name, word)) {
      const documentation = `\`\`\`c\nextern ${kfunc.prototype} __ksym;\n\`\`\`\n${t('A function of the running kernel. Declare it like this before you call it.')}`;
      items.push({ label: kfunc.name, kind: 'function', detail: 'kfunc', documentation, sort: `2${kfunc.name}` });
    }
  }
  items.push(...maps(source).filter(({ label }) => fits(label, word)));
  items.push(...constants(source, knowledge, word));
  return items;
}

export function helperItem(helper: Helper): Completion {
  return {
    label: helper.name,
    kind: 'function',
    detail: `${helper.returns} (${helper.parameters.join(', ')})`,
    documentation: helperText(helper),
    sort: `1${helper.name}`,
  };
}

export function helperText(helper: Helper): string {
  const { id, description, returnText } = helper;
  const facts: string[] = [];
  const since = id === undefined ? undefined : firstKernel(id);
  if (since !== undefined) facts.push(t('Since Linux {0}.', since));
  const types = id === undefined ? [] : programTypesOf(id);
  if (types.length > 0) facts.push(t('From programs of type {0}.', types.join(', ')));
  return [
    description,
    ...(returnText === '' ? [] : [`**${t('Returns')}** ${returnText}`]),
    ...(facts.length === 0 ? [] : [facts.join(' ')]),
  ].join('\n\n');
}

function fits(name: string, word: string): boolean {
  return name.toLowerCase().startsWith(word.toLowerCase());
}

/** Constants of the headers that network programs compare with; capital letters only, so that C stays out of it. */
function constants(source: CSource, knowledge: Knowledge, word: string): Completion[] {
  if (!/^[A-Z]/.test(word)) return [];
  const items: Completion[] = [];
  for (const { defines, records } of [source, ...knowledge.headers]) {
    for (const define of defines) {
      if (
        define.parameters === undefined &&
        fits(define.name, word) &&
        /^(?:ETH_|IP|BPF_|ICMP|VLAN_|AF_|XDP_|TCP|UDP)/.test(define.name)
      ) {
        items.push({ label: define.name, kind: 'constant', detail: define.body.slice(0, 80) });
      }
    }
    for (const record of records) {
      if (record.kind !== 'enum') continue;
      for (const { name } of record.fields)
        if (fits(name, word)) items.push({ label: name, kind: 'constant', detail: `enum ${record.name}` });
    }
    if (items.length > maxItems) break;
  }
  return [...new Map(items.map((item) => [item.label, item])).values()];
}

/** For tests and hovers: what a variable points to. */
export function pointedStruct(source: CSource, name: string, offset: number): string | undefined {
  return structName(typeOfVariable(source, name, offset));
}
