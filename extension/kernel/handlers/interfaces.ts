import type { AttachedProgram, InterfaceInfo, kernelContract } from '../../protocol/kernel.ts';
import type { Handlers } from '../../protocol/rpc.ts';
import { errno } from '../libbpf/errno.ts';
import type { LinkRecord } from '../netlink/rtnetlink.ts';
import { vethSingleBufferMtu } from './attach/attachFailures.ts';
import type { Context } from './context.ts';
import { kernelError } from './object/failures.ts';
import type { KeptAttachment } from './attach/pins.ts';
import { reportLost } from './watch.ts';

type InterfaceHandlers = Pick<Handlers<typeof kernelContract>, 'interfaces/list'>;

export function interfaceHandlers(context: Context): InterfaceHandlers {
  return {
    'interfaces/list': () => {
      const links = context.netlink.links();
      if (typeof links === 'number') throw kernelError('Listing the interfaces', links);
      reportLost(context, links);
      const features = context.netlink.xdpFeatures();
      const addresses = context.netlink.addresses();
      const kept = keptAttachments(context);
      return {
        interfaces: links.map((link) => {
          const driver = driverOf(context, link);
          const attached = attachedPrograms(context, link, kept);
          const xdpFeatures = features?.get(link.ifindex);
          return {
            name: link.name,
            ifindex: link.ifindex,
            driver,
            state: link.state,
            mtu: link.mtu,
            mac: link.mac,
            addresses: addresses.filter((one) => one.ifindex === link.ifindex).map((one) => one.address),
            rxQueues: link.rxQueues,
            txQueues: link.txQueues,
            loopback: link.loopback,
            modes: modesOf(driver, features === undefined ? undefined : (xdpFeatures ?? [])),
            ...(xdpFeatures === undefined ? {} : { xdpFeatures }),
            warnings: warningsOf(link, links, attached),
            attached,
          };
        }),
      };
    },
  };
}

/** Ethtool's driver name, else the rtnetlink kind, else ''. */
export function driverOf(context: Context, link: LinkRecord): string {
  return context.system.driver(link.name) ?? link.kind;
}

/** `features` undefined: the kernel (before 6.3) does not tell. */
export function modesOf(driver: string, features: readonly string[] | undefined): InterfaceInfo['modes'] {
  const named = driver === '' ? 'this interface' : `the driver ${driver}`;
  const native =
    features === undefined
      ? { ok: true, reason: 'this kernel does not tell which drivers have native XDP; attaching will show' }
      : features.includes('basic')
        ? { ok: true }
        : { ok: false, reason: `${named} has no native XDP` };
  const offload = features?.includes('hw-offload')
    ? { ok: true }
    : { ok: false, reason: `${named} cannot run XDP programs in hardware` };
  return { native, generic: { ok: true }, offload };
}

/** What is attached to an interface, and whose it is. */
export function attachedPrograms(
  context: Context,
  link: LinkRecord,
  kept: readonly KeptAttachment[] = link.xdp.length === 0 ? [] : keptAttachments(context),
): AttachedProgram[] {
  return link.xdp.map(({ mode, programId }) => {
    const about = { progId: programId, mode };
    const own = context.attachments.on(link.ifindex, programId);
    if (own !== undefined) {
      return { ...about, program: own.program, via: own.via, ...linkIdOf(own), owner: 'this', attachment: own.handle };
    }
    const pinned = kept.find((one) => one.ifindex === link.ifindex && one.programId === programId);
    if (pinned !== undefined) {
      return { ...about, program: pinned.programName, via: pinned.via, ...linkIdOf(pinned), owner: 'kept' };
    }
    return { ...about, ...foreign(context, link.ifindex, programId), owner: 'other' };
  });
}

function linkIdOf({ linkId }: { linkId: number | undefined }): { linkId?: number } {
  return linkId === undefined ? {} : { linkId };
}

function keptAttachments(context: Context): KeptAttachment[] {
  return 'problem' in context.pins ? [] : context.pins.kept();
}

/** Name and link of somebody else's program, as far as the profile can see. */
function foreign(
  context: Context,
  ifindex: number,
  programId: number,
): Pick<AttachedProgram, 'program' | 'via' | 'linkId'> {
  const fd = context.libbpf.openById('program', programId);
  if (fd < 0) return { program: '', via: 'unknown' };
  const info = context.libbpf.programInfo(fd);
  context.libbpf.close(fd);
  const program = typeof info === 'number' ? '' : info.name;
  const linkFd = findForeignLink(context, ifindex, programId);
  if (linkFd < 0) return { program, via: linkFd === -errno.ENOENT ? 'netlink' : 'unknown' };
  const link = context.libbpf.linkInfo(linkFd);
  context.libbpf.close(linkFd);
  return { program, via: 'link', ...(typeof link === 'number' ? {} : { linkId: link.id }) };
}

/** The XDP link that holds a program on an interface: an fd for the caller to close, -ENOENT when there is none. */
export function findForeignLink(context: Context, ifindex: number, programId: number): number {
  for (let id = 0; ; ) {
    id = context.libbpf.nextId('link', id);
    if (id < 0) return id;
    const fd = context.libbpf.openById('link', id);
    if (fd < 0) continue;
    const info = context.libbpf.linkInfo(fd);
    if (typeof info !== 'number' && info.xdp && info.ifindex === ifindex && info.programId === programId) return fd;
    context.libbpf.close(fd);
  }
}

/** What the kernel itself reports that hurts XDP here. */
export function warningsOf(
  link: LinkRecord,
  links: readonly LinkRecord[],
  attached: readonly AttachedProgram[],
): string[] {
  const warnings: string[] = [];
  if (!link.up)
    warnings.push(`${link.name} is down: no packet reaches a program until it is set up (ip link set ${link.name} up)`);
  if (link.kind === 'veth') {
    const peer = links.find((other) => other.ifindex === link.peerIfindex);
    const mtu = peer?.mtu ?? link.mtu;
    if (mtu > vethSingleBufferMtu) {
      warnings.push(
        `the MTU ${mtu}${peer === undefined ? '' : ` of its peer ${peer.name}`} is above ${vethSingleBufferMtu}: native mode takes only programs in SEC("xdp.frags")`,
      );
    }
    if (peer !== undefined && link.rxQueues < peer.txQueues) {
      warnings.push(
        `it has ${link.rxQueues} receive queues and its peer ${peer.name} ${peer.txQueues} transmit queues: native mode wants at least as many`,
      );
    }
  }
  for (const program of attached) {
    if (program.owner !== 'other') continue;
    const name =
      program.program === '' ? `program ${program.progId}` : `${program.program} (program ${program.progId})`;
    warnings.push(`${name} of another process is attached in ${program.mode} mode`);
  }
  return warnings;
}
