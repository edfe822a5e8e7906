import * as v from 'valibot';
import { bytes, u32 } from './rpc.ts';

/** What crosses between the extension host and the webviews. Everything a webview sends is untrusted and parsed here. */

const MapSummary = v.object({
  id: u32,
  name: v.string(),
  type: v.string(),
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  /** What it belongs to: `xdp_counter on veth0 (native)`. */
  group: v.string(),
});
export type MapSummary = v.InferOutput<typeof MapSummary>;

const MapSchemaMessage = v.object({
  kind: v.literal('schema'),
  mapId: u32,
  type: v.string(),
  name: v.string(),
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  /** Raw BTF, absent when the map has none; type ids point into it. */
  btf: v.optional(bytes),
  keyTypeId: u32,
  valueTypeId: u32,
  /** CPU numbers. */
  possibleCpus: v.array(u32),
});

const PageMessage = v.object({
  kind: v.literal('page'),
  mapId: u32,
  count: u32,
  keys: bytes,
  values: bytes,
  /** Helper's monotonic clock in milliseconds: rates are computed from it, not from arrival times. */
  atMs: v.number(),
  /** True when the map holds more entries than were sent. */
  truncated: v.boolean(),
});

const Problem = v.object({
  kind: v.literal('problem'),
  message: v.string(),
  fix: v.optional(v.string()),
  /** A button, and the command it runs. */
  action: v.optional(v.object({ title: v.string(), command: v.picklist(['restartHelper', 'attach', 'showLog']) })),
});

/** Host → maps view. The packet panel embeds the same counters and takes these too. */
export const toMapsView = v.variant('kind', [
  v.object({
    kind: v.literal('maps'),
    maps: v.array(MapSummary),
    selected: v.optional(u32),
    /** How many programs are attached: without maps, a view says whether that is because nothing is. Absent = unknown. */
    attached: v.optional(u32),
  }),
  MapSchemaMessage,
  PageMessage,
  v.object({ kind: v.literal('gone'), mapId: u32, reason: v.string() }),
  Problem,
  v.object({ kind: v.literal('clearProblem') }),
]);
export type ToMapsView = v.InferOutput<typeof toMapsView>;

/** Maps view → host. */
export const fromMapsView = v.variant('kind', [
  v.object({ kind: v.literal('ready') }),
  v.object({ kind: v.literal('select'), mapId: u32 }),
  v.object({
    kind: v.literal('poll'),
    paused: v.boolean(),
    intervalMs: v.pipe(v.number(), v.minValue(50), v.maxValue(10000)),
  }),
  v.object({ kind: v.literal('action'), command: v.picklist(['restartHelper', 'attach', 'showLog']) }),
]);
export type FromMapsView = v.InferOutput<typeof fromMapsView>;

const ProgramChoice = v.object({
  /** Absolute path of the source or object. */
  file: v.string(),
  name: v.string(),
  section: v.string(),
});
export type ProgramChoice = v.InferOutput<typeof ProgramChoice>;

const MapChange = v.object({
  map: v.string(),
  mapId: u32,
  schema: MapSchemaMessage,
  changes: v.array(v.object({ key: bytes, before: v.optional(bytes), after: v.optional(bytes) })),
});

/** Host → packet panel. */
export const toPacketPanel = v.variant('kind', [
  v.object({
    kind: v.literal('programs'),
    programs: v.array(ProgramChoice),
    selected: v.optional(v.number()),
    interfaces: v.array(v.object({ name: v.string(), ifindex: u32 })),
  }),
  v.object({ kind: v.literal('running'), run: v.number() }),
  v.object({
    kind: v.literal('result'),
    run: v.number(),
    action: v.string(),
    retval: u32,
    durationNs: v.optional(v.number()),
    repeat: u32,
    /** True when a repeated run would not see the same packet again. */
    packetChanges: v.boolean(),
    packetIn: bytes,
    packetOut: bytes,
    /** Bytes before the packet that the program left as metadata. */
    metadataOut: bytes,
    ctxOut: v.record(v.string(), v.number()),
    maps: v.array(MapChange),
    printk: v.array(v.string()),
    printkProblem: v.optional(v.string()),
  }),
  v.object({
    kind: v.literal('failed'),
    run: v.number(),
    message: v.string(),
    fix: v.optional(v.string()),
    log: v.optional(v.string()),
  }),
  // The live counters of the attached program, in the same panel beside the result.
  ...toMapsView.options,
]);
export type ToPacketPanel = v.InferOutput<typeof toPacketPanel>;

/** Packet panel → host. */
export const fromPacketPanel = v.variant('kind', [
  v.object({
    kind: v.literal('run'),
    run: v.number(),
    program: v.number(),
    packet: bytes,
    repeat: v.pipe(u32, v.minValue(1), v.maxValue(10_000_000)),
    context: v.object({
      ingressIfindex: v.optional(u32),
      rxQueueIndex: v.optional(u32),
      metadata: v.optional(bytes),
      cpu: v.optional(u32),
    }),
  }),
  ...fromMapsView.options,
]);
export type FromPacketPanel = v.InferOutput<typeof fromPacketPanel>;
