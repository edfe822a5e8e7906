import type { Value } from '../maps/value.ts';
import type { FieldValue } from '../packet/model.ts';
import type { Place } from './problems.ts';

/** A packet test file, checked: everything that can be known without its source and without a kernel. */
export interface TestFile {
  /** As written: relative to the test file. */
  source: Placed<string>;
  /** A function or section name; absent: the source's only XDP program. */
  program: Placed<string> | undefined;
  tests: PacketTest[];
}

/** A value and where the file says it. */
export interface Placed<T> {
  value: T;
  place: Place;
}

/** One test: packets one after the other, on maps that were fresh before the first. */
export interface PacketTest {
  name: string;
  /** Of the name. */
  place: Place;
  /** Of the whole test. */
  whole: Place;
  program: Placed<string> | undefined;
  /** Why the test is not run; absent: it is. */
  skip: string | undefined;
  maps: MapSetup[];
  /** At least one. */
  steps: Step[];
}

export interface Step {
  packet: PacketForm;
  context: Context;
  /** In turn. The last step of a sequence also has what the test as a whole expects. */
  expectations: Expectation[];
}

export type PacketForm =
  | { kind: 'bytes'; bytes: Uint8Array; place: Place }
  /** `file` as written, relative to the test file; `index` counts from 1 as Wireshark does. */
  | { kind: 'pcap'; file: string; index: number; place: Place };

/** `struct xdp_md`, as far as a test can set it, and the CPU to run on. */
export interface Context {
  /** By name or by number. */
  ingressInterface: Placed<string | number> | undefined;
  rxQueueIndex: number | undefined;
  metadata: Uint8Array | undefined;
  cpu: number | undefined;
  /** How many bytes of the packet are in its linear part; the rest is in fragments. */
  linearBytes: number | undefined;
  place: Place | undefined;
}

export interface MapSetup {
  name: string;
  place: Place;
  entries: { key: Value; value: Value; place: Place }[];
}

export interface Expectation {
  /** JSON path of the expectation, for people: `expect`, `packets[1].expect`. */
  path: string;
  action: Placed<{ name: string; retval: number }> | undefined;
  packet: PacketExpectation | undefined;
  metadata: Placed<Uint8Array> | undefined;
  maps: MapExpectation[];
  printk: Placed<PrintkExpectation> | undefined;
  events: EventExpectation[];
  /** An upper bound for one run, looked at in benchmarks only. */
  durationNs: Placed<number> | undefined;
}

export type PacketExpectation =
  | { kind: 'unchanged'; place: Place }
  /** Only the bits that are set in `mask` count; it is as long as the packet. */
  | { kind: 'bytes'; packet: PacketForm; mask: Uint8Array | undefined; place: Place }
  | {
      kind: 'parts';
      fields: FieldExpectation[];
      /** Names of all layers in order. */
      layers: Placed<string[]> | undefined;
      lengthBytes: Placed<number> | undefined;
      checksums: Place | undefined;
      place: Place;
    };

export interface FieldExpectation {
  layer: string;
  /** Which of several layers of that name, from 1. */
  occurrence: number;
  field: string;
  value: FieldValue;
  place: Place;
}

export interface MapExpectation {
  name: string;
  place: Place;
  entries: EntryExpectation[];
  /** How many entries the map holds. */
  count: Placed<number> | undefined;
}

export interface EntryExpectation {
  key: Value;
  place: Place;
  what:
    | { kind: 'value'; value: Value }
    | { kind: 'values'; values: Value[] }
    | { kind: 'sum'; sum: Value }
    | { kind: 'absent' };
}

/** `some`: the text is part of a line. `lines`: there is one line for each text, in this order, that holds it. */
export type PrintkExpectation = { kind: 'some'; text: string } | { kind: 'lines'; texts: string[] };

/** What a ring buffer or a perf event array holds after a packet. */
export interface EventExpectation {
  /** Of the map. */
  name: string;
  place: Place;
  /** Name of the records' C type, `event` or `struct event`; without it records are bytes. */
  type: Placed<string> | undefined;
  /** Every record in order; absent: any. */
  records: RecordExpectation[] | undefined;
  count: Placed<number> | undefined;
}

export type RecordExpectation =
  /** Only the bits that are set in `mask` count; it is as long as the bytes. */
  | { kind: 'bytes'; bytes: Uint8Array; mask: Uint8Array | undefined; place: Place }
  /** Of a struct only the fields that are given count. */
  | { kind: 'value'; value: Value; place: Place };
