import type { Value } from '../maps/value.ts';
import { toHex } from '../maps/text.ts';
import { headerNamed } from '../packet/compile.ts';
import { fieldDiff } from '../packet/diff.ts';
import { dissect } from '../packet/dissect.ts';
import type { FieldSpec } from '../packet/headers/spec.ts';
import { fieldJson } from '../packet/json.ts';
import type { BuiltField, BuiltLayer, Dissection, FieldValue } from '../packet/model.ts';
import { fieldText } from '../packet/value.ts';
import type { Difference } from './result.ts';

/**
 * Where two packets differ, as people see it: layers that are there or not, fields, the length. Never empty for packets that
 * differ.
 */
export function packetDifferences(expected: Uint8Array, actual: Uint8Array): Difference[] {
  if (equalBytes(expected, actual)) return [];
  const before = dissect(expected);
  const after = dissect(actual);
  const labels = [...byOccurrence(after).keys()];
  const differences: Difference[] = [];
  if (stackOf(before) !== stackOf(after))
    differences.push({ what: 'layers', expected: stackOf(before), actual: stackOf(after) });
  for (const change of fieldDiff(before, after)) {
    // Layers that only one of them has are said above; a Raw that moved is no news.
    if (change.field === undefined) continue;
    const { layer, layerIndex, field } = change;
    const now = after.layers[layerIndex]?.fields.find(({ name }) => name === field);
    differences.push({
      what: `${labels[layerIndex] ?? layer}.${field}`,
      expected:
        change.kind === 'added' || change.before === undefined ? null : shownValue(specOf(layer, field), change.before),
      actual: change.kind === 'removed' || now === undefined ? null : shownField(layer, now),
    });
  }
  if (expected.length !== actual.length) {
    differences.push({ what: 'length', expected: expected.length, actual: actual.length });
  }
  return differences.length > 0 ? differences : [firstByte(expected, actual)];
}

/** Lengths, types and checksums of a packet that no receiver would accept, with what they should be. */
export function wrongFields(packet: Uint8Array): Difference[] {
  return [...byOccurrence(dissect(packet))].flatMap(([label, layer]) =>
    layer.fields.flatMap((field): Difference[] => {
      if (field.wrong === undefined) return [];
      const spec = specOf(layer.name, field.name);
      const what = `${label}.${field.name}`;
      return [{ what, expected: shownValue(spec, field.wrong), actual: shownValue(spec, field.value) }];
    }),
  );
}

function stackOf({ layers }: Dissection): string {
  return layers.map((layer) => layer.name).join('/');
}

/** By name, and from the second on with a number: `IP`, `IP:2`. */
export function byOccurrence({ layers }: Dissection): Map<string, BuiltLayer> {
  const counts = new Map<string, number>();
  return new Map(
    layers.map((layer) => {
      const count = (counts.get(layer.name) ?? 0) + 1;
      counts.set(layer.name, count);
      return [count === 1 ? layer.name : `${layer.name}:${count}`, layer];
    }),
  );
}

function firstByte(expected: Uint8Array, actual: Uint8Array): Difference {
  const at = expected.findIndex((byte, index) => byte !== actual[index]);
  return {
    what: `byte ${at}`,
    expected: toHex(expected.subarray(at, at + 16)),
    actual: toHex(actual.subarray(at, at + 16)),
  };
}

/** A field's value as JSON for people: names of flags and enumerators, bytes as hex, what a wrong checksum would have to be. */
export function shownField(layer: string, field: BuiltField): Value {
  const spec = specOf(layer, field.name);
  const value = shownValue(spec, field.value);
  if (field.wrong === undefined) return value;
  // Lengths, types and checksums only: never a list.
  return `${JSON.stringify(value)} (should be ${JSON.stringify(shownValue(spec, field.wrong))})`.replaceAll('"', '');
}

/** The table of a field; what happens to its value is decided by it. */
export function specOf(layer: string, field: string): FieldSpec | undefined {
  return headerNamed(layer).fields.find(({ name }) => name === field)?.spec;
}

function shownValue(spec: FieldSpec | undefined, value: FieldValue): Value {
  if (typeof value === 'number') {
    const text = spec === undefined ? String(value) : fieldText(spec, value);
    return text === String(value) ? value : text;
  }
  return fieldJson(value);
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
