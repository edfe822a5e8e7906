/**
 * Changes to a test file as text edits, each as small as it can be: comments, order, spacing and what the builder does not
 * know stay as they are.
 */
import { XdpError } from '../errors.ts';
import { buildPacket } from '../packet/build.ts';
import { toHex } from '../packet/hex.ts';
import { type JsonValue, layersToJson } from '../packet/json.ts';
import { minimalLayers } from '../packet/minimal.ts';
import type { Layer } from '../packet/model.ts';
import { formatScapy } from '../packet/scapy.ts';
import type { JsonNode } from './jsonDocument.ts';
import { type ArrayNode, member, type ObjectNode, outlinePacket, packetNodes, readRoot } from './outline.ts';

/** `length` code units at `offset` become `text`. */
export interface TextEdit {
  offset: number;
  length: number;
  text: string;
}

export type TestEdit =
  /** `step` counts the packets of a sequence. */
  | { kind: 'packet'; test: number; step: number; layers: readonly Layer[] }
  | { kind: 'name'; test: number; name: string }
  | { kind: 'action'; test: number; action: string }
  /** A new test at the end. */
  | { kind: 'add'; name: string; layers: readonly Layer[]; action: string }
  /** A whole test at the end; its name gets a number where it is taken. */
  | { kind: 'append'; value: { name: string; [field: string]: JsonValue } }
  | { kind: 'duplicate'; test: number }
  | { kind: 'remove'; test: number }
  | { kind: 'move'; test: number; to: number };

/** The edits of one change, in order and not overlapping; none where nothing changes. Throws XdpError('test-file-invalid'). */
export function editTests(text: string, edit: TestEdit): TextEdit[] {
  const { tests, problem } = readRoot(text);
  if (tests === undefined) throw invalid(problem ?? 'The file cannot be read.');
  if (edit.kind === 'add') return [insertItem(text, tests, tests.items.length, newTest(edit))];
  if (edit.kind === 'append') {
    const names = tests.items.map((item) => textOf(item.kind === 'object' ? member(item, 'name') : undefined));
    const { name } = edit.value;
    const own = { ...edit.value, name: names.includes(name) ? freeName(name, names) : name };
    return [insertItem(text, tests, tests.items.length, testText(own))];
  }
  const node = tests.items[edit.test];
  if (node?.kind !== 'object') throw invalid(`There is no test ${edit.test + 1}.`);
  switch (edit.kind) {
    case 'packet': {
      const packet = packetNodes(node)[edit.step];
      if (packet === undefined) throw invalid(`The test has no packet ${edit.step + 1}.`);
      return packetEdits(text, packet, edit.layers);
    }
    case 'name':
      return [setMember(text, node, 'name', JSON.stringify(edit.name))];
    case 'action': {
      const expect = member(node, 'expect');
      if (expect?.kind === 'object') return [setMember(text, expect, 'action', JSON.stringify(edit.action))];
      return [setMember(text, node, 'expect', `{ "action": ${JSON.stringify(edit.action)} }`)];
    }
    case 'duplicate': {
      const name = member(node, 'name');
      const copy = text.slice(node.offset, node.offset + node.length);
      const names = tests.items.map((item) => textOf(member(item, 'name')));
      const renamed =
        name === undefined
          ? copy
          : replace(copy, name.offset - node.offset, name.length, JSON.stringify(freeName(textOf(name), names)));
      return [insertItem(text, tests, edit.test + 1, renamed)];
    }
    case 'remove':
      return [removeItem(tests, edit.test)];
    case 'move':
      return moveItem(text, tests, edit.test, edit.to);
  }
}

/** Applies edits that `editTests` made. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  return edits.toReversed().reduce((result, { offset, length, text: by }) => replace(result, offset, length, by), text);
}

function replace(text: string, offset: number, length: number, by: string): string {
  return text.slice(0, offset) + by + text.slice(offset + length);
}

function invalid(message: string): XdpError {
  return new XdpError('test-file-invalid', message, { fix: 'Open the file as text and correct it there.' });
}

function textOf(node: JsonNode | undefined): string {
  return node?.kind === 'string' ? node.value : '';
}

/** `name (2)`, or the first number that is free. */
function freeName(name: string, taken: readonly string[]): string {
  const stem = name.replace(/ \(\d+\)$/, '');
  for (let number = 2; ; number++) {
    const candidate = `${stem} (${number})`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** In the form in which the packet is written. One of a capture becomes an expression: the capture is not ours to change. */
function packetEdits(text: string, node: JsonNode, layers: readonly Layer[]): TextEdit[] {
  const old = outlinePacket(text, node);
  const before = old.kind === 'layers' ? old.layers : undefined;
  // However it is written: what is the same packet is left alone.
  if (before !== undefined && expression(before) === expression(layers)) return [];
  if (node.kind === 'array') return layerEdits(text, node, layers, before ?? []);
  const hex = member(node, 'hex');
  if (hex !== undefined) return changed(text, hex, JSON.stringify(toHex(buildPacket(layers).bytes)));
  return changed(text, node, JSON.stringify(expression(layers)));
}

function changed(text: string, { offset, length }: JsonNode, by: string): TextEdit[] {
  return text.slice(offset, offset + length) === by ? [] : [{ offset, length, text: by }];
}

/** Single quotes need no escapes in JSON. */
function expression(layers: readonly Layer[]): string {
  return formatScapy(layers, { quotes: 'single', keepGiven: true });
}

/** Only the layers that differ; all of them where their number or order does. */
function layerEdits(text: string, node: ArrayNode, layers: readonly Layer[], before: readonly Layer[]): TextEdit[] {
  const written = layersToJson(minimalLayers(layers, { keepGiven: true })).map(compact);
  if (before.length === layers.length && before.every(({ name }, i) => name === layers[i]?.name)) {
    const old = layersToJson(minimalLayers(before, { keepGiven: true })).map(compact);
    return node.items.flatMap((item, i) => (old[i] === written[i] ? [] : changed(text, item, written[i] ?? '{}')));
  }
  const indent = indentAt(text, node.offset);
  const lines = written.map((layer) => `${indent}  ${layer}`).join(',\n');
  return changed(text, node, written.length === 0 ? '[]' : `[\n${lines}\n${indent}]`);
}

/** `{ "IP": { "ttl": 5 } }` on one line. */
function compact(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${compact(each)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function newTest({ name, layers, action }: Extract<TestEdit, { kind: 'add' }>): string {
  return [
    '{',
    `  "name": ${JSON.stringify(name)},`,
    `  "packet": ${JSON.stringify(expression(layers))},`,
    `  "expect": { "action": ${JSON.stringify(action)} }`,
    '}',
  ].join('\n');
}

/** A line for each field of the test. */
export function testText(test: { [field: string]: JsonValue }): string {
  const lines = Object.entries(test).map(([name, value]) => `  ${JSON.stringify(name)}: ${compact(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

function setMember(text: string, node: ObjectNode, name: string, value: string): TextEdit {
  const old = node.members.find((each) => each.name === name)?.value;
  if (old !== undefined) return { offset: old.offset, length: old.length, text: value };
  const last = node.members.at(-1);
  const own = `${JSON.stringify(name)}: ${value}`;
  if (last === undefined) return { offset: node.offset + 1, length: node.length - 2, text: ` ${own} ` };
  const end = last.value.offset + last.value.length;
  const lineStart = text.slice(0, last.nameSpan.offset).lastIndexOf('\n') + 1;
  const before = text.slice(lineStart, last.nameSpan.offset);
  // On a line of its own where the others are.
  return { offset: end, length: 0, text: /^\s*$/.test(before) && lineStart > 0 ? `,\n${before}${own}` : `, ${own}` };
}

/** The spaces that the line of `offset` begins with. */
function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';
}

/** A new element in front of the one at `index`, laid out as its neighbours are. */
function insertItem(text: string, list: ArrayNode, index: number, item: string): TextEdit {
  const before = list.items[index - 1];
  const indented = (indent: string): string => item.replaceAll('\n', `\n${indent}`);
  if (before !== undefined) {
    const indent = indentAt(text, before.offset);
    return { offset: before.offset + before.length, length: 0, text: `,\n${indent}${indented(indent)}` };
  }
  const after = list.items[0];
  if (after !== undefined) {
    const indent = indentAt(text, after.offset);
    return { offset: after.offset, length: 0, text: `${indented(indent)},\n${indent}` };
  }
  const indent = indentAt(text, list.offset);
  return {
    offset: list.offset + 1,
    length: list.length - 2,
    text: `\n${indent}  ${indented(`${indent}  `)}\n${indent}`,
  };
}

/** The element, and the comma that goes with it. */
function removeItem(list: ArrayNode, index: number): TextEdit {
  const item = list.items[index];
  const before = list.items[index - 1];
  const after = list.items[index + 1];
  if (item === undefined) throw invalid(`There is no test ${index + 1}.`);
  if (after !== undefined) return { offset: item.offset, length: after.offset - item.offset, text: '' };
  const from = before === undefined ? list.offset + 1 : before.offset + before.length;
  const to = before === undefined ? list.offset + list.length - 1 : item.offset + item.length;
  return { offset: from, length: to - from, text: '' };
}

/** Its text changes places with those between: what stands between the elements stays. */
function moveItem(text: string, list: ArrayNode, from: number, to: number): TextEdit[] {
  if (to < 0 || to >= list.items.length || to === from) return [];
  const order = list.items.map((_, index) => index);
  const [moved] = order.splice(from, 1);
  if (moved !== undefined) order.splice(to, 0, moved);
  return list.items.flatMap((item, index) => {
    const source = list.items[order[index] ?? index];
    if (source === undefined || source === item) return [];
    return [
      { offset: item.offset, length: item.length, text: text.slice(source.offset, source.offset + source.length) },
    ];
  });
}
