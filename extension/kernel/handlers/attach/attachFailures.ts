import { XdpError, type XdpErrorDetails } from '../../../core/errors.ts';
import { english } from '../../../core/text/language.ts';
import { vethSingleBufferMtu } from '../../../core/preflight/drivers.ts';
import type { XdpMode } from '../../../core/xdp.ts';
import type { AttachedProgram } from '../../../protocol/kernel.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import type { LinkRecord } from '../../netlink/rtnetlink.ts';
import { privilegeError } from '../object/failures.ts';

export interface AttachFailure {
  link: LinkRecord;
  driver: string;
  program: string;
  mode: XdpMode;
  /** -errno. */
  result: number;
  /** The kernel's extended acknowledgement. */
  words: string | undefined;
  attached: readonly AttachedProgram[];
  /** Whether the interface says that it has this mode; undefined when it does not say. */
  offered: boolean | undefined;
  capabilities: readonly string[];
}

/** Says why an attach failed and what to do. */
export function attachError(failure: AttachFailure): XdpError {
  // A driver without offload answers EINVAL to it, as to an unknown request.
  if (failure.offered === false && -failure.result === errno.EINVAL) return unsupported(failure);
  return explain(failure);
}

export function interfaceGone(iface: string, program: string, details: XdpErrorDetails = {}): XdpError {
  return new XdpError('interface-gone', `${iface} vanished while ${program} was being attached`, {
    fix: 'Choose another interface.',
    details,
  });
}

function explain(failure: AttachFailure): XdpError {
  const { link, mode, result, words } = failure;
  const where = `${link.name} in ${mode} mode`;
  const said = words === undefined ? '' : ` ${english(`The kernel says: ${words}`)}`;
  const details = detailsOf(failure);
  switch (-result) {
    case errno.EPERM:
      return privilegeError(`Attaching to ${link.name}`, failure.capabilities, ['CAP_NET_ADMIN', 'CAP_BPF']);
    case errno.ENODEV:
    case errno.ENXIO:
      return interfaceGone(link.name, failure.program, details);
    case errno.EBUSY:
    case errno.EEXIST:
      return busy(failure, said, details);
    case errno.EOPNOTSUPP:
    case errno.ENOTSUPP:
      return unsupported(failure);
    default:
      return new XdpError(
        'attach-failed',
        `${failure.program} could not be attached to ${where}: ${errnoText(result)}.${said}`,
        {
          fix: advice(failure),
          details,
        },
      );
  }
}

function detailsOf({ link, mode, result, words, driver }: AttachFailure) {
  return {
    errno: Math.abs(result),
    errnoName: errnoName(result),
    iface: link.name,
    mode,
    driver,
    ...(words === undefined ? {} : { kernel: words }),
  };
}

function unsupported(failure: AttachFailure): XdpError {
  const { link, driver, mode, words } = failure;
  // The kernel speaks of native mode here too, since it looks for the driver's one entry point.
  const said = words === undefined || mode === 'offload' ? '' : ` ${english(`The kernel says: ${words}`)}`;
  const why = mode === 'offload' ? ': no hardware behind it takes XDP programs.' : '.';
  return new XdpError(
    'mode-unsupported',
    `${link.name} (${driver || 'no driver name'}) cannot run XDP in ${mode} mode${why}${said}`,
    { fix: otherMode(failure), details: detailsOf(failure) },
  );
}

/** Where the program can run instead, by what the interface is. */
function otherMode({ link, mode, offered }: AttachFailure): string {
  if (mode === 'generic') return 'Choose another interface.';
  if (mode === 'offload' && offered !== undefined) {
    return 'Attach in native mode, or in generic mode, which every driver has. Offload needs a card that runs BPF itself (Netronome NFP).';
  }
  const generic = 'or attach in generic mode, which every driver has';
  switch (link.kind) {
    case 'macvlan':
    case 'macvtap':
    case 'ipvlan':
    case 'vlan':
    case 'vxlan':
      return `Attach in native mode to the interface below it, where its packets arrive first, ${generic}.`;
    case 'bridge':
      return `Attach in native mode to the ports of the bridge, where packets arrive first, ${generic}.`;
    case 'tun':
      return `Native mode needs Ethernet frames: make it a tap (ip tuntap add dev NAME mode tap), ${generic}.`;
    default:
      return link.loopback
        ? 'Attach in generic mode: no driver stands behind lo.'
        : 'Attach in generic mode, which every driver has.';
  }
}

function busy(failure: AttachFailure, said: string, details: Record<string, string | number>): XdpError {
  const { link, attached } = failure;
  const holder = attached[0];
  if (holder === undefined) {
    return new XdpError('interface-busy', `${link.name} is taken.${said}`, {
      fix: 'A device above or below it (bond, bridge, VLAN) may hold an XDP program: detach that first.',
      details,
    });
  }
  const held = attached.map(describeHolder).join(' and ');
  const other = holder.mode === failure.mode ? '' : ` Native and generic mode exclude each other.`;
  return new XdpError('interface-busy', `${link.name} already runs ${held}.${other}${said}`, {
    fix:
      holder.owner === 'other'
        ? `Detach it first: \`xdp detach --iface ${link.name} --force\`, or with the tool that attached it.`
        : `Detach it first: \`xdp detach --iface ${link.name}\`.`,
    details: {
      ...details,
      progId: holder.progId,
      program: holder.program,
      holderMode: holder.mode,
      owner: holder.owner,
    },
  });
}

/** `xdp_pass (id 7, native mode, attached by another process)`, without a name `program id 7 (native mode, …)`. */
export function describeHolder(holder: AttachedProgram): string {
  const how = `${holder.mode} mode, ${ownerText(holder.owner)}`;
  return holder.program === ''
    ? `program id ${holder.progId} (${how})`
    : `${holder.program} (id ${holder.progId}, ${how})`;
}

function ownerText(owner: AttachedProgram['owner']): string {
  switch (owner) {
    case 'this':
      return 'attached from this window';
    case 'kept':
      return 'kept attached by you';
    case 'other':
      return 'attached by another process';
  }
}

function advice({ link, mode, words }: AttachFailure): string {
  const text = words?.toLowerCase() ?? '';
  const veth = link.kind === 'veth';
  if (text.includes('mtu') || (mode === 'native' && link.mtu > vethSingleBufferMtu)) {
    const peer = veth ? ', and that of its peer' : '';
    return `Lower the MTU (ip link set ${link.name} mtu ${vethSingleBufferMtu}${peer}), write SEC("xdp.frags"), or attach in generic mode.`;
  }
  if (text.includes('lro') || text.includes('gro_hw')) {
    return `Switch the offload off: ethtool -K ${link.name} lro off rx-gro-hw off.`;
  }
  if (text.includes('queue') || text.includes('channel')) {
    return veth
      ? `Give its peer no more transmit queues than ${link.name} has receive queues (ethtool -L PEER tx ${link.rxQueues}), or attach in generic mode.`
      : `Give it fewer channels: ethtool -L ${link.name} combined N; XDP needs a transmit queue for each CPU on many drivers.`;
  }
  if (text.includes('devmap') || text.includes('cpumap')) {
    return 'Such a program runs from a devmap or cpumap entry: attach the program that redirects to it.';
  }
  return mode === 'generic'
    ? 'The kernel log (dmesg) may say more.'
    : 'Attach in generic mode, or look into the kernel log (dmesg).';
}
