import type { XdpError } from '../../core/errors.ts';
import { isNetns, netnsPath } from '../launch/netns.ts';
import { errno } from '../libbpf/errno.ts';
import type { Context } from './context.ts';
import { kernelError, privilegeError } from './object/failures.ts';

/**
 * Runs `work` in another network namespace. -errno when it cannot be entered; a text that names none opens no file at all,
 * whatever path could be made of it.
 */
export function inNetns<T>({ system }: Context, netns: string, work: () => T): T | number {
  return isNetns(netns) ? system.inNetns(netnsPath(netns), work) : -errno.EINVAL;
}

/** Why a network namespace could not be entered. */
export function namespaceError(context: Context, netns: string, result: number): XdpError {
  const what = `Entering the network namespace ${netns}`;
  return -result === errno.EPERM
    ? privilegeError(what, context.system.capabilities(), ['CAP_SYS_ADMIN'])
    : kernelError(what, result);
}
