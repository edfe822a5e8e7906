import { changedRanges, type FieldChange, fieldDiff } from '../../extension/core/packet/diff.ts';
import type { BuiltLayer, Dissection } from '../../extension/core/packet/model.ts';
import type { ByteMark } from '../common/hexPane.ts';

export interface RemovedBytes {
  /** Where they stood, in the output: before this byte. */
  offset: number;
  count: number;
}

export interface ByteDiff {
  /** Ranges of the output. */
  marks: ByteMark[];
  removed: RemovedBytes[];
}

/**
 * What the program did to the bytes. Of the same length: position by position. Else by header: a VLAN tag that was taken
 * off is 4 bytes less, and not everything behind it changed.
 */
export function byteDiff(before: Dissection, after: Dissection, changes = fieldDiff(before, after)): ByteDiff {
  const diff: ByteDiff = { marks: [], removed: [] };
  if (before.bytes.length === after.bytes.length) {
    compare(diff, before.bytes, after.bytes, 0);
    return diff;
  }
  let left = 0;
  let right = 0;
  while (left < before.layers.length || right < after.layers.length) {
    const old = before.layers[left];
    const now = after.layers[right];
    if (old !== undefined && wholeLayer(changes, 'removed', left)) {
      remove(diff, now?.offset ?? after.bytes.length, old.length);
      left++;
    } else if (now !== undefined && wholeLayer(changes, 'added', right)) {
      insert(diff, now.offset, now.length);
      right++;
    } else if (old !== undefined && now !== undefined) {
      compareLayers(diff, before, after, old, now);
      left++;
      right++;
    } else break;
  }
  return diff;
}

function wholeLayer(changes: readonly FieldChange[], kind: 'removed' | 'added', layer: number): boolean {
  return changes.some((change) => change.kind === kind && change.field === undefined && change.layerIndex === layer);
}

function compareLayers(diff: ByteDiff, before: Dissection, after: Dissection, old: BuiltLayer, now: BuiltLayer): void {
  const common = Math.min(old.length, now.length);
  compare(
    diff,
    before.bytes.subarray(old.offset, old.offset + common),
    after.bytes.subarray(now.offset, now.offset + common),
    now.offset,
  );
  insert(diff, now.offset + common, now.length - common);
  remove(diff, now.offset + common, old.length - common);
}

function compare(diff: ByteDiff, before: Uint8Array, after: Uint8Array, base: number): void {
  for (const { offset, length } of changedRanges(before, after)) {
    diff.marks.push({ kind: 'changed', start: base + offset, end: base + offset + length });
  }
}

function insert(diff: ByteDiff, offset: number, count: number): void {
  if (count > 0) diff.marks.push({ kind: 'inserted', start: offset, end: offset + count });
}

function remove(diff: ByteDiff, offset: number, count: number): void {
  if (count > 0) diff.removed.push({ offset, count });
}
