import { XdpError, type XdpErrorData, fromErrorData } from '../../core/errors.ts';
import { type EntryChange, encodeEntryValue, encodeKey, entryValueBytes, keyAt } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { roundUp8 } from '../../core/maps/types.ts';
import type { Value } from '../../core/maps/value.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { MapWrite } from '../../protocol/kernel.ts';
import { type OpenMap, readMap } from './maps.ts';

/** What an edit did, as the kernel says it afterwards. */
export interface Edited {
  /** Entries that were written. */
  done: number;
  /** All that undoing it needs; empty when that were more than anybody should hold, and it cannot be undone. */
  changes: UndoableChange[];
  /** Why an entry was not written; `index` in the list that was given. */
  failures: { index: number; error: XdpError }[];
  /** Entries that were not tried any more, after a hundred failures. */
  left: number;
}

/** `mask`: the bits that the edit was about, where it was not about all. */
export type UndoableChange = EntryChange & { mask?: Uint8Array };

export interface EntryEdit {
  key: Value | Uint8Array;
  value: Value | Uint8Array;
  /** Of a value in bytes: the bits that are meant. */
  mask?: Uint8Array;
}

export interface EditOptions {
  /** Only new keys, or only those that are there. */
  expect?: 'new' | 'existing';
  /** CPU numbers that the value is for; the other CPUs keep theirs. */
  cpus?: readonly number[];
  /** Stops it between two calls of the helper: what was not tried is `left`. */
  signal?: AbortSignal;
}

/** Sets entries. Fields that a value leaves out keep what they have. Throws `value-invalid` before anything is written. */
export async function setEntries(
  client: HelperClient,
  map: OpenMap,
  edits: readonly EntryEdit[],
  options: EditOptions = {},
): Promise<Edited> {
  const { schema } = map;
  const keys = edits.map(({ key }) => encodeKey(schema, key));
  // Bytes say all, and so do scalars; a struct may leave fields out.
  const partial =
    schema.keySize > 0 && edits.some(({ value }) => typeof value === 'object' && !(value instanceof Uint8Array));
  const before = partial ? await valuesNow(client, map, keys) : [];
  const entries = edits.map(({ value, mask }, index) => ({
    key: keys[index] ?? new Uint8Array(0),
    value: encodeEntryValue(schema, value, before[index]),
    mask: mask ?? (partial ? meantBits(schema, value) : undefined),
  }));
  const slots = options.cpus?.map((cpu) => schema.possibleCpus.indexOf(cpu));
  return await writeAll(client, map, 'set', entries, {
    ...(options.expect === undefined ? {} : { expect: options.expect }),
    ...(slots === undefined ? {} : { slots }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/**
 * Which bits of an entry a value says anything about: those that come out the same whatever was there before. So the helper
 * can put them over what is there when it writes, and nothing is set back that a program counts in the fields beside them.
 */
function meantBits(schema: MapSchema, value: Value | Uint8Array): Uint8Array {
  const size = entryValueBytes(schema);
  const overZeros = encodeEntryValue(schema, value, new Uint8Array(size));
  const overOnes = encodeEntryValue(schema, value, new Uint8Array(size).fill(0xff));
  return overZeros.map((byte, at) => ~(byte ^ (overOnes[at] ?? 0)));
}

/** What is there, undefined where nothing is; nothing at all of a map that cannot be read. */
async function valuesNow(
  client: HelperClient,
  { ref, schema }: OpenMap,
  keys: readonly Uint8Array[],
): Promise<(Uint8Array | undefined)[]> {
  const size = entryValueBytes(schema);
  const found: (Uint8Array | undefined)[] = [];
  for (let from = 0; from < keys.length; from += batchEntries) {
    const batch = keys.slice(from, from + batchEntries);
    try {
      const { values, gone } = await client.call('map/values', { map: ref, keys: joined(batch) });
      const missing = new Set(gone);
      batch.forEach((_, index) =>
        found.push(missing.has(index) ? undefined : values.subarray(index * size, (index + 1) * size)),
      );
    } catch (error) {
      if (error instanceof XdpError && error.code === 'map-unreadable') return [];
      throw error;
    }
  }
  return found;
}

export async function deleteEntries(
  client: HelperClient,
  map: OpenMap,
  keys: readonly (Value | Uint8Array)[],
): Promise<Edited> {
  const entries = keys.map((key) => ({ key: encodeKey(map.schema, key), value: undefined }));
  return await writeAll(client, map, 'delete', entries, {});
}

/** Puts back what was there before an edit, whatever is there by now: of each entry what the edit was about, and no counter beside it. */
export async function undo(client: HelperClient, map: OpenMap, { changes }: Pick<Edited, 'changes'>): Promise<Edited> {
  // Backwards: what one edit wrote twice ends as it began.
  const back = changes.toReversed();
  const isThere = (change: EntryChange): boolean => change.before !== undefined;
  const restored = await writeAll(
    client,
    map,
    'set',
    back.filter(isThere).map(({ key, before, mask }) => ({ key, value: before, mask })),
    {},
  );
  const removed = await writeAll(
    client,
    map,
    'delete',
    back
      .filter((change) => !isThere(change) && change.after !== undefined)
      .map(({ key }) => ({ key, value: undefined })),
    {},
  );
  return {
    done: restored.done + removed.done,
    changes: [...restored.changes, ...removed.changes],
    failures: [...restored.failures, ...removed.failures],
    left: restored.left + removed.left,
  };
}

/**
 * Deletes every entry that is there now; entries of arrays, which cannot go, become zero. What a program inserts meanwhile stays.
 */
export async function clearMap(client: HelperClient, map: OpenMap): Promise<Edited> {
  const { schema } = map;
  const page = await readMap(client, map.ref, { maxEntries: Number.POSITIVE_INFINITY });
  const stays = schema.type === 'array' || schema.type === 'percpu_array';
  const zeros = stays ? new Uint8Array(entryValueBytes(schema)) : undefined;
  const entries = Array.from({ length: page.count }, (_, index) => ({ key: keyAt(schema, page, index), value: zeros }));
  const edited = await writeAll(client, map, stays ? 'set' : 'delete', entries, {});
  // A program may have been faster: an entry that is gone already is what was asked for.
  return { ...edited, failures: edited.failures.filter(({ error }) => error.details['errnoName'] !== 'ENOENT') };
}

/** One message's worth of entries. */
const batchBytes = 1 << 20;
const batchEntries = 4096;
/** Clearing a million entries must not fill the editor's memory. */
const maxUndoBytes = 32 << 20;

/** Entries of a map that one edit may write and still be undone. */
export function undoableEntries(schema: MapSchema): number {
  return Math.floor(maxUndoBytes / (schema.keySize + 2 * entryValueBytes(schema)));
}

type Entry = { key: Uint8Array; value: Uint8Array | undefined; mask?: Uint8Array | undefined };

async function writeAll(
  client: HelperClient,
  map: OpenMap,
  kind: MapWrite['kind'],
  entries: readonly Entry[],
  { signal, ...more }: Pick<MapWrite, 'slots' | 'expect'> & Pick<EditOptions, 'signal'>,
): Promise<Edited> {
  const valueSize = entryValueBytes(map.schema);
  const perBatch = Math.max(1, Math.min(batchEntries, Math.floor(batchBytes / (map.schema.keySize + valueSize))));
  const edited: Edited = { done: 0, changes: [], failures: [], left: 0 };
  let undoBytes = 0;
  for (let from = 0; from < entries.length; from += perBatch) {
    if (signal?.aborted === true) {
      edited.left = entries.length - from;
      break;
    }
    const batch = entries.slice(from, from + perBatch);
    const masked = batch.some(({ mask }) => mask !== undefined);
    const all = new Uint8Array(masked ? valueSize : 0).fill(0xff);
    const written = await client.call('map/write', {
      map: map.ref,
      kind,
      count: batch.length,
      keys: joined(batch.map(({ key }) => key)),
      ...(kind === 'set' ? { values: joined(batch.map(({ value }) => value ?? new Uint8Array(valueSize))) } : {}),
      ...(masked ? { mask: joined(batch.map(({ mask }) => mask ?? all)) } : {}),
      ...more,
    });
    const failed = new Set(written.failures.map(({ index }) => index));
    for (let index = 0; index < written.tried; index++) {
      if (failed.has(index)) continue;
      edited.done++;
      undoBytes += map.schema.keySize + 2 * valueSize;
      if (undoBytes > maxUndoBytes) continue;
      const at = (all: Uint8Array): Uint8Array => all.subarray(index * valueSize, (index + 1) * valueSize);
      edited.changes.push({
        key: batch[index]?.key ?? new Uint8Array(0),
        ...(written.had[index] === 1 ? { before: at(written.previous) } : {}),
        ...(written.has[index] === 1 ? { after: at(written.now) } : {}),
        ...maskOf(map.schema, batch[index]?.mask, more.slots),
      });
    }
    for (const { index, error } of written.failures) {
      edited.failures.push({ index: from + index, error: fromErrorData(error as XdpErrorData) });
    }
    if (written.tried < batch.length) {
      edited.left = entries.length - from - written.tried;
      break;
    }
  }
  if (undoBytes > maxUndoBytes) edited.changes = [];
  return edited;
}

/** What a write is about: all, some bits, those of some CPUs. */
function maskOf(
  schema: MapSchema,
  mask: Uint8Array | undefined,
  slots: readonly number[] | undefined,
): Pick<UndoableChange, 'mask'> {
  if (slots === undefined) return mask === undefined ? {} : { mask };
  const slotBytes = roundUp8(schema.valueSize);
  const ofSlots = new Uint8Array(entryValueBytes(schema));
  for (const slot of slots) ofSlots.fill(0xff, slot * slotBytes, (slot + 1) * slotBytes);
  return { mask: mask === undefined ? ofSlots : ofSlots.map((byte, at) => byte & (mask[at] ?? 0)) };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
