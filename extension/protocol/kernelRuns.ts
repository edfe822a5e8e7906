import * as v from 'valibot';
import { MapInfo } from './kernelMaps.ts';
import { bytes, type Contract, ErrorData, method, u32 } from './rpc.ts';

/** Running programs on packets of the user's: the part of the helper's contract that BPF_PROG_TEST_RUN is behind. */

/** How often: an int in the kernel. */
const times = v.pipe(u32, v.maxValue(0x7fffffff));

/** What a program wrote into a ring buffer or a perf event array, in the order in which a reader gets it. */
export const EventRecords = v.object({
  /** The map's id. */
  map: u32,
  /** `cpu`: perf events only. A perf event is padded by the kernel: its `u32 size` and the bytes fill multiples of 8. */
  records: v.array(v.object({ cpu: v.optional(u32), data: bytes })),
  /** Perf events that found no room. */
  lost: u32,
  /** Why it could not be read. */
  problem: v.optional(v.string()),
});
export type EventRecords = v.InferOutput<typeof EventRecords>;

export const TestRunReply = v.object({
  retval: u32,
  /** Mean over the repeats as the kernel measured it. */
  durationNs: u32,
  /** Starts at data_meta when the program left metadata. */
  dataOut: bytes,
  /** `struct xdp_md` after the run, 24 bytes. */
  ctxOut: bytes,
  /** Lines that bpf_printk wrote during the run; absent when they could not be read. */
  printk: v.optional(v.array(v.string())),
  printkProblem: v.optional(v.string()),
  /** Of the maps that were asked for. */
  events: v.optional(v.array(EventRecords)),
});
export type TestRunReply = v.InferOutput<typeof TestRunReply>;

/** Without `value` the key is deleted. Maps by id; programs and maps in values too, as the kernel gives them. */
export const TestWrite = v.object({ map: u32, key: bytes, value: v.optional(bytes) });
export type TestWrite = v.InferOutput<typeof TestWrite>;

/** A packet of a sequence, and the maps to read after it. */
export const TestStep = v.object({ data: bytes, ctx: v.optional(bytes), cpu: v.optional(u32), reads: v.array(u32) });
/** `more`: the map holds more entries than the limit. `problem`: why it cannot be read. */
export const StepMap = v.object({
  map: u32,
  count: u32,
  keys: bytes,
  values: bytes,
  more: v.boolean(),
  problem: v.optional(v.string()),
});
export const TestStepReply = v.object({ ...TestRunReply.entries, maps: v.array(StepMap) });
export type TestStepReply = v.InferOutput<typeof TestStepReply>;

export const runContract = {
  'program/testRun': method(
    v.object({
      object: v.number(),
      program: v.string(),
      data: bytes,
      /** `struct xdp_md`, 24 bytes; absent = none given to the kernel. */
      ctx: v.optional(bytes),
      repeat: times,
      cpu: v.optional(u32),
      capturePrintk: v.boolean(),
      /** Ids of ring buffers and perf event arrays whose records are wanted; one single run only. */
      events: v.optional(v.array(u32)),
    }),
    TestRunReply,
  ),
  /** Remembers what these maps of an object, and no others, hold now, for program/runTests to set them back. */
  'object/remember': method(
    v.object({ object: v.number(), maps: v.array(u32), limit: u32 }),
    v.object({ maps: v.array(StepMap) }),
  ),
  /**
   * Packet tests in turn, many in one message: writes, then packets, each run once, with the maps after it. After each test the
   * remembered maps hold again what was remembered, and what was written into `undo` is deleted. The first thing in a
   * test that fails ends that test.
   */
  'program/runTests': method(
    v.object({
      object: v.number(),
      program: v.string(),
      tests: v.array(v.object({ writes: v.array(TestWrite), steps: v.array(TestStep), capturePrintk: v.boolean() })),
      /** Maps that are listened to. */
      events: v.array(u32),
      undo: v.array(u32),
      /** Entries that are read of one map at most. */
      readLimit: u32,
    }),
    v.object({
      tests: v.array(v.object({ steps: v.array(TestStepReply), error: v.optional(ErrorData), durationMs: v.number() })),
      /** Why the maps could not be set back after a test: no later one ran. */
      unrestored: v.optional(ErrorData),
    }),
  ),
  /**
   * Live frames (BPF_F_TEST_XDP_LIVE_FRAMES, kernel ≥ 5.18): `frames` copies of the packet go where the program sends them, as
   * if they had come in by the context's interface. The kernel tells neither verdicts nor packets. Answers when all are sent.
   */
  'program/runLive': method(
    v.object({
      object: v.number(),
      program: v.string(),
      data: bytes,
      ctx: bytes,
      frames: v.pipe(times, v.minValue(1)),
      /** Frames that are allocated and flushed together, at most 256; the kernel's default is 64. */
      batch: v.optional(v.pipe(u32, v.minValue(1), v.maxValue(256))),
    }),
    /** `durationNs`: the kernel's mean for one frame; `elapsedNs`: from call to return. */
    v.object({ durationNs: u32, elapsedNs: v.bigint() }),
  ),
  /** A map that belongs to a loaded object, to be put into one of its maps of maps. */
  'object/addMap': method(
    v.object({
      object: v.number(),
      name: v.string(),
      /** libbpf's short name. */
      type: v.string(),
      keySize: u32,
      valueSize: u32,
      maxEntries: u32,
      flags: u32,
    }),
    MapInfo,
  ),
} satisfies Contract;
