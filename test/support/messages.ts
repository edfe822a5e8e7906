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

/**
 * Where texts are values of their own, not arguments of an error or of a call: everything there that is a sentence counts, but for
 * the list of codes, which is what docs/verifier.md is made from.
 */
const proseFolders = [
  'extension/core/verifier/catalogue',
  'extension/core/verifier/story.ts',
  'extension/core/preflight',
  'extension/core/generate/unreached.ts',
  'extension/core/packetTest/match',
  'extension/core/packetTest/parse',
  'extension/core/packetTest/jsonDocument.ts',
  'extension/core/packetTest/reading.ts',
  'extension/session/attach',
  'extension/session/disassembly',
  'extension/session/doctor',
  'extension/session/generate',
  'extension/session/interfaces',
  'extension/session/mutation',
  'extension/session/run/redirect.ts',
];

function isSentence(text: string): boolean {
  return /^\S.*\b[a-z]+ [a-z]+\b(?:.* |.*\.$)/s.test(text);
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
    ...[sections, verdicts, mapTypes, mapAttributes].flatMap((words) => words.map(({ text }) => text)),
  ];
  return [...new Set(texts)]
    .filter((text) => /[a-z]{2}/.test(text) && !/^__\w+\([^()]*\)$/.test(text))
    .map((text) => ({ text, file: 'extension/core' }));
}

/** Those of one file. Exported for the test of the test. */
export function messagesOf(file: string, source: string): Message[] {
  const found = new Set<string>();
  const add = (node: unknown): void => {
    for (const text of textsOf(node)) if (/[A-Za-z]{2}/.test(text.replace(/\{\w+\}/g, ''))) found.add(text);
  };
  const table = file.startsWith('webview') && file.endsWith('/strings.ts');
  const prose = proseFolders.some((folder) => file.startsWith(folder)) && !file.endsWith('/codes.ts');
  walk(parseAst(source, { lang: 'ts' }) as unknown as Node, (node) => {
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
    if (file.startsWith('extension/session/doctor/') && (isNamed(node, 'title') || isNamed(node, 'detail')))
      add(node['value']);
    if (prose && (node.type === 'Literal' || node.type === 'TemplateLiteral')) {
      for (const text of textsOf(node)) if (isSentence(text)) found.add(text);
    }
  });
  return [...found].map((text) => ({ text, file }));
}

function isTranslation(callee: Node): boolean {
  if (callee.type === 'Identifier') return callee['name'] === 't';
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
