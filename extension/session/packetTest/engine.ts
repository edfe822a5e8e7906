import type { Snapshots } from '../../core/packetTest/matchMaps.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { RunContext } from '../run/run.ts';

/** What runs packet tests: the kernel, or the built-in machine. */
export interface TestEngine {
  /** Loads an object to run one of its programs. The caller closes the instance. */
  open(object: BpfObject, program: string): Promise<TestInstance>;
  /** Error: `interface-not-found`. */
  interfaceIndex(name: string): Promise<number>;
}

export interface TestInstance {
  /** Of the maps by name. */
  readonly schemas: ReadonlyMap<string, MapSchema>;
  /** The entries that a map has when it is fresh; undefined for a key that is not there. */
  initialValue(map: string, key: Uint8Array): Uint8Array | undefined;
  /** Runs the packets of one test in turn, on fresh maps with `setup` in them. */
  runTest(request: TestRequest): Promise<StepOutcome[]>;
  close(): Promise<void>;
}

export interface TestRequest {
  setup: readonly { map: string; key: Uint8Array; value: Uint8Array }[];
  steps: readonly StepRequest[];
  capturePrintk: boolean;
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
  printk: readonly string[] | { problem: string };
  maps: Snapshots;
}
