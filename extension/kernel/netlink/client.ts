import { errno } from '../libbpf/errno.ts';
import {
  encodeNetlinkMessage,
  type NetlinkAck,
  type NetlinkMessage,
  NLMSG_DONE,
  NLMSG_ERROR,
  netlinkFlags,
  parseAck,
  parseNetlinkMessages,
} from './codec.ts';
import type { Channels } from '../../core/preflight/facts.ts';
import {
  type EthtoolFeatures,
  ethtoolCommand,
  ethtoolDumpRequest,
  parseChannels,
  parseFeatures,
} from './ethtoolFamily.ts';
import { familyRequest, genericNetlink, parseFamilyId } from './genericFamily.ts';
import { deviceDumpRequest, parseDevice } from './netdevFamily.ts';
import {
  type AddressRecord,
  addressDumpRequest,
  type LinkRecord,
  linkRequest,
  netnsIdRequest,
  parseAddress,
  parseLink,
  parseNetnsId,
  rtnetlink,
  tcFilterDumpRequest,
  tcParents,
  xdpAttachRequest,
} from './rtnetlink.ts';
import { parseRoute, routeDumpRequest, type RouteRecord } from './routes.ts';

/** The socket calls that netlink needs. Numbers are -errno on failure. */
export interface NetlinkSockets {
  /** Returns an fd that the caller closes. */
  open(protocol: number, groups: number): number;
  send(fd: number, message: Uint8Array): number;
  /** The datagram's true length; -EAGAIN when there is none and `wait` is false. */
  receive(fd: number, buffer: Uint8Array, wait: boolean): number;
  watch(fd: number, listener: () => void): { stop(): void };
  close(fd: number): void;
}

/** What the handlers ask of the network stack. */
export interface Netlink {
  /** -errno when the dump fails. */
  links(): LinkRecord[] | number;
  /** -ENODEV when there is none of that index. `netnsId`: in a namespace that this one knows by a number. */
  link(ifindex: number, netnsId?: number): LinkRecord | number;
  addresses(): AddressRecord[];
  /** Of the main table, of both families. */
  routes(): RouteRecord[];
  /** The number by which this namespace knows another one, given by an open file of it; undefined when it has none. */
  netnsId(fd: number): number | undefined;
  /** xdp-features by ifindex; undefined where the kernel has no such family (before 6.3). */
  xdpFeatures(): Map<number, string[]> | undefined;
  /** By ifindex; undefined where the kernel has no ethtool family. Devices without such facts are left out. */
  ethtool(): EthtoolFacts | undefined;
  /** RTM_SETLINK/IFLA_XDP with the kernel's own words on failure. `programFd` -1 detaches. */
  xdpAttach(request: { ifindex: number; programFd: number; flags: number; expectedFd?: number }): NetlinkAck;
  /** Is there any tc filter at the ingress or egress of the clsact qdisc? */
  hasTcFilters(ifindex: number): boolean;
  /** Calls `listener` after links or addresses changed, until `stop`. undefined when it cannot be had. */
  watch(listener: () => void): { stop(): void } | undefined;
}

export interface EthtoolFacts {
  offloads: Map<number, EthtoolFeatures['offloads']>;
  channels: Map<number, Channels>;
}

const receiveBytes = 64 * 1024;

export function createNetlink(sockets: NetlinkSockets): Netlink {
  const buffer = new Uint8Array(receiveBytes);
  let sequence = 0;

  function request(protocol: number, type: number, flags: number, payload: Uint8Array): Reply {
    const fd = sockets.open(protocol, 0);
    if (fd < 0) return { ack: { result: fd, message: undefined }, messages: [] };
    try {
      sequence++;
      const message = { type, flags: netlinkFlags.request | netlinkFlags.ack | flags, sequence, payload };
      const sent = sockets.send(fd, encodeNetlinkMessage(message));
      if (sent < 0) return { ack: { result: sent, message: undefined }, messages: [] };
      return receiveReply(sockets, fd, buffer, sequence);
    } finally {
      sockets.close(fd);
    }
  }

  function links(): LinkRecord[] | number {
    const reply = request(rtnetlink.protocol, rtnetlink.getLink, netlinkFlags.dump, linkRequest(0));
    if (reply.ack.result < 0) return reply.ack.result;
    return reply.messages.flatMap(({ type, payload }) =>
      type === rtnetlink.newLink ? (parseLink(payload) ?? []) : [],
    );
  }

  function link(ifindex: number, netnsId?: number): LinkRecord | number {
    const reply = request(rtnetlink.protocol, rtnetlink.getLink, 0, linkRequest(ifindex, netnsId));
    if (reply.ack.result < 0) return reply.ack.result;
    const payload = reply.messages[0]?.payload;
    return (payload === undefined ? undefined : parseLink(payload)) ?? -errno.ENODEV;
  }

  function netnsId(fd: number): number | undefined {
    const [reply] = request(rtnetlink.protocol, rtnetlink.getNetnsId, 0, netnsIdRequest(fd)).messages;
    return reply === undefined ? undefined : parseNetnsId(reply.payload);
  }

  function addresses(): AddressRecord[] {
    const reply = request(rtnetlink.protocol, rtnetlink.getAddress, netlinkFlags.dump, addressDumpRequest());
    return reply.messages.flatMap(({ type, payload }) =>
      type === rtnetlink.newAddress ? (parseAddress(payload) ?? []) : [],
    );
  }

  function routes(): RouteRecord[] {
    return ([2, 10] as const).flatMap((family) => {
      const reply = request(rtnetlink.protocol, rtnetlink.getRoute, netlinkFlags.dump, routeDumpRequest(family));
      return reply.messages.flatMap(({ type, payload }) =>
        type === rtnetlink.newRoute ? (parseRoute(payload) ?? []) : [],
      );
    });
  }

  /** The number of a generic netlink family; undefined when the kernel has none of that name. */
  function familyOf(name: string): number | undefined {
    const { protocol, controlFamily } = genericNetlink;
    const [family] = request(protocol, controlFamily, 0, familyRequest(name)).messages;
    return family === undefined ? undefined : parseFamilyId(family.payload);
  }

  function genericDump(family: number, payload: Uint8Array): Uint8Array[] | undefined {
    const reply = request(genericNetlink.protocol, family, netlinkFlags.dump, payload);
    return reply.ack.result < 0 ? undefined : reply.messages.map((message) => message.payload);
  }

  function xdpFeatures(): Map<number, string[]> | undefined {
    const family = familyOf('netdev');
    const devices = family === undefined ? undefined : genericDump(family, deviceDumpRequest());
    return (
      devices &&
      new Map(devices.flatMap((payload) => parseDevice(payload) ?? []).map((one) => [one.ifindex, one.xdpFeatures]))
    );
  }

  function ethtool(): EthtoolFacts | undefined {
    const family = familyOf('ethtool');
    if (family === undefined) return undefined;
    const features = genericDump(family, ethtoolDumpRequest(ethtoolCommand.featuresGet)) ?? [];
    const channels = genericDump(family, ethtoolDumpRequest(ethtoolCommand.channelsGet)) ?? [];
    return {
      offloads: new Map(
        features.flatMap((payload) => parseFeatures(payload) ?? []).map((one) => [one.ifindex, one.offloads]),
      ),
      channels: new Map(
        channels.flatMap((payload) => parseChannels(payload) ?? []).map((one) => [one.ifindex, one.channels]),
      ),
    };
  }

  return {
    links,
    link,
    addresses,
    routes,
    netnsId,
    xdpFeatures,
    ethtool,
    xdpAttach: (attach) => request(rtnetlink.protocol, rtnetlink.setLink, 0, xdpAttachRequest(attach)).ack,
    hasTcFilters: (ifindex) =>
      [tcParents.ingress, tcParents.egress].some((parent) => {
        const dump = request(
          rtnetlink.protocol,
          rtnetlink.getFilter,
          netlinkFlags.dump,
          tcFilterDumpRequest(ifindex, parent),
        );
        return dump.messages.length > 0;
      }),
    watch: (listener) => watchLinks(sockets, listener),
  };
}

interface Reply {
  ack: NetlinkAck;
  messages: NetlinkMessage[];
}

function receiveReply(sockets: NetlinkSockets, fd: number, buffer: Uint8Array, sequence: number): Reply {
  const messages: NetlinkMessage[] = [];
  for (;;) {
    const length = sockets.receive(fd, buffer, true);
    if (length === -errno.EINTR) continue;
    if (length < 0) return { ack: { result: length, message: undefined }, messages };
    // The buffer is used again for the next datagram, so what is kept is copied.
    const datagram = buffer.slice(0, Math.min(length, buffer.length));
    for (const message of parseNetlinkMessages(datagram)) {
      if (message.sequence !== sequence) continue;
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) return { ack: parseAck(message), messages };
      messages.push(message);
    }
  }
}

function watchLinks(sockets: NetlinkSockets, listener: () => void): { stop(): void } | undefined {
  const { link, ipv4Address, ipv6Address } = rtnetlink.groups;
  const fd = sockets.open(rtnetlink.protocol, link | ipv4Address | ipv6Address);
  if (fd < 0) return undefined;
  const buffer = new Uint8Array(receiveBytes);
  // What a notification says is not used: some may be lost (-ENOBUFS), so the listener looks at everything anyway.
  const drain = (): void => {
    for (;;) {
      const length = sockets.receive(fd, buffer, false);
      if (length < 0 && length !== -errno.ENOBUFS && length !== -errno.EINTR) break;
    }
    listener();
  };
  const watch = sockets.watch(fd, drain);
  return {
    stop: () => {
      watch.stop();
      sockets.close(fd);
    },
  };
}
