import type { XdpMode, XdpModeRequest } from '../xdp.ts';
import type { InterfaceFacts } from './facts.ts';
import type { ProgramFacts } from './programFacts.ts';

export const adviceCodes = [
  'down',
  'occupied',
  'mtu',
  'lro',
  'gro-hw',
  'queues',
  'peer',
  'redirect-target',
  'generic',
  'vlan',
  'bridge-port',
  'stacked',
] as const;
export type AdviceCode = (typeof adviceCodes)[number];

/** Something to know before attaching: why it may not work or work otherwise than thought, and what to do. */
export interface Advice {
  code: AdviceCode;
  /** `note`: nothing is wrong, but results may surprise. */
  level: 'warning' | 'note';
  cause: string;
  fix: string;
}

export interface Situation {
  iface: InterfaceFacts;
  /** Absent: any program may come. */
  program?: ProgramFacts | undefined;
  mode?: XdpModeRequest;
  /** Other interfaces that a redirect may lead to. */
  others?: readonly InterfaceFacts[];
  /** What `xdp attach` can be told to attach to a veth's peer: the path of a program that passes everything. */
  passProgram?: string | undefined;
  /** `--netns NS` of the interface, for commands. */
  netns?: string | undefined;
  /** CPUs of this machine; drivers give each a transmit queue. */
  cpus?: number | undefined;
}

/** The mode that an attach would try first. */
export function expectedMode({ iface, mode = 'auto' }: Situation): XdpMode {
  if (mode !== 'auto') return mode;
  return iface.modes.native.ok ? 'native' : 'generic';
}

/** `--netns` of a veth's other end; `NS` where its namespace has no name that is known. */
export function netnsOfPeer({ iface, netns }: Situation): string | undefined {
  if (iface.peer?.here === true) return netns;
  return iface.peer?.netns ?? 'NS';
}

/** `ip netns exec NS ` before a command that is for another namespace. */
export function inNetns(netns: string | undefined, command: string): string {
  if (netns === undefined) return command;
  return /^\d+$|^\/proc\//.test(netns)
    ? `nsenter --net=${netns.startsWith('/') ? netns : `/proc/${netns}/ns/net`} ${command}`
    : `ip netns exec ${netns} ${command}`;
}
