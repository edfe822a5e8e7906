import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAst } from 'vitest/node';
import { mapAttributes, mapTypes, sections, verdicts } from '../../extension/core/c/assist/vocabulary.ts';
import { headers } from '../../extension/core/packet/headers/table.ts';
import { mutations } from '../../extension/core/packet/mutate.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** A text that people read, as it stands in the source; `{0}` for what is put in. */
export interface Message {
  text: string;
  /** `extension/host/errors.ts` */
  file: string;
}

/** What of the extension no reader sees as prose, and why: everything else that is a sentence has to be known in both languages. */
const notRead: readonly (readonly [place: string, why: string])[] = [
  ['extension/core/bpfman', 'comments of files that are written for others'],
  ['extension/core/btf/formatC.ts', 'C'],
  ['extension/core/btf/cRecord.ts', 'C'],
  ['extension/core/c/assist/expressions.ts', 'C'],
  ['extension/core/c/assist/helpers.ts', 'what is looked for in a header'],
  ['extension/core/coverage/formats.ts', 'XML'],
  ['extension/core/maps/metrics.ts', 'a file format'],
  ['extension/core/packet/headers', 'read from the table itself, and names of protocols'],
  ['extension/core/verifier/catalogue/codes.ts', 'docs/verifier.md is made from it'],
  ['extension/core/vm/helpers/names.ts', 'names'],
  ['extension/core/vm/maps/lruPool.ts', 'names of states'],
  ['extension/core/vm/wasm', 'what cannot happen'],
  ['extension/cli/verbs/map/usages.ts', 'arguments'],
  ['extension/cli/verbs/reporters/junit.ts', 'XML'],
  ['extension/host/webviewHtml.ts', 'HTML'],
  ['extension/kernel/ffi/binding.ts', 'C'],
  ['extension/kernel/ffi/symbols.ts', 'C'],
  ['extension/kernel/launch/script.ts', 'shell'],
  ['extension/kernel/server.ts', 'what cannot happen'],
  ['extension/kernel/wire.ts', 'what cannot happen'],
  ['extension/session/lab/build.ts', 'arguments of ip'],
  ['extension/toolchain/bcc.ts', 'C'],
  ['extension/toolchain/distro.ts', 'commands'],
];

/** Calls whose texts are for programs, for the log, or for whoever changes this code. */
const notReadCalls =
  /^(?:Error|TypeError|RangeError|RegExp|Set|lazyFunction|bind|html|css|koffi\.\w+|(?:.*\.)?(?:log|onLog)(?:\.\w+)?|.*\.(?:includes|startsWith|endsWith|indexOf|split|allocateRegion|querySelector))$/;

/** Two plain words that follow each other, beside what is put in and what is code. */
function isSentence(text: string): boolean {
  const plain = text.replace(/\{\d+\}|`[^`]*`/g, '{}');
  const command = /^(?:(?:sudo|ethtool|ip|docker|kubectl|xdp|link|netns) [^,]+$|#|%|<\?)/.test(plain.trim());
  const c = /^(?:static const |__type\(|(?:(?:un)?signed|char|short|int|long|const|\*| )+$)/.test(plain);
  return !command && !c && /(?:^|[^\w/.-])[A-Za-z][\w’']*,? [a-z][a-z’']+(?![\w/=])/.test(plain);
}

interface Node {
  type: string;
  [property: string]: unknown;
}

/** Everything that a translation must know: calls of `vscode.l10n.t` and `t`, errors with their fixes, the webviews' tables … */
export function messagesInSource(): Message[] {
  const written = ['extension', 'webview'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => path.join(folder, file))
      .flatMap((file) => messagesOf(file, readFileSync(path.join(root, file), 'utf8'))),
  );
  return [...written, ...messagesOfTables()];
}

/**
 * Words of headers, fields, changes and templates, and of BPF's own words: values of tables, so they are read there. Names of protocols
 * and code are not translated.
 */
function messagesOfTables(): Message[] {
  const specs = [...headers.values()].flatMap((spec) => [spec, ...spec.fields]);
  const texts = [
    ...[...specs, ...mutations].flatMap(({ label, help }) => [label, help]),
    ...packetTemplates.map(({ name }) => name),
    ...projectTemplates(),
    ...[sections, verdicts, mapTypes, mapAttributes].flatMap((words) => words.map(({ text }) => text)),
  ];
  return [...new Set(texts)]
    .filter((text) => /[a-z]{2}/.test(text) && !/^__\w+\([^()]*\)$/.test(text))
    .map((text) => ({ text, file: 'extension/core' }));
}

/** What examples show, which is how a new project is chosen: session/project/templates.ts. */
function projectTemplates(): string[] {
  const table = readFileSync(path.join(root, 'bpf/examples/README.md'), 'utf8');
  return [...table.matchAll(/^\| \[(\w+)\]\(\1\) \| (.+) \|$/gm)].map(([, , shows = '']) => shows.replaceAll('`', ''));
}

/** Those of one file. Exported for the test of the test. */
export function messagesOf(file: string, source: string): Message[] {
  const found = new Set<string>();
  const add = (node: unknown): void => {
    for (const text of textsOf(node)) if (/[A-Za-z]{2}/.test(text.replace(/\{\w+\}/g, ''))) found.add(text);
  };
  const table = file.startsWith('webview') && file.endsWith('/strings.ts');
  const prose = file.startsWith('extension/') && !notRead.some(([place]) => file.startsWith(place));
  const program = parseAst(source, { lang: 'ts' }) as unknown as Node;
  walk(program, (node) => {
    if (node.type === 'CallExpression' && isTranslation(node['callee'] as Node)) add((node['arguments'] as Node[])[0]);
    if (node.type === 'NewExpression' && (node['callee'] as Node)['name'] === 'XdpError') {
      const [, message, options] = node['arguments'] as Node[];
      add(message);
      if (options?.type === 'ObjectExpression') add(propertyOf(options, 'fix'));
    }
    if (table && node.type === 'Property') add(node['value']);
    // One line of `xdp --help`.
    if (file.startsWith('extension/cli/verbs/') && isNamed(node, 'summary')) add(node['value']);
    // Notes are translated where they are printed; so is what a check is called and what it found, however short.
    if (file.startsWith('extension/cli/') && isMethod(node, 'note')) add((node['arguments'] as Node[])[0]);
    if (file.startsWith('extension/session/doctor/') && ['title', 'detail', 'use'].some((name) => isNamed(node, name)))
      add(node['value']);
  });
  if (prose) prosesOf(program, (text) => found.add(text));
  return [...found].map((text) => ({ text, file }));
}

/** Texts that are sentences wherever they stand: what is joined counts as one, what is put in by itself. */
function prosesOf(node: unknown, add: (text: string) => void): void {
  if (Array.isArray(node)) {
    for (const each of node) prosesOf(each, add);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const each = node as Node;
  if (each.type === 'ImportDeclaration' || each.type?.startsWith('TSLiteral') || isNamed(each, 'usage')) return;
  if (each.type === 'BinaryExpression' && each['operator'] !== '+') return prosesOf([holesOf(each)], add);
  const callee = calleeOf(each);
  if (callee !== undefined && notReadCalls.test(callee)) return;
  const texts = textsOf(each);
  for (const text of texts) if (isSentence(text)) add(text);
  prosesOf(texts.length > 0 ? holesOf(each) : Object.values(each), add);
}

/** What is put into the texts of an expression, and conditions: with texts of their own. */
function holesOf(node: Node): unknown[] {
  switch (node.type) {
    case 'TemplateLiteral':
      return node['expressions'] as unknown[];
    case 'ConditionalExpression':
      return [node['test'], ...['consequent', 'alternate'].map((side) => inner(node[side]))].flat();
    case 'LogicalExpression':
    case 'BinaryExpression':
      return ['left', 'right'].flatMap((side) => inner(node[side]));
    case 'TSAsExpression':
    case 'ParenthesizedExpression':
      return inner(node['expression']);
    default:
      return [];
  }
}

/** An operand whose own text has been looked at already: only what is put into it; any other, whole. */
function inner(operand: unknown): unknown[] {
  return textsOf(operand).length > 0 ? holesOf(operand as Node) : [operand];
}

function calleeOf(node: Node): string | undefined {
  const callee = (node['callee'] ?? node['tag']) as Node | undefined;
  return callee === undefined ? undefined : nameOf(callee);
}

/** `this.#log.info` as `this.log.info`. */
function nameOf(node: Node): string {
  if (node.type === 'MemberExpression') return `${nameOf(node['object'] as Node)}.${nameOf(node['property'] as Node)}`;
  return typeof node['name'] === 'string' ? node['name'] : node.type;
}

function isTranslation(callee: Node): boolean {
  if (callee.type === 'Identifier') return callee['name'] === 't' || callee['name'] === 'english';
  if (callee.type !== 'MemberExpression') return false;
  const object = callee['object'] as Node;
  return (callee['property'] as Node)['name'] === 't' && (object['property'] as Node | undefined)?.['name'] === 'l10n';
}

function isMethod(node: Node, name: string): boolean {
  const callee = node['callee'] as Node | undefined;
  return node.type === 'CallExpression' && (callee?.['property'] as Node | undefined)?.['name'] === name;
}

function isNamed(node: Node, name: string): boolean {
  return node.type === 'Property' && (node['key'] as Node)['name'] === name;
}

function propertyOf(object: Node, name: string): unknown {
  const property = (object['properties'] as Node[]).find(
    (each) => (each['key'] as Node | undefined)?.['name'] === name,
  );
  return property?.['value'];
}

/** The texts that an expression can be: a literal, a template, one of two, or two that are joined. */
function textsOf(node: unknown): string[] {
  const expression = node as Node | undefined;
  switch (expression?.type) {
    case 'Literal':
      return typeof expression['value'] === 'string' ? [expression['value']] : [];
    case 'TemplateLiteral': {
      const quasis = expression['quasis'] as { value: { cooked: string } }[];
      return [quasis.map(({ value }, index) => (index === 0 ? '' : `{${index - 1}}`) + value.cooked).join('')];
    }
    case 'ConditionalExpression':
      return [...textsOf(expression['consequent']), ...textsOf(expression['alternate'])];
    case 'LogicalExpression':
      return [...textsOf(expression['left']), ...textsOf(expression['right'])];
    case 'BinaryExpression':
      return expression['operator'] === '+'
        ? textsOf(expression['left']).flatMap((left) =>
            textsOf(expression['right']).map((right) => joined(left, right)),
          )
        : [];
    case 'TSAsExpression':
    case 'ParenthesizedExpression':
      return textsOf(expression['expression']);
    default:
      return [];
  }
}

/** The holes of the second go on where those of the first end. */
function joined(left: string, right: string): string {
  const holes = left.match(/\{\d+\}/g)?.length ?? 0;
  return left + right.replace(/\{(\d+)\}/g, (_, hole: string) => `{${Number(hole) + holes}}`);
}

function walk(node: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(node)) for (const each of node) walk(each, visit);
  else if (typeof node === 'object' && node !== null) {
    if ('type' in node) visit(node as Node);
    for (const value of Object.values(node)) if (typeof value === 'object') walk(value, visit);
  }
}
