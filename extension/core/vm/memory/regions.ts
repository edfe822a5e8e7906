/** What a stretch of memory is, for checks and for messages. */
export interface Region {
  kind: 'context' | 'packet' | 'stack' | 'map value' | 'map key' | 'data' | 'ring buffer record' | 'memory';
  /** The map, section or function; empty where the kind says it all. */
  name: string;
}

/** Rights of a region, as bits. */
export const right = { none: 0, read: 1, write: 2, both: 3 } as const;

/**
 * A pointer is 64 bits: the high half is the number of the region that it came from, the low half an address in the flat
 * memory. So a pointer that runs out of its region is caught even where it lands in another live one, arithmetic and
 * spills need no bookkeeping, and a program that keeps only the low half (`(u32)ctx->data`, code without optimisation)
 * still works: high half 0 is looked up by address.
 */
export const tag = {
  /** No region: numbers, and addresses that lost their high half. */
  none: 0,
  /** The XDP context; reads are answered field by field. */
  context: 1,
  /** The frame; its region moves with data_meta and data_end. */
  packet: 2,
  /** The low half is a slot of the running program. */
  code: 0x4000_0000,
  /** The low half is the number of a map. */
  map: 0x4000_0001,
} as const;

/** What an engine throws when a program does what it must not. */
export class Fault extends Error {
  readonly reason: FaultReason;
  readonly region: Region | undefined;

  constructor(reason: FaultReason, message: string, region?: Region) {
    super(message);
    this.reason = reason;
    this.region = region;
  }
}

export type FaultReason =
  | 'memory' // an access outside its region, or without the right to it
  | 'null' // an access through a null pointer
  | 'helper' // a helper or kernel function that this machine does not have
  | 'argument' // a helper was given what the kernel's verifier would refuse
  | 'fuel' // the program did not end
  | 'depth' // too many calls inside each other
  | 'limit' // the machine's memory is used up
  | 'instruction'; // an instruction that must not be reached
