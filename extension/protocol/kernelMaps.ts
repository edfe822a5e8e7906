import * as v from 'valibot';
import { bytes, type Contract, ErrorData, method, u32 } from './rpc.ts';

/** The part of the helper's contract that is about maps. Values cross as the kernel's bytes: core/maps decodes them. */

/** `struct bpf_map_info`, sizes in bytes. */
export const MapInfo = v.object({
  id: u32,
  /** The kernel keeps 15 characters; for our own objects this is the full name in the source. */
  name: v.string(),
  /** libbpf's short name. */
  type: v.string(),
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  frozen: v.boolean(),
  btfId: u32,
  btfKeyTypeId: u32,
  btfValueTypeId: u32,
  /** Of struct_ops: the type of its value in the kernel's own BTF. */
  vmlinuxValueTypeId: v.optional(u32),
  /** Bytes of kernel memory that the map is charged for; absent where the kernel does not tell. */
  memoryBytes: v.optional(v.number()),
});
export type MapInfo = v.InferOutput<typeof MapInfo>;

/** A map by id, or by the absolute path of its pin. */
export const MapRef = v.union([v.object({ id: u32 }), v.object({ pin: v.string() })]);
export type MapRef = v.InferOutput<typeof MapRef>;

/**
 * Entries as the kernel copied them out: `keys` holds count × keySize bytes, `values` count × valueBytes() bytes
 * (per-CPU: possible CPUs × value size rounded up to 8). `cursor` continues; absent at the end.
 */
export const MapPage = v.object({
  count: u32,
  keys: bytes,
  values: bytes,
  cursor: v.optional(bytes),
  /** CLOCK_MONOTONIC when the read was done, nanoseconds. */
  atNs: v.bigint(),
});
export type MapPage = v.InferOutput<typeof MapPage>;

/** Many entries in one request, each with what was there before and what is there after: to confirm, and to undo. */
export const MapWrite = v.object({
  map: MapRef,
  kind: v.picklist(['set', 'delete']),
  count: u32,
  /** count × keySize bytes. */
  keys: bytes,
  /** For `set`: count × valueBytes() bytes. Programs and maps are named by id, as the kernel gives them when it is read. */
  values: v.optional(bytes),
  /**
   * Places in the list of possible CPUs that `values` is about; the others keep what they have, but for what they count
   * in the microsecond between: the kernel writes all CPUs of an entry at once.
   */
  slots: v.optional(v.array(u32)),
  /** As long as `values`: the bits that are meant. The others keep what they have when it is written, as those of other CPUs do. */
  mask: v.optional(bytes),
  /** Only keys that are not there yet, or only those that are. */
  expect: v.optional(v.picklist(['new', 'existing'])),
});
export type MapWrite = v.InferOutput<typeof MapWrite>;

export const MapWritten = v.object({
  /** Entries from the start that were tried; after 100 failures the rest is left. */
  tried: u32,
  /** A byte an entry: 1 when the key was there before; its value then is in `previous`, else zeros. */
  had: bytes,
  previous: bytes,
  /** The same after the write, read back. Running programs may have counted on. */
  has: bytes,
  now: bytes,
  failures: v.array(v.object({ index: u32, error: ErrorData })),
});
export type MapWritten = v.InferOutput<typeof MapWritten>;

/** How a table is ordered; `by` is an operand of the filter language (core/maps/query): `key.addr`, `max(bytes)`, `rate(packets)`. */
export const TableSort = v.object({ by: v.string(), descending: v.boolean() });
export type TableSort = v.InferOutput<typeof TableSort>;

export const TableArranged = v.object({
  /** Entries that the map held, and those of them that the filter let through. */
  total: u32,
  rows: u32,
  /** CLOCK_MONOTONIC, nanoseconds, when the first and the last entry were read. */
  startedNs: v.bigint(),
  atNs: v.bigint(),
  /** Time since the last arrangement, which rates are about; absent the first time: no rate is known then. */
  periodNs: v.optional(v.bigint()),
  /** Milliseconds of work that it took: whoever repeats it leaves a multiple of this between. */
  workMs: v.number(),
});
export type TableArranged = v.InferOutput<typeof TableArranged>;

export const MapValues = v.object({
  values: bytes,
  /** Places (from 0 in this answer) whose entry is not in the map any more; their values are zeros. */
  gone: v.array(u32),
  atNs: v.bigint(),
});

export const TableRows = v.object({ count: u32, keys: bytes, ...MapValues.entries });
export type TableRows = v.InferOutput<typeof TableRows>;

/**
 * Who uses a map. `program`: programs that are loaded, or a map that it is in. `held`: nobody any more, it is kept by this helper alone,
 * which took it. `others`: no program, but somebody has it open or pinned.
 */
export const MapUse = v.object({
  id: u32,
  use: v.picklist(['program', 'others', 'held']),
  /** A map of the same name and type that was made later and that a program uses, when this one has none any more. */
  newer: v.optional(u32),
});
export type MapUse = v.InferOutput<typeof MapUse>;

const nothing = v.object({});

export const mapContract = {
  /** Own profile: maps of this helper's objects, its pins, and what it took. System profile: every map. */
  'map/list': method(nothing, v.object({ maps: v.array(MapInfo) })),
  'map/info': method(v.object({ map: MapRef }), MapInfo),
  /** Up to `limit` entries after `cursor`; batch lookups where the map type has them, key iteration where not. */
  'map/read': method(v.object({ map: MapRef, limit: u32, cursor: v.optional(bytes) }), MapPage),
  /** How many entries there are; absent when they are more than `most`, or not all of them can be found. */
  'map/count': method(v.object({ map: MapRef, most: u32 }), v.object({ count: v.optional(u32) })),
  /** Left out: what is gone, and everything where the kernel does not tell (before 5.8, or without its BTF). */
  'map/uses': method(v.object({ ids: v.array(u32) }), v.object({ maps: v.array(MapUse) })),
  'map/lookup': method(v.object({ map: MapRef, key: bytes }), v.object({ value: v.optional(bytes) })),
  'map/update': method(v.object({ map: MapRef, key: bytes, value: bytes, flags: u32 }), nothing),
  'map/delete': method(v.object({ map: MapRef, key: bytes }), nothing),
  'map/write': method(MapWrite, MapWritten),
  /** Values of these keys, in their order, as they are now. */
  'map/values': method(v.object({ map: MapRef, keys: bytes }), MapValues),

  /**
   * System profile: pins a map where the `own` helper of the same user finds it, which takes it (and removes the pin) and
   * holds it until `map/release`. So a map of another session is read live without keeping CAP_SYS_ADMIN.
   */
  'map/lend': method(v.object({ id: u32 }), v.object({ pin: v.string() })),
  'map/take': method(v.object({ pin: v.string() }), MapInfo),
  'map/release': method(v.object({ id: u32 }), nothing),

  /**
   * A whole map, filtered and sorted in the helper: a million entries stay here, a screen of rows crosses. `btf` and the
   * type ids say what the entries are; without them only raw keys are known.
   */
  'table/open': method(
    v.object({ map: MapRef, btf: v.optional(bytes), keyTypeId: u32, valueTypeId: u32 }),
    v.object({ table: u32 }),
  ),
  /** Reads the map, in slices between which the helper answers others, and orders its keys anew. */
  'table/arrange': method(
    v.object({ table: u32, filter: v.optional(v.string()), sort: v.optional(TableSort) }),
    TableArranged,
  ),
  /** Rows in the order of the last arrangement, with their values as they are now. */
  'table/rows': method(v.object({ table: u32, from: u32, count: u32 }), TableRows),
  'table/close': method(v.object({ table: u32 }), nothing),

  /**
   * `map/events` from now on, of a ring buffer or a perf event array. Reading takes events from whoever else reads them:
   * a map that this helper did not load is refused (`map-foreign`) unless `force`.
   */
  'events/follow': method(v.object({ map: MapRef, force: v.boolean() }), v.object({ stream: u32 })),
  'events/stop': method(v.object({ stream: u32 }), nothing),

  /** Names behind the numbers that maps hold. What cannot be found, or may not be seen, is left out. */
  'names/resolve': method(
    v.object({ programs: v.array(u32), maps: v.array(u32), interfaces: v.array(u32) }),
    v.object({
      programs: v.array(v.object({ id: u32, name: v.string() })),
      maps: v.array(v.object({ id: u32, name: v.string(), type: v.string() })),
      /** In the helper's network namespace. */
      interfaces: v.array(v.object({ ifindex: u32, name: v.string() })),
    }),
  ),
} satisfies Contract;

export const mapEvents = {
  /** What a program sent to a ring buffer or a perf event array, oldest first. */
  'map/events': v.object({
    stream: u32,
    records: v.array(v.object({ cpu: v.optional(u32), data: bytes })),
    /** Records that the kernel had no room for, and those that were read but are too many to show. */
    lost: u32,
    left: u32,
    atNs: v.bigint(),
  }),
} as const;
