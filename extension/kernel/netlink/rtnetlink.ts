import type { XdpMode } from '../../core/xdp.ts';
import {
  encodeAttributes,
  type NetlinkAttribute,
  nestedAttribute,
  parseAttributes,
  readU32,
  textOf,
  u32Bytes,
  viewOf,
} from './codec.ts';

/** Links and addresses as rtnetlink tells them. Pure. Source: include/uapi/linux/{rtnetlink,if_link,if_addr}.h. */

export const rtnetlink = {
  protocol: 0,
  newLink: 16,
  delLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
  getNetnsId: 90,
  getFilter: 46,
  groups: { link: 1, ipv4Address: 0x10, ipv6Address: 0x100 },
} as const;

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  OPERSTATE: 16,
  LINKINFO: 18,
  EXT_MASK: 29,
  NUM_TX_QUEUES: 31,
  NUM_RX_QUEUES: 32,
  LINK_NETNSID: 37,
  XDP: 43,
  TARGET_NETNSID: 46,
} as const;
const IFLA_INFO_KIND = 1;
const ARPHRD_NONE = 0xfffe; // include/uapi/linux/if_arp.h: no link-layer header
const IFLA_XDP = { FD: 1, FLAGS: 3, DRV_PROG_ID: 5, SKB_PROG_ID: 6, HW_PROG_ID: 7, EXPECTED_FD: 8 } as const;
const IFA = { ADDRESS: 1, LOCAL: 2 } as const;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const ifInfoBytes = 16; // struct ifinfomsg
const ifAddressBytes = 8; // struct ifaddrmsg

export interface LinkRecord {
  ifindex: number;
  name: string;
  mtu: number;
  mac: string;
  up: boolean;
  loopback: boolean;
  state: string;
  /** rtnetlink's kind (`veth`, `bridge`, …), '' for hardware. */
  kind: string;
  rxQueues: number;
  txQueues: number;
  /** False for a device without an Ethernet header (tun). */
  ethernet: boolean;
  /** The other end of a veth, or what a macvlan stands on. */
  linkedIfindex: number | undefined;
  /** The number by which this namespace knows the one where `linkedIfindex` is; undefined: here. */
  linkedNetnsId: number | undefined;
  /** Bridge or bond. */
  masterIfindex: number | undefined;
  xdp: { mode: XdpMode; programId: number }[];
}

export interface AddressRecord {
  ifindex: number;
  /** `10.0.0.1/24` */
  address: string;
}

/** IF_OPER_* of include/uapi/linux/if.h, by value. */
const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const;

/** `netnsId`: of a namespace that this one knows by a number; the kernel wants CAP_NET_ADMIN there. */
export function linkRequest(ifindex: number, netnsId?: number): Uint8Array {
  const header = new Uint8Array(ifInfoBytes);
  viewOf(header).setInt32(4, ifindex, true);
  const RTEXT_FILTER_SKIP_STATS = 8;
  const attributes: NetlinkAttribute[] = [{ type: IFLA.EXT_MASK, value: u32Bytes(RTEXT_FILTER_SKIP_STATS) }];
  if (netnsId !== undefined) attributes.push({ type: IFLA.TARGET_NETNSID, value: u32Bytes(netnsId >>> 0) });
  return concat(header, encodeAttributes(attributes));
}

export function addressDumpRequest(): Uint8Array {
  return new Uint8Array(ifAddressBytes);
}

/** TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of include/uapi/linux/pkt_sched.h. */
export const tcParents = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;

export function tcFilterDumpRequest(ifindex: number, parent: number): Uint8Array {
  const header = new Uint8Array(20); // struct tcmsg
  viewOf(header).setInt32(4, ifindex, true);
  viewOf(header).setUint32(12, parent, true);
  return header;
}

/** RTM_SETLINK with IFLA_XDP: what bpf_xdp_attach() sends. */
export function xdpAttachRequest(request: {
  ifindex: number;
  programFd: number;
  flags: number;
  expectedFd?: number;
}): Uint8Array {
  const header = new Uint8Array(ifInfoBytes);
  viewOf(header).setInt32(4, request.ifindex, true);
  const fields: NetlinkAttribute[] = [
    { type: IFLA_XDP.FD, value: u32Bytes(request.programFd >>> 0) },
    { type: IFLA_XDP.FLAGS, value: u32Bytes(request.flags) },
  ];
  if (request.expectedFd !== undefined) {
    fields.push({ type: IFLA_XDP.EXPECTED_FD, value: u32Bytes(request.expectedFd >>> 0) });
  }
  return concat(header, encodeAttributes([nestedAttribute(IFLA.XDP, fields)]));
}

/** By which number this namespace knows the one behind `fd`: include/uapi/linux/net_namespace.h. */
export function netnsIdRequest(fd: number): Uint8Array {
  const NETNSA_FD = 3;
  const rtgenmsg = new Uint8Array(4);
  return concat(rtgenmsg, encodeAttributes([{ type: NETNSA_FD, value: u32Bytes(fd) }]));
}

/** undefined when it knows that namespace by none. */
export function parseNetnsId(payload: Uint8Array): number | undefined {
  const NETNSA_NSID = 1;
  const id = readU32(parseAttributes(payload.subarray(4)).get(NETNSA_NSID));
  return id === undefined || id > 0x7fffffff ? undefined : id;
}

/** An RTM_NEWLINK or RTM_DELLINK payload. */
export function parseLink(payload: Uint8Array): LinkRecord | undefined {
  if (payload.length < ifInfoBytes) return undefined;
  const header = viewOf(payload);
  const flags = header.getUint32(8, true);
  const attributes = parseAttributes(payload.subarray(ifInfoBytes));
  const kindInfo = attributes.get(IFLA.LINKINFO);
  const kind = kindInfo === undefined ? undefined : parseAttributes(kindInfo).get(IFLA_INFO_KIND);
  const name = attributes.get(IFLA.IFNAME);
  return {
    ifindex: header.getInt32(4, true),
    name: name === undefined ? '' : textOf(name),
    mtu: readU32(attributes.get(IFLA.MTU)) ?? 0,
    mac: [...(attributes.get(IFLA.ADDRESS) ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    state: operStates[attributes.get(IFLA.OPERSTATE)?.[0] ?? 0] ?? 'unknown',
    kind: kind === undefined ? '' : textOf(kind),
    rxQueues: readU32(attributes.get(IFLA.NUM_RX_QUEUES)) ?? 1,
    txQueues: readU32(attributes.get(IFLA.NUM_TX_QUEUES)) ?? 1,
    ethernet: header.getUint16(2, true) !== ARPHRD_NONE,
    linkedIfindex: readU32(attributes.get(IFLA.LINK)),
    linkedNetnsId: readU32(attributes.get(IFLA.LINK_NETNSID)),
    masterIfindex: readU32(attributes.get(IFLA.MASTER)),
    xdp: parseXdp(attributes.get(IFLA.XDP)),
  };
}

function parseXdp(bytes: Uint8Array | undefined): LinkRecord['xdp'] {
  if (bytes === undefined) return [];
  const attributes = parseAttributes(bytes);
  const modes: [XdpMode, number][] = [
    ['native', IFLA_XDP.DRV_PROG_ID],
    ['generic', IFLA_XDP.SKB_PROG_ID],
    ['offload', IFLA_XDP.HW_PROG_ID],
  ];
  return modes.flatMap(([mode, type]) => {
    const programId = readU32(attributes.get(type));
    return programId === undefined || programId === 0 ? [] : [{ mode, programId }];
  });
}

/** An RTM_NEWADDR payload; undefined for families other than IPv4 and IPv6. */
export function parseAddress(payload: Uint8Array): AddressRecord | undefined {
  if (payload.length < ifAddressBytes) return undefined;
  const attributes = parseAttributes(payload.subarray(ifAddressBytes));
  // On a point-to-point link ADDRESS is the peer's; LOCAL is always our own.
  const bytes = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS);
  if (bytes === undefined) return undefined;
  const text = bytes.length === 4 ? bytes.join('.') : bytes.length === 16 ? ipv6Text(bytes) : undefined;
  return text === undefined
    ? undefined
    : { ifindex: viewOf(payload).getUint32(4, true), address: `${text}/${payload[1] ?? 0}` };
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
export function ipv6Text(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = (list: number[]) => list.map((group) => group.toString(16)).join(':');
  if (best.at < 0) return hex(groups);
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
