/** What changed between two packets: bytes, and fields. */
import type { BuiltField, BuiltLayer, Dissection, FieldValue } from './model.ts';
import { equalValue } from './value.ts';

export interface ByteRange {
  offset: number;
  length: number;
}

/** Ranges of `b` that differ from `a`, position by position; what only one of them has counts as changed. */
export function changedRanges(a: Uint8Array, b: Uint8Array): ByteRange[] {
  const ranges: ByteRange[] = [];
  const length = Math.max(a.length, b.length);
  let start = -1;
  for (let i = 0; i <= length; i++) {
    const differs = i < length && (i >= a.length || i >= b.length || a[i] !== b[i]);
    if (differs && start < 0) start = i;
    if (!differs && start >= 0) {
      ranges.push({ offset: start, length: i - start });
      start = -1;
    }
  }
  return ranges;
}

export type FieldChange =
  | { kind: 'changed'; layer: string; layerIndex: number; field: string; before: FieldValue; after: FieldValue }
  /** A field that only exists before or after (it depends on another one), or the whole layer where `field` is absent. */
  | { kind: 'removed'; layer: string; layerIndex: number; field?: string; before?: FieldValue }
  | { kind: 'added'; layer: string; layerIndex: number; field?: string; after?: FieldValue };

/** `layerIndex` counts in `after`, for removed layers in `before`. Layers are matched by name, in order. */
export function fieldDiff(before: Dissection, after: Dissection): FieldChange[] {
  const changes: FieldChange[] = [];
  for (const [left, right] of align(before.layers, after.layers)) {
    const old = left === undefined ? undefined : before.layers[left];
    const now = right === undefined ? undefined : after.layers[right];
    if (old !== undefined && now !== undefined && right !== undefined) compareFields(old, now, right, changes);
    else if (old !== undefined && left !== undefined)
      changes.push({ kind: 'removed', layer: old.name, layerIndex: left });
    else if (now !== undefined && right !== undefined)
      changes.push({ kind: 'added', layer: now.name, layerIndex: right });
  }
  return changes;
}

/** Pairs of positions: the longest common subsequence of layer names. */
function align(
  before: readonly BuiltLayer[],
  after: readonly BuiltLayer[],
): [number | undefined, number | undefined][] {
  const lengths: number[][] = Array.from({ length: before.length + 1 }, () =>
    Array.from({ length: after.length + 1 }, () => 0),
  );
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row === undefined) continue;
      row[j] = before[i]?.name === after[j]?.name ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number | undefined, number | undefined][] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i]?.name === after[j]?.name) pairs.push([i++, j++]);
    else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) pairs.push([i++, undefined]);
    else pairs.push([undefined, j++]);
  }
  return pairs;
}

function compareFields(before: BuiltLayer, after: BuiltLayer, layerIndex: number, changes: FieldChange[]): void {
  const place = { layer: after.name, layerIndex };
  const find = (layer: BuiltLayer, name: string): BuiltField | undefined =>
    layer.fields.find((field) => field.name === name);
  for (const field of before.fields) {
    const now = find(after, field.name);
    if (now === undefined) changes.push({ kind: 'removed', ...place, field: field.name, before: field.value });
    else if (!equalValue(field.value, now.value)) {
      changes.push({ kind: 'changed', ...place, field: field.name, before: field.value, after: now.value });
    }
  }
  for (const field of after.fields) {
    if (find(before, field.name) === undefined)
      changes.push({ kind: 'added', ...place, field: field.name, after: field.value });
  }
}
