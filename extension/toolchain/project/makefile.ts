import { dirname, resolve } from 'node:path';
import { unknownValue } from './flags.ts';

/** What a Makefile declares, read without running make or a shell. */
export interface Makefile {
  /** The folder that its relative paths are relative to. Absolute. */
  dir: string;
  variables: Map<string, string>;
  rules: MakeRule[];
}

export interface MakeRule {
  targets: string;
  prerequisites: string;
  recipe: string[];
}

/** Reads a text file of the project; undefined when it is not there or too large. */
export type ReadText = (path: string) => Promise<string | undefined>;

export interface MakefileOptions {
  read: ReadText;
  /** Variables that make is given from outside. */
  preset?: Readonly<Record<string, string>>;
}

const maxIncludes = 20;
const maxDepth = 24;
/** A value that expands to more than this is no list of flags. Characters. */
const maxExpansion = 32_768;

/** GNU make: variables, rules, `include`. Of conditionals the first branch that sets a variable counts. */
export async function readMakefile(path: string, options: MakefileOptions): Promise<Makefile | undefined> {
  const { read, preset = {} } = options;
  const makefile: Makefile = { dir: dirname(path), variables: new Map(Object.entries(preset)), rules: [] };
  makefile.variables.set('MAKEFILE_LIST', path);
  const budget = { includes: maxIncludes };
  return (await readInto(makefile, path, { read, budget })) ? makefile : undefined;
}

interface Reading {
  read: ReadText;
  budget: { includes: number };
}

async function readInto(makefile: Makefile, path: string, reading: Reading): Promise<boolean> {
  const text = await reading.read(path);
  if (text === undefined) return false;
  let rule: MakeRule | undefined;
  let inDefine = false;
  /** The variables that each open conditional's earlier branches have set. */
  const conditionals: { before: Set<string>; now: Set<string> }[] = [];
  for (const line of text.replaceAll(/\\\r?\n[ \t]*/g, ' ').split(/\r?\n/)) {
    if (line.startsWith('\t')) {
      rule?.recipe.push(line.trim());
      continue;
    }
    const statement = line.replace(/(^|[^\\])#.*/, '$1').trim();
    if (/^define\b/.test(statement)) inDefine = true;
    if (inDefine) {
      inDefine = !/^endef\b/.test(statement);
      continue;
    }
    if (/^(?:ifeq|ifneq|ifdef|ifndef)\b/.test(statement)) {
      conditionals.push({ before: new Set(), now: new Set() });
    } else if (/^else\b/.test(statement)) {
      const open = conditionals.at(-1);
      if (open !== undefined) {
        for (const name of open.now) open.before.add(name);
        open.now.clear();
      }
    } else if (/^endif\b/.test(statement)) {
      conditionals.pop();
    } else if (/^[-s]?include\s/.test(statement)) {
      rule = undefined;
      await readIncluded(makefile, statement.replace(/^[-s]?include\s+/, ''), { ...reading, from: path });
    } else {
      const assignment = /^(?:export\s+|override\s+)*([\w.-]+)\s*(\?|\+|:{1,3}|!)?=\s*(.*)$/.exec(statement);
      if (assignment === null) {
        rule = startRule(makefile, statement) ?? (statement === '' ? rule : undefined);
        continue;
      }
      rule = undefined;
      const [, name = '', operator = '', value = ''] = assignment;
      if (conditionals.some(({ before }) => before.has(name))) continue;
      for (const { now } of conditionals) now.add(name);
      assign(makefile, { name, operator, value });
    }
  }
  return true;
}

function assign(
  { variables, dir }: Makefile,
  { name, operator, value }: Record<'name' | 'operator' | 'value', string>,
): void {
  const old = variables.get(name);
  if (operator === '?' && old !== undefined) return;
  if (operator === '!') variables.set(name, unknownValue);
  else if (operator === '+') variables.set(name, old === undefined ? value : `${old} ${value}`.slice(0, maxExpansion));
  // `:=` is expanded where it stands, so that a variable may use its own old value.
  else if (operator.startsWith(':')) variables.set(name, expand(value, { variables, dir }));
  else variables.set(name, value);
}

async function readIncluded(makefile: Makefile, names: string, reading: Reading & { from: string }): Promise<void> {
  for (const name of expand(names, makefile).split(/\s+/)) {
    if (name === '' || name.includes(unknownValue) || reading.budget.includes-- <= 0) continue;
    const path = resolve(makefile.dir, name);
    const list = makefile.variables.get('MAKEFILE_LIST') ?? '';
    if (list.split(' ').includes(path)) continue;
    makefile.variables.set('MAKEFILE_LIST', `${list} ${path}`);
    await readInto(makefile, path, reading);
  }
}

function startRule(makefile: Makefile, statement: string): MakeRule | undefined {
  // `$(OBJ): %.o: %.c` and `a: b ; recipe` as well; a variable's `:` stands inside parentheses.
  const match = /^((?:[^:$=]|\$\([^)]*\)|\$\{[^}]*\})+)::?\s*([^;]*)(?:;(.*))?$/.exec(statement);
  if (match === null) return undefined;
  const [, targets = '', prerequisites = '', inline] = match;
  const rule: MakeRule = {
    targets: targets.trim(),
    prerequisites,
    recipe: inline === undefined ? [] : [inline.trim()],
  };
  makefile.rules.push(rule);
  return rule;
}

/** Expands variables and the functions that only rearrange words; all else becomes `unknownValue`. */
export function expand(text: string, makefile: Pick<Makefile, 'variables' | 'dir'>, depth = 0): string {
  if (depth > maxDepth) return unknownValue;
  let result = '';
  for (let at = 0; at < text.length && result.length < maxExpansion; at++) {
    const char = text[at] ?? '';
    if (char !== '$') {
      result += char;
      continue;
    }
    const next = text[++at] ?? '';
    if (next === '$') {
      result += '$';
    } else if (next === '(' || next === '{') {
      const end = closing(text, at);
      if (end === undefined) return result + unknownValue;
      result += reference(text.slice(at + 1, end), makefile, depth + 1);
      at = end;
    } else {
      // $@ $< $^ $* name this rule's files, which carry no flags.
      result += /[@<^*?+]/.test(next) ? '' : reference(next, makefile, depth + 1);
    }
  }
  return result.slice(0, maxExpansion);
}

function closing(text: string, open: number): number | undefined {
  const pairs: Readonly<Record<string, string>> = { '(': ')', '{': '}' };
  const left = text[open] ?? '';
  const right = pairs[left];
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === left) depth++;
    else if (text[at] === right && --depth === 0) return at;
  }
  return undefined;
}

function reference(inside: string, makefile: Pick<Makefile, 'variables' | 'dir'>, depth: number): string {
  const call = /^([a-z]+)\s+([\s\S]*)$/.exec(inside);
  if (call !== null) return callFunction(call[1] ?? '', call[2] ?? '', { makefile, depth });
  const substitution = /^([\w.-]+):([^=]*)=(.*)$/.exec(inside);
  if (substitution !== null) {
    const [, name = '', from = '', to = ''] = substitution;
    const pattern = from.includes('%') ? from : `%${from}`;
    const value = variable(name, makefile, depth);
    return patsubst(pattern, to.includes('%') ? to : `%${to}`, value);
  }
  return variable(expand(inside, makefile, depth), makefile, depth);
}

function variable(name: string, makefile: Pick<Makefile, 'variables' | 'dir'>, depth: number): string {
  const value = makefile.variables.get(name);
  if (value !== undefined) return expand(value, makefile, depth);
  if (name === 'CURDIR' || name === 'PWD') return makefile.dir;
  // A user's environment, empty for nearly everybody.
  if (/^(?:(?:BPF_|EXTRA_)?(?:C|CPP)FLAGS|DESTDIR|V|Q|O|EXTRA_\w+)$/.test(name)) return '';
  return unknownValue;
}

interface Call {
  makefile: Pick<Makefile, 'variables' | 'dir'>;
  depth: number;
}

function callFunction(name: string, rest: string, { makefile, depth }: Call): string {
  const args = splitArguments(rest).map((arg) => expand(arg, makefile, depth));
  const [first = '', second = '', third = ''] = args;
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
  switch (name) {
    case 'abspath':
    case 'realpath':
      return words(first)
        .map((word) => (word.includes(unknownValue) ? word : resolve(makefile.dir, word)))
        .join(' ');
    case 'dir':
      return words(first)
        .map((word) => word.slice(0, word.lastIndexOf('/') + 1) || './')
        .join(' ');
    case 'notdir':
      return words(first)
        .map((word) => word.slice(word.lastIndexOf('/') + 1))
        .join(' ');
    case 'firstword':
      return words(first)[0] ?? '';
    case 'lastword':
      return words(first).at(-1) ?? '';
    case 'strip':
      return words(first).join(' ');
    case 'addprefix':
      return words(second)
        .map((word) => first.trim() + word)
        .join(' ');
    case 'addsuffix':
      return words(second)
        .map((word) => word + first.trim())
        .join(' ');
    case 'patsubst':
      return patsubst(first.trim(), second.trim(), third);
    case 'subst':
      return first === '' ? third : third.replaceAll(first, second);
    case 'or':
      return args.find((arg) => arg.trim() !== '') ?? '';
    case 'shell':
      return /^\s*pwd\s*$/.test(rest) ? makefile.dir : unknownValue;
    default:
      return unknownValue;
  }
}

function splitArguments(text: string): string[] {
  const args: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(' || text[at] === '{') depth++;
    else if (text[at] === ')' || text[at] === '}') depth--;
    else if (text[at] === ',' && depth === 0) {
      args.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...args, text.slice(from)];
}

function patsubst(pattern: string, replacement: string, text: string): string {
  const [head = '', tail] = pattern.split('%', 2);
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => {
      if (tail === undefined) return word === pattern ? replacement : word;
      const fits = word.length >= head.length + tail.length && word.startsWith(head) && word.endsWith(tail);
      return fits ? replacement.replace('%', word.slice(head.length, word.length - tail.length)) : word;
    })
    .join(' ');
}

/** The recipe lines that compile for BPF, expanded; first those whose rule is about this file. */
export function bpfCommands(makefile: Makefile, stem: string): string[] {
  const found: { command: string; rank: number }[] = [];
  for (const rule of makefile.rules) {
    for (const line of rule.recipe) {
      const command = expand(line, makefile);
      if (/(?:-target[= ]|--target[= ]|-march=)\s*"?bpf/.test(command))
        found.push({ command, rank: rankOf(rule, makefile, stem) });
    }
  }
  return found.sort((a, b) => a.rank - b.rank).map(({ command }) => command);
}

/** 0: the rule names the file; 1: a pattern that fits any file, or a list that is not known; 2: it names others. */
function rankOf(rule: MakeRule, makefile: Makefile, stem: string): number {
  const named = `${expand(rule.targets, makefile)} ${expand(rule.prerequisites, makefile)}`;
  const names = named.split(/\s+/).map((word) => word.slice(word.lastIndexOf('/') + 1));
  if (names.some((name) => name === `${stem}.c` || name === `${stem}.o`)) return 0;
  return names.some((name) => name.includes('%') || name.includes(unknownValue)) ? 1 : 2;
}
