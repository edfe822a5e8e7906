import type { SourcePlace } from '../object/spec.ts';
import type { XdpMd } from '../xdp.ts';
import type { PerfEvent, RedirectTarget } from './helpers/world.ts';
import type { FaultReason } from './memory/regions.ts';

export interface XdpRequest {
  program: string;
  packet: Uint8Array;
  /** Bytes of the packet in the linear part, the rest in fragments; absent: what fits into a page. */
  linearBytes?: number;
  /** Between data_meta and data: a multiple of 4 bytes, at most 252. */
  metadata?: Uint8Array;
  /** The program sees 1 (lo) when absent, as under BPF_PROG_TEST_RUN. */
  ingressIfindex?: number;
  rxQueueIndex?: number;
  /** Only programs of a devmap have one. */
  egressIfindex?: number;
  /**
   * What the answer holds: `verdict` leaves packetOut and metadataOut empty, for those who run millions of packets and look at
   * verdict, maps or coverage only. `bytes` when absent.
   */
  output?: 'bytes' | 'verdict';
}

/** What one run did. Maps keep their entries from run to run: read them from the machine. */
export interface XdpRun {
  /** r0, the low 32 bits. After a fault: XDP_ABORTED. */
  retval: number;
  /** From `data` on, fragments included. */
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  /** As BPF_PROG_TEST_RUN gives it: offsets from data_meta; interfaces as they were asked for. */
  ctxOut: XdpMd;
  printk: string[];
  perfEvents: PerfEvent[];
  /** Set when the program returned XDP_REDIRECT after a redirect helper. */
  redirect: RedirectTarget | undefined;
  insnsExecuted: number;
  fault: ProgramFault | undefined;
}

/** Why a program stopped before its end, and where. */
export interface ProgramFault {
  reason: FaultReason;
  /** What happened, without the place. */
  message: string;
  program: string;
  function: string;
  /** Slot in the program. */
  insn: number;
  source: SourcePlace | undefined;
}
