import type { XdpMode } from '../xdp.ts';

/** What the kernel tells of one network interface, as far as attaching an XDP program is concerned. */
export interface InterfaceFacts {
  name: string;
  /** Ethtool's driver name, else the rtnetlink kind, else ''. */
  driver: string;
  /** rtnetlink's kind (`veth`, `bridge`, `tun`, …), '' for hardware. */
  kind: string;
  /** Administratively up. */
  up: boolean;
  loopback: boolean;
  /** False where packets have no Ethernet header, as on a tun device. */
  ethernet: boolean;
  /** Bytes. */
  mtu: number;
  modes: Record<XdpMode, { ok: boolean; reason?: string | undefined }>;
  /** The netdev family's xdp-features by name; undefined before kernel 6.3. */
  xdpFeatures?: readonly string[] | undefined;
  /** Bridge or bond that it is a port of. */
  master?: { name: string; kind: string } | undefined;
  /** What a macvlan, ipvlan or VLAN device stands on. */
  lower?: string | undefined;
  /** undefined where ethtool tells nothing. */
  channels?: Channels | undefined;
  offloads?: Partial<Record<OffloadName, Offload>> | undefined;
  /** The other end of a veth pair. */
  peer?: VethPeer | undefined;
  attached: readonly AttachedFacts[];
}

/** Queues in use and the most that there can be: ethtool -l. */
export interface Channels {
  rx: number;
  tx: number;
  combined: number;
  maxRx: number;
  maxTx: number;
  maxCombined: number;
}

export const offloadNames = ['lro', 'groHw', 'gro', 'rxVlan', 'txVlan'] as const;
export type OffloadName = (typeof offloadNames)[number];

export interface Offload {
  on: boolean;
  /** It cannot be switched. */
  fixed: boolean;
}

export interface VethPeer {
  name: string;
  /** In the same network namespace. */
  here: boolean;
  /** The name of its namespace, when it is another one that has a name. */
  netns?: string | undefined;
  mtu: number;
  /** Its tx-vlan-offload; undefined where that cannot be seen. */
  txVlan?: boolean | undefined;
  /** Whether a native program is attached to it. */
  hasProgram: boolean;
}

export interface AttachedFacts {
  /** '' where it is not known. */
  program: string;
  progId: number;
  mode: XdpMode;
  owner: string;
  /** In words: `another VS Code window (process 12)`. */
  holder?: string | undefined;
}
