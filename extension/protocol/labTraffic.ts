import * as v from 'valibot';

/** What crosses between the lab and its traffic source, which is a process of its own. */

/** What the lab can send. Kinds without a 6 are IPv4 where that makes a difference. */
export const trafficKinds = ['udp', 'udp6', 'tcp', 'tcp6', 'icmp', 'icmp6', 'sctp', 'sctp6', 'arp', 'vlan'] as const;
export const TrafficKind = v.picklist(trafficKinds);
export type TrafficKind = v.InferOutput<typeof TrafficKind>;

const Share = v.object({ kind: TrafficKind, weight: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)) });
/** Of each round of packets so many are of this kind. */
export const TrafficMix = v.pipe(v.array(Share), v.minLength(1), v.maxLength(trafficKinds.length));
export type TrafficMix = v.InferOutput<typeof TrafficMix>;

export const trafficLimits = { defaultPacketsPerSecond: 200, maxPacketsPerSecond: 10_000, maxSeconds: 12 * 3600 };

/** The one argument of the traffic source, as JSON. */
export const TrafficPlan = v.object({
  /** The interface it sends from: traffic ends when that is gone. */
  interface: v.string(),
  /** Link-layer addresses of the sender and of the interface that its packets go to. */
  mac: v.object({ from: v.string(), to: v.string() }),
  ipv4: v.object({ from: v.string(), to: v.string() }),
  ipv6: v.object({ from: v.string(), to: v.string() }),
  mix: TrafficMix,
  packetsPerSecond: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(trafficLimits.maxPacketsPerSecond)),
  /** After which it ends by itself, whatever happens. */
  maxSeconds: v.number(),
  /** Traffic also ends when this process does: a pid with its start time (proc(5), field 22). */
  owner: v.optional(v.object({ pid: v.number(), startTime: v.string() })),
});
export type TrafficPlan = v.InferOutput<typeof TrafficPlan>;

/** What it answers on its standard output, as one line of JSON, once it is sending. */
export interface TrafficReady {
  readonly pid: number;
}
