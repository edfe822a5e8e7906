import type { XdpError } from '../../core/errors.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { Value } from '../../core/maps/value.ts';
import type { MapSpec } from '../../core/object/spec.ts';
import type { EventSnapshots } from '../../core/packetTest/matchEvents.ts';
import type { Snapshots } from '../../core/packetTest/matchMaps.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { RunContext } from '../run/input.ts';

/** What runs packet tests: the kernel, or the built-in machine. */
export interface TestEngine {
  /** Loads an object to run one of its programs; `others`: programs that tests put into prog arrays. The caller closes it. */
  open(object: BpfObject, program: string, others: readonly string[]): Promise<TestInstance>;
  /** Error: `interface-not-found`. */
  interfaceIndex(name: string): Promise<number>;
}

export interface TestInstance {
  /** Of the maps by name. */
  readonly schemas: ReadonlyMap<string, MapSchema>;
  /** The entries that a map has when it is fresh; undefined for a key that is not there. */
  initialValue(map: string, key: Uint8Array): Uint8Array | undefined;
  /** Runs the packets of each test in turn, every test on fresh maps with its `setup` in them. */
  runTests(requests: readonly TestRequest[]): Promise<TestOutcome[]>;
  /**
   * How long the last packet takes, in nanoseconds: the means of some batches of repeated runs, after the packets before it
   * ran once, on maps of their own. Absent: the engine's time says nothing about the kernel's.
   */
  measure?(request: TestRequest, runs: { repeat: number; batches: number }): Promise<number[]>;
  close(): Promise<void>;
}

/**
 * What a test puts into a map: bytes; or for a prog array a program of the object; for a map of maps a map of the object, or a
 * new map like those that the source describes, with these entries.
 */
export type SetupValue =
  | Uint8Array
  | { kind: 'program'; program: string }
  | { kind: 'map'; map: string }
  | { kind: 'newMap'; template: MapSpec; entries: readonly { key: Uint8Array; value: Uint8Array }[] };

export interface TestRequest {
  /** The test's name, for those who watch. */
  test?: string;
  setup: readonly { map: string; key: Uint8Array; value: SetupValue }[];
  steps: readonly StepRequest[];
  capturePrintk: boolean;
}

export interface TestOutcome {
  /** As far as it came. */
  steps: StepOutcome[];
  /** Why it came no further. */
  problem: XdpError | undefined;
  durationMs: number;
  /** What two engines do not agree on. */
  differences?: EngineDifference[];
}

/** One thing that kernel and machine do not agree on. JSON values. */
export interface EngineDifference {
  /** `action`, `packetOut`, `metadataOut`, `ctxOut.data`, `maps.NAME[KEY]`. */
  what: string;
  kernel: Value;
  vm: Value;
}

export interface StepRequest {
  packet: Uint8Array;
  context: RunContext;
  /** Names of the maps that the outcome must hold. */
  readMaps: readonly string[];
}

export interface StepOutcome {
  retval: number;
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  /** Absent: nobody listened. */
  printk: readonly string[] | { problem: string } | undefined;
  maps: Snapshots;
  /** What was written into each ring buffer and perf event array, by the map's name. */
  events: EventSnapshots;
}
