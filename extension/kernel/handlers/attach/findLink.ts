import { XdpError } from '../../../core/errors.ts';
import { errno } from '../../libbpf/errno.ts';
import type { LinkRecord } from '../../netlink/rtnetlink.ts';
import type { Context } from '../context.ts';
import { kernelError } from '../object/failures.ts';

export function findLink(context: Context, ifindex: number): LinkRecord {
  const link = context.netlink.link(ifindex);
  if (typeof link !== 'number') return link;
  if (link !== -errno.ENODEV) throw kernelError('Asking the kernel for the interface', link);
  throw new XdpError('interface-not-found', `There is no interface with index ${ifindex} in this network namespace`, {
    fix: 'List the interfaces again: it may have been removed, or live in another network namespace.',
  });
}
