import type { Code } from '../isa/code.ts';
import type { VmMap } from '../maps/map.ts';
import type { Frame } from '../memory/frame.ts';
import type { Memory } from '../memory/memory.ts';
import type { Timers } from './timers.ts';

/**
 * What would differ from run to run on a real machine. All of it is given, so that the same inputs give the same run;
 * what is left out has the default that is written here.
 */
export interface Inputs {
  /** CPU that the program runs on: 0. */
  cpu?: number;
  /** Nanoseconds of bpf_ktime_get_ns() at the start: 1,000,000,000. Each call of a clock adds `clockStepNs`. */
  clockNs?: bigint;
  /** 1000. */
  clockStepNs?: bigint;
  /** Seed of bpf_get_prandom_u32(): 1. The secret of SYN cookies is made of it, too. */
  randomSeed?: number;
  /** Routes for bpf_fib_lookup(). Without any the helper stops the run. */
  routes?: readonly Route[];
  /** MTU by ifindex, for bpf_check_mtu(). An interface that is not here does not exist; without any the helper stops. */
  mtus?: Readonly<Record<number, number>>;
  /** Is anybody reading perf events? If not, bpf_perf_event_output() fails with -ENOENT, as on a fresh map. */
  perfReaders?: boolean;
  /** What the metadata kfuncs answer: bpf_xdp_metadata_rx_*. Without an answer they give -EOPNOTSUPP, as most drivers. */
  metadata?: { timestampNs?: bigint; hash?: number; hashType?: number; vlanProtocol?: number; vlanTag?: number };
}

/** A route and the neighbour behind it. */
export interface Route {
  /** 4 or 16 bytes. */
  destination: Uint8Array;
  prefixLength: number;
  ifindex: number;
  /** 6 bytes each. Without a neighbour the lookup ends with BPF_FIB_LKUP_RET_NO_NEIGH. */
  sourceMac?: Uint8Array;
  neighbourMac?: Uint8Array;
  /** Next hop when it is not the destination itself; 4 or 16 bytes. */
  gateway?: Uint8Array;
  mtu?: number;
  /** What the kernel gives a route that was added without one: 0 for IPv4, 1024 for IPv6. */
  metric?: number;
}

/** Where XDP_REDIRECT would send the packet. */
export type RedirectTarget =
  | { kind: 'interface'; ifindex: number }
  | { kind: 'map'; map: string; key: number; broadcast: boolean };

export interface PerfEvent {
  map: string;
  cpu: number;
  /** What the program gave, then the bytes of the packet that it asked for. */
  data: Uint8Array;
}

/** Everything beyond registers that helpers work on. One a machine. */
export interface World {
  readonly memory: Memory;
  /** Those of the object, then those that a user added. */
  readonly maps: VmMap[];
  readonly frame: Frame;
  /** ingress_ifindex, rx_queue_index, egress_ifindex of the running packet. */
  context: { ingressIfindex: number; rxQueueIndex: number; egressIfindex: number };
  inputs: Inputs;
  cpuCount: number;
  clockNs: bigint;
  randomState: number;
  /** Of SYN cookies: what a kernel draws at every boot. */
  readonly cookieSecret: number;
  /** A region of 8 bytes for keys that helpers show to callbacks. */
  readonly keyScratch: number;
  redirect: RedirectTarget | undefined;
  readonly printk: string[];
  readonly perfEvents: PerfEvent[];
  readonly timers: Timers;
  /** Held spin lock: its address. */
  lock: number | undefined;
  /** Code of a program that a prog array refers to, and what it is called. */
  program(reference: number): Code | undefined;
}
