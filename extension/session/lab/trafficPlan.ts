import type { ProcessIdentity } from './processIdentity.ts';

/** What the traffic process is told, as one JSON argument. */
export interface TrafficPlan {
  /** The interface it sends from: traffic ends when that is gone. */
  readonly interface: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly packetsPerSecond: number;
  /** After which it ends by itself, whatever happens. */
  readonly maxSeconds: number;
  /** Traffic also ends when this process does. */
  readonly owner?: ProcessIdentity;
}

/** What it answers on its standard output, as one line of JSON, once it is sending. */
export interface TrafficReady {
  readonly pid: number;
}

export const trafficLimits = { defaultPacketsPerSecond: 200, maxPacketsPerSecond: 10_000, maxSeconds: 12 * 3600 };
