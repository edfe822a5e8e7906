import { suggest } from '../packet/fail.ts';
import { setField } from '../maps/decode.ts';
import { fromHex } from '../maps/text.ts';
import type { Value } from '../maps/value.ts';
import type { JsonMember, JsonNode, Span } from './jsonDocument.ts';
import type { Place, Problems } from './problems.ts';

/** What the readers of a test file share: the text, for places inside strings, and the list of problems. */
export interface Reading {
  text: string;
  problems: Problems;
}

export function placeOf({ problems }: Reading, span: Span): Place {
  return problems.place(span);
}

/** What stands there, for "but it is …". */
export function kindOf(node: JsonNode): string {
  switch (node.kind) {
    case 'object':
      return 'an object';
    case 'array':
      return 'a list';
    case 'string':
      return `the text "${node.value.length > 40 ? `${node.value.slice(0, 40)}…` : node.value}"`;
    case 'number':
      return `the number ${node.text}`;
    case 'boolean':
      return String(node.value);
    case 'null':
      return 'null';
  }
}

export function mismatch({ problems }: Reading, node: JsonNode, what: string, expected: string): undefined {
  problems.add(node, `${what} is ${kindOf(node)}.`, { expected });
  return undefined;
}

export type Fields<Name extends string> = Partial<Record<Name, JsonNode>>;

/**
 * The members of an object by name. What is not in `known` is a problem with a suggestion, what is missing of `required`
 * one at the object.
 */
export function readFields<Name extends string>(
  reading: Reading,
  node: JsonNode,
  what: string,
  { known, required = [] }: { known: readonly Name[]; required?: readonly Name[] },
): Fields<Name> | undefined {
  if (node.kind !== 'object') return mismatch(reading, node, what, `an object with ${known.join(', ')}`);
  const fields: Fields<Name> = {};
  for (const { name, nameSpan, value } of node.members) {
    const found = known.find((each) => each === name);
    if (found !== undefined) fields[found] = value;
    else reading.problems.add(nameSpan, `${what} has no field "${name}".`, { fix: suggest(name, known) });
  }
  for (const name of required) {
    if (fields[name] !== undefined) continue;
    // The opening brace only: marking the whole object would hide everything else in it.
    reading.problems.add({ offset: node.offset, length: 1 }, `${what} has no "${name}".`, { expected: `"${name}"` });
  }
  return fields;
}

/** Members in order, for objects whose names are the user's. */
export function readMembers(reading: Reading, node: JsonNode, what: string, expected: string): readonly JsonMember[] {
  if (node.kind === 'object') return node.members;
  mismatch(reading, node, what, expected);
  return [];
}

export function readItems(reading: Reading, node: JsonNode, what: string, expected: string): readonly JsonNode[] {
  if (node.kind === 'array') return node.items;
  mismatch(reading, node, what, expected);
  return [];
}

export function readText(
  reading: Reading,
  node: JsonNode,
  what: string,
  expected = 'text in double quotes',
): string | undefined {
  if (node.kind !== 'string') return mismatch(reading, node, what, expected);
  if (node.value.trim() !== '') return node.value;
  reading.problems.add(node, `${what} is empty.`, { expected });
  return undefined;
}

export function readInteger(
  reading: Reading,
  node: JsonNode,
  what: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const number = node.kind === 'number' && /^-?\d+$/.test(node.text) ? Number(node.text) : Number.NaN;
  if (number >= min && number <= max) return number;
  return mismatch(reading, node, what, `a whole number from ${min} to ${max}`);
}

/** Digits may be grouped by spaces, colons, dashes or underscores. */
export function readHex(reading: Reading, node: JsonNode, what: string): Uint8Array | undefined {
  const expected = 'pairs of hex digits, such as "01020304"';
  if (node.kind !== 'string') return mismatch(reading, node, what, expected);
  return fromHex(node.value) ?? mismatch(reading, node, what, expected);
}

/** Any JSON value. Integers that a number of JavaScript cannot carry exactly become decimal strings. */
export function toValue(node: JsonNode): Value {
  switch (node.kind) {
    case 'string':
    case 'boolean':
      return node.value;
    case 'null':
      return null;
    case 'number': {
      const number = Number(node.text);
      return /^-?\d+$/.test(node.text) && !Number.isSafeInteger(number) ? node.text : number;
    }
    case 'array':
      return node.items.map(toValue);
    case 'object': {
      const object: { [field: string]: Value } = {};
      for (const { name, value } of node.members) setField(object, name, toValue(value));
      return object;
    }
  }
}
