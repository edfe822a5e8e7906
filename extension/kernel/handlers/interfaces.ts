import { XdpError } from '../../core/errors.ts';
import { modesOf } from '../../core/preflight/modes.ts';
import type { InterfaceInfo, kernelContract } from '../../protocol/kernel.ts';
import type { Handlers } from '../../protocol/rpc.ts';
import type { EthtoolFacts } from '../netlink/client.ts';
import type { LinkRecord } from '../netlink/rtnetlink.ts';
import { ifindexesFrom, stackedKinds } from '../netlink/stacking.ts';
import { lifelinesOf } from '../system/lifelines.ts';
import { attachedPrograms, keptAttachments } from './attachedPrograms.ts';
import type { Context } from './context.ts';
import { inNetns, namespaceError } from './netns.ts';
import { kernelError } from './object/failures.ts';
import { reportLost } from './watch.ts';

type InterfaceHandlers = Pick<Handlers<typeof kernelContract>, 'interfaces/list' | 'interfaces/index'>;

export function interfaceIndex({ system }: Context, name: string): number {
  const ifindex = system.interfaceIndex(name);
  if (ifindex !== undefined) return ifindex;
  throw new XdpError('interface-not-found', `There is no interface ${name} in this network namespace`);
}

export function interfaceHandlers(context: Context): InterfaceHandlers {
  return {
    'interfaces/index': ({ name }) => ({ ifindex: interfaceIndex(context, name) }),
    'interfaces/list': ({ netns, depth = 'short', peers = [] }) => {
      if (netns === undefined) return { interfaces: listInterfaces(context, { where: 'own', depth, peers }) };
      const about = { where: 'other', depth, peers: [] } as const;
      const interfaces = inNetns(context, netns, () => listInterfaces(context, about));
      if (typeof interfaces === 'number') throw namespaceError(context, netns, interfaces);
      return { interfaces };
    },
  };
}

/** In the network namespace that this thread is in. */
function listInterfaces(
  context: Context,
  { where, depth, peers }: { where: 'own' | 'other'; depth: 'short' | 'whole'; peers: readonly string[] },
): InterfaceInfo[] {
  const { netlink, system } = context;
  const whole = depth === 'whole';
  // First: reading the pins puts back what a killed helper had replaced and nobody confirmed.
  const kept = keptAttachments(context);
  const links = netlink.links();
  if (typeof links === 'number') throw kernelError('Listing the interfaces', links);
  if (where === 'own') reportLost(context, links);
  const features = netlink.xdpFeatures();
  const ethtool = whole ? netlink.ethtool() : undefined;
  const addresses = netlink.addresses();
  const routes = whole ? netlink.routes() : [];
  // The table of connections is the machine's, and takes milliseconds to read in each namespace.
  const sessions = whole && where === 'own' ? [...peers, ...system.sshPeers()] : [];
  const netnsName = netnsNames(context);
  const nameOf = (ifindex: number | undefined): LinkRecord | undefined =>
    ifindex === undefined ? undefined : links.find((other) => other.ifindex === ifindex);
  return links.map((link): InterfaceInfo => {
    const driver = driverOf(context, link);
    const xdpFeatures = features?.get(link.ifindex);
    const master = nameOf(link.masterIfindex);
    const lower =
      stackedKinds.has(link.kind) && link.linkedNetnsId === undefined ? nameOf(link.linkedIfindex) : undefined;
    const channels = ethtool?.channels.get(link.ifindex);
    const offloads = ethtool?.offloads.get(link.ifindex);
    const peer = whole && link.kind === 'veth' ? peerOf(context, link, links, ethtool) : undefined;
    const peerNetns =
      peer === undefined || link.linkedNetnsId === undefined ? undefined : netnsName(link.linkedNetnsId);
    const about = { ...link, driver, lower: lower?.name };
    return {
      name: link.name,
      ifindex: link.ifindex,
      driver,
      kind: link.kind,
      state: link.state,
      up: link.up,
      mtu: link.mtu,
      mac: link.mac,
      addresses: addresses.filter((one) => one.ifindex === link.ifindex).map((one) => one.address),
      rxQueues: link.rxQueues,
      txQueues: link.txQueues,
      loopback: link.loopback,
      ethernet: link.ethernet,
      modes: modesOf(about, features === undefined ? undefined : (xdpFeatures ?? [])),
      ...(xdpFeatures === undefined ? {} : { xdpFeatures }),
      ...(master === undefined ? {} : { master: { name: master.name, kind: master.kind } }),
      ...(lower === undefined ? {} : { lower: lower.name }),
      ...(channels === undefined ? {} : { channels }),
      ...(offloads === undefined ? {} : { offloads }),
      ...(peer === undefined ? {} : { peer: { ...peer, ...(peerNetns === undefined ? {} : { netns: peerNetns }) } }),
      lifelines: lifelinesOf(ifindexesFrom(link, links), sessions, routes),
      attached: attachedPrograms(context, link, kept),
    };
  });
}

/** undefined when it is in a namespace that this profile may not look into. */
function peerOf(
  context: Context,
  link: LinkRecord,
  links: readonly LinkRecord[],
  ethtool: EthtoolFacts | undefined,
): InterfaceInfo['peer'] {
  const { linkedIfindex, linkedNetnsId } = link;
  if (linkedIfindex === undefined) return undefined;
  const here = linkedNetnsId === undefined;
  const peer = here
    ? links.find(({ ifindex }) => ifindex === linkedIfindex)
    : context.netlink.link(linkedIfindex, linkedNetnsId);
  if (peer === undefined || typeof peer === 'number') return undefined;
  const txVlan = here ? ethtool?.offloads.get(peer.ifindex)?.txVlan : undefined;
  return {
    name: peer.name,
    here,
    mtu: peer.mtu,
    ...(txVlan === undefined ? {} : { txVlan: txVlan.on }),
    hasProgram: peer.xdp.some(({ mode }) => mode === 'native'),
  };
}

/** Names of other network namespaces by the number that this one knows them by; looked up when first asked. */
function netnsNames({ netlink, system }: Context): (id: number) => string | undefined {
  let names: Map<number, string> | undefined;
  return (id) => {
    if (names === undefined) {
      const found = new Map<number, string>();
      system.eachNetns((name, fd) => {
        const known = netlink.netnsId(fd);
        if (known !== undefined) found.set(known, name);
      });
      names = found;
    }
    return names.get(id);
  };
}

/** Ethtool's driver name, else the rtnetlink kind, else ''. */
export function driverOf(context: Context, link: LinkRecord): string {
  return context.system.driver(link.name) ?? link.kind;
}
