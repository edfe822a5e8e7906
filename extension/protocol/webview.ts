import * as v from 'valibot';
import { bytes, u32 } from './rpc.ts';

/** What crosses between the extension host and the webviews. Everything a webview sends is untrusted and parsed here. */

/** The attachment that a map belongs to. */
export const MapOwner = v.object({ program: v.string(), iface: v.string(), netns: v.optional(v.string()) });
export type MapOwner = v.InferOutput<typeof MapOwner>;

const MapSummary = v.object({
  id: u32,
  name: v.string(),
  type: v.string(),
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  /** Nobody writes to it from user space. */
  frozen: v.boolean(),
  /** What it belongs to: `xdp_counter on veth0 (native)`. */
  group: v.string(),
  /** How it is looked at: entries, a stream of events, or not at all. */
  shows: v.picklist(['entries', 'events']),
  /** Opened by hand: it can be closed again. */
  borrowed: v.boolean(),
  owner: v.optional(MapOwner),
  /** Somebody else's map that no program uses: its counters stand still. */
  unused: v.optional(
    v.object({
      /** It is there only because this window holds it. */
      held: v.boolean(),
      /** The id of a later map of that name, which a program uses. */
      newer: v.optional(u32),
    }),
  ),
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

/** What belongs to one `request` of the view. */
const answer = { mapId: u32, request: u32 };
/** Milliseconds of the helper's monotonic clock: rates come from it, not from arrival. */
const atMs = v.number();

/** The map was read whole and ordered: so many entries it holds, so many rows the filter lets through. */
const ArrangedMessage = v.object({
  kind: v.literal('arranged'),
  ...answer,
  total: u32,
  rows: u32,
  atMs,
  /** Time since the arrangement before, which sorting by a rate is about. */
  periodMs: v.optional(v.number()),
  /** The helper's work for it: whoever repeats it leaves a multiple of this between. */
  workMs: v.number(),
});

/** Rows from a place in the last arrangement on, with their values as they are now. */
const RowsMessage = v.object({
  kind: v.literal('rows'),
  ...answer,
  from: u32,
  count: u32,
  keys: bytes,
  values: bytes,
  /** Places in this answer whose entry is not in the map any more. */
  gone: v.array(u32),
  atMs,
  /** What the numbers in the values stand for, where they stand for something. */
  names: v.optional(
    v.array(v.object({ kind: v.picklist(['program', 'map', 'interface']), id: u32, name: v.string() })),
  ),
});

/** Values of the keys that were asked for, in their order, and so `gone`. */
const ValuesMessage = v.object({ kind: v.literal('values'), ...answer, values: bytes, gone: v.array(u32), atMs });

const RefusedMessage = v.object({
  kind: v.literal('refused'),
  ...answer,
  code: v.string(),
  message: v.string(),
  fix: v.optional(v.string()),
  /** Where in the filter, in UTF-16 units. */
  offset: v.optional(u32),
  length: v.optional(u32),
});

/** What an edit came to, read back from the kernel. */
const EditedMessage = v.object({
  kind: v.literal('edited'),
  ...answer,
  /** Entries that are as they were meant to be now. */
  done: u32,
  failures: v.array(v.object({ key: bytes, message: v.string(), fix: v.optional(v.string()) })),
  /** After too many failures the rest was not tried. */
  left: u32,
});

/** Edits that can be undone, in this map. */
const HistoryMessage = v.object({ kind: v.literal('history'), mapId: u32, undoable: u32 });

/** A whole map at one time, or as much of it as a snapshot may have. */
const SnapshotMessage = v.object({
  kind: v.literal('snapshot'),
  ...answer,
  count: u32,
  keys: bytes,
  values: bytes,
  truncated: v.boolean(),
  /** Milliseconds since 1970. */
  takenAtMs: v.number(),
});

/** What a program sent, oldest first; `lost`: there was no room for them, `left`: too many to show. */
const EventsMessage = v.object({
  kind: v.literal('events'),
  mapId: u32,
  records: v.array(v.object({ cpu: v.optional(u32), data: bytes })),
  lost: u32,
  left: u32,
  atMs,
});

/** What a notice's button does; `reopenMap` is done by the tab itself, the others are commands. */
const ActionCommand = v.picklist(['restartHelper', 'attach', 'showLog', 'reopenMap']);

const Problem = v.object({
  kind: v.literal('problem'),
  message: v.string(),
  fix: v.optional(v.string()),
  /** A button, and the command it runs. */
  action: v.optional(v.object({ title: v.string(), command: ActionCommand })),
});

/** Host → maps view. The packet panel embeds the same counters and takes these too. */
export const toMapsView = v.variant('kind', [
  v.object({
    kind: v.literal('maps'),
    maps: v.array(MapSummary),
    selected: v.optional(u32),
    /** How many programs are attached: without maps, a view says whether that is because nothing is. Absent = unknown. */
    attached: v.optional(u32),
    /**
     * The view was opened for the map that is proposed: it stays with it, also when another build of the program has made it anew,
     * and with none where none is proposed.
     */
    stay: v.optional(v.boolean()),
    /** That map is gone. */
    over: v.optional(v.object({ name: v.string(), reason: v.string() })),
  }),
  MapSchemaMessage,
  ArrangedMessage,
  RowsMessage,
  ValuesMessage,
  RefusedMessage,
  EditedMessage,
  HistoryMessage,
  SnapshotMessage,
  EventsMessage,
  v.object({ kind: v.literal('gone'), mapId: u32, reason: v.string() }),
  Problem,
  v.object({ kind: v.literal('clearProblem') }),
]);
export type ToMapsView = v.InferOutput<typeof toMapsView>;

/** Maps view → host. */
export const fromMapsView = v.variant('kind', [
  v.object({ kind: v.literal('ready') }),
  v.object({ kind: v.literal('select'), mapId: u32 }),
  /**
   * The view asks for each reading, and for the next one when it has dealt with the last: nothing piles up, and who does not
   * look reads nothing. `by`: an operand of the filter language.
   */
  v.object({
    kind: v.literal('arrange'),
    ...answer,
    filter: v.optional(v.pipe(v.string(), v.maxLength(4096))),
    sort: v.optional(v.object({ by: v.pipe(v.string(), v.maxLength(512)), descending: v.boolean() })),
  }),
  v.object({ kind: v.literal('rows'), ...answer, from: u32, count: v.pipe(u32, v.maxValue(1024)) }),
  /** The first rows in the map's own order, before anything is arranged. Answered by `rows`. */
  v.object({ kind: v.literal('peek'), ...answer, count: v.pipe(u32, v.maxValue(1024)) }),
  /** Rows that are followed out of sight. */
  v.object({ kind: v.literal('lookup'), ...answer, keys: bytes }),
  /** All of these are answered by `edited`. `cpus`: CPU numbers that the value is for; the others keep theirs. */
  v.object({
    kind: v.literal('set'),
    ...answer,
    key: bytes,
    value: bytes,
    /** Which bits of the value are meant: a program counts in the fields beside one that is edited. */
    mask: v.optional(bytes),
    cpus: v.optional(v.array(u32)),
    expect: v.optional(v.picklist(['new', 'existing'])),
  }),
  v.object({ kind: v.literal('delete'), ...answer, key: bytes }),
  /** The host asks whether this is meant, and for the file. */
  v.object({ kind: v.literal('clear'), ...answer }),
  v.object({ kind: v.literal('import'), ...answer }),
  v.object({ kind: v.literal('undo'), ...answer }),
  v.object({ kind: v.literal('export'), mapId: u32 }),
  v.object({ kind: v.literal('snapshot'), ...answer }),
  /** Starts and ends a stream; refused with `map-foreign` unless `force`. */
  v.object({ kind: v.literal('follow'), ...answer, force: v.boolean() }),
  v.object({ kind: v.literal('unfollow'), mapId: u32 }),
  /** Text that the view made: into a file that the user names, or onto the clipboard. */
  v.object({ kind: v.literal('save'), name: v.string(), text: v.pipe(v.string(), v.maxLength(1 << 28)) }),
  v.object({ kind: v.literal('copy'), text: v.pipe(v.string(), v.maxLength(1 << 24)) }),
  /** A map of this view, or one that it names by id, in an editor tab of its own. */
  v.object({ kind: v.literal('openInEditor'), mapId: u32, name: v.optional(v.string()) }),
  /** Goes on with what is in the place of a map that no program uses any more. */
  v.object({ kind: v.literal('openNewer'), mapId: u32 }),
  /** Asks for any map of the system. */
  v.object({ kind: v.literal('openOther') }),
  v.object({ kind: v.literal('closeMap'), mapId: u32 }),
  v.object({ kind: v.literal('action'), command: ActionCommand }),
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

/** A capture that was opened on this side's request; what is in it is read where it is shown. */
export const captureMessage = v.object({ kind: v.literal('capture'), name: v.string(), bytes });

/** What the packet builder asks of the host, wherever it stands. */
export const captureRequests = [
  v.object({ kind: v.literal('openCapture') }),
  /** `bytes`: of a pcapng. */
  v.object({ kind: v.literal('saveCapture'), bytes }),
] as const;

const runContext = v.object({
  ingressIfindex: v.optional(u32),
  rxQueueIndex: v.optional(u32),
  metadata: v.optional(bytes),
  cpu: v.optional(u32),
  /** How many bytes of the packet are in its linear part, the rest in fragments. */
  linearBytes: v.optional(u32),
});

/** What is in the maps before: JSON, as a packet test has it under `maps`. */
const runMaps = v.optional(v.pipe(v.string(), v.maxLength(1 << 20)));

/** What the packet panel asks for. `program`: a place in the list of programs; `run`: a number that comes back with the answer. */
const runRequests = [
  v.object({
    kind: v.literal('run'),
    run: v.number(),
    program: v.number(),
    packet: bytes,
    /** As a Scapy expression, for a test that is made of it. */
    expression: v.optional(v.string()),
    repeat: v.pipe(u32, v.minValue(1), v.maxValue(10_000_000)),
    context: runContext,
    maps: runMaps,
    /** Runs on the program that is attached, on its own maps, in place of a fresh one. */
    attachedProgId: v.optional(u32),
  }),
  v.object({
    kind: v.literal('live'),
    run: v.number(),
    program: v.number(),
    packet: bytes,
    frames: v.pipe(u32, v.minValue(1), v.maxValue(100_000_000)),
    batch: v.optional(v.pipe(u32, v.minValue(1), v.maxValue(256))),
    context: runContext,
    maps: runMaps,
  }),
  /** Every packet in turn; of a capture file that the user chooses where none are given. */
  v.object({
    kind: v.literal('runAll'),
    run: v.number(),
    program: v.number(),
    packets: v.optional(v.pipe(v.array(bytes), v.maxLength(100_000))),
    context: runContext,
    maps: runMaps,
  }),
  /** Keeps a run as a packet test beside the program's source. */
  v.object({ kind: v.literal('record'), run: v.number() }),
  /** Opens the test file that a run was kept in. */
  v.object({ kind: v.literal('openRecorded'), run: v.number() }),
  /** Shows in the editor which way a run took through its source. */
  v.object({ kind: v.literal('story'), run: v.number() }),
] as const;

const runAnswers = [
  v.object({ kind: v.literal('running'), run: v.number() }),
  v.object({
    kind: v.literal('result'),
    run: v.number(),
    action: v.string(),
    retval: u32,
    durationNs: v.optional(v.number()),
    /** Absent: the kernel. */
    engine: v.optional(v.literal('vm')),
    repeat: u32,
    spread: v.optional(v.object({ medianNs: v.number(), minNs: v.number(), maxNs: v.number(), batches: u32 })),
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
    events: v.array(
      v.object({
        map: v.string(),
        records: v.array(v.object({ cpu: v.optional(u32), data: bytes })),
        lost: u32,
        problem: v.optional(v.string()),
      }),
    ),
    /** Where XDP_REDIRECT goes, in words. */
    redirect: v.optional(v.string()),
    /** The interface of the attached program that it ran on, whose counters moved. */
    attachedTo: v.optional(v.string()),
  }),
  v.object({
    kind: v.literal('liveResult'),
    run: v.number(),
    frames: u32,
    batch: u32,
    iface: v.string(),
    durationNs: v.number(),
    packetsPerSecond: v.number(),
    elapsedMs: v.number(),
    maps: v.array(MapChange),
  }),
  v.object({
    kind: v.literal('sequence'),
    run: v.number(),
    /** Of the capture file; absent for packets that were sent. */
    name: v.optional(v.string()),
    rows: v.array(
      v.object({
        packetIn: bytes,
        /** Absent when it was not run; `problem` says why. */
        action: v.optional(v.string()),
        packetOut: v.optional(bytes),
        problem: v.optional(v.string()),
      }),
    ),
    maps: v.array(MapChange),
  }),
  /** The user thought better of it. */
  v.object({ kind: v.literal('cancelled'), run: v.number() }),
  /** A run was kept: in which file (its name without folder), and as which test. */
  v.object({ kind: v.literal('recorded'), run: v.number(), file: v.string(), test: v.string() }),
  /** The way of a run is in the editor; or why it is not. */
  v.object({ kind: v.literal('storyShown'), run: v.number(), problem: v.optional(v.string()) }),
  v.object({
    kind: v.literal('failed'),
    run: v.number(),
    message: v.string(),
    fix: v.optional(v.string()),
    log: v.optional(v.string()),
  }),
] as const;

/** Host → packet panel. */
export const toPacketPanel = v.variant('kind', [
  v.object({
    kind: v.literal('programs'),
    programs: v.array(ProgramChoice),
    selected: v.optional(v.number()),
    interfaces: v.array(v.object({ name: v.string(), ifindex: u32 })),
    /** Programs of this window that are attached and can be run where they are. `progId` names one. */
    attached: v.array(v.object({ progId: u32, program: v.string(), iface: v.string() })),
    /** What there is none of here: without a kernel packets run in the built-in machine. */
    lacks: v.optional(v.array(v.picklist(['kernel', 'debugger', 'story']))),
  }),
  /** Takes the place of the packet in the form. `attachedProgId`: and it is to run there. */
  v.object({ kind: v.literal('proposal'), expression: v.string(), attachedProgId: v.optional(u32) }),
  captureMessage,
  ...runAnswers,
  // The live counters of the attached program, in the same panel beside the result.
  ...toMapsView.options,
]);
export type ToPacketPanel = v.InferOutput<typeof toPacketPanel>;

/** Packet panel → host. */
export const fromPacketPanel = v.variant('kind', [
  ...runRequests,
  v.object({ kind: v.literal('debug'), program: v.number(), packet: bytes, context: runContext }),
  ...captureRequests,
  ...fromMapsView.options,
]);
export type FromPacketPanel = v.InferOutput<typeof fromPacketPanel>;
