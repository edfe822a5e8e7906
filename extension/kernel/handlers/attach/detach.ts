import { XdpError } from '../../../core/errors.ts';
import { flagsOfMode, xdpFlags } from '../../../core/xdp.ts';
import type { AttachedProgram, kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import { findLink } from './findLink.ts';
import { describeHolder } from './attachFailures.ts';
import type { StoredAttachment } from './attachments.ts';
import type { Context } from '../context.ts';
import { removePins } from './keeping.ts';
import { kernelError, privilegeError } from '../object/failures.ts';
import { attachedPrograms, findForeignLink } from '../attachedPrograms.ts';

type DetachHandlers = Pick<Handlers<typeof kernelContract>, 'xdp/detach' | 'xdp/detachInterface'>;

export function detachHandlers(context: Context): DetachHandlers {
  return {
    'xdp/detach': ({ attachment }) => {
      const stored = context.attachments.get(attachment);
      if (stored === undefined) {
        throw new XdpError('nothing-attached', 'That attachment has already ended', {
          fix: 'The list of interfaces shows what is attached now.',
        });
      }
      detachOwn(context, stored);
      context.emit('interfaces/changed', {});
      return {};
    },
    'xdp/detachInterface': ({ ifindex, force }) => {
      const detached = detachInterface(context, ifindex, force);
      context.emit('interfaces/changed', {});
      return { detached };
    },
  };
}

function detachInterface(context: Context, ifindex: number, force: boolean): AttachedProgram[] {
  const link = findLink(context, ifindex);
  const attached = attachedPrograms(context, link);
  if (attached.length === 0) {
    throw new XdpError('nothing-attached', `No XDP program is attached to ${link.name}`, {
      fix: 'Look whether the interface and the network namespace are the right ones.',
    });
  }
  const foreign = attached.find((program) => program.owner === 'other');
  if (foreign !== undefined && !force) {
    throw new XdpError('foreign-attachment', `${link.name} runs ${describeHolder(foreign)}, which is not yours`, {
      fix: `To detach it all the same: xdp detach --iface ${link.name} --force`,
      details: { progId: foreign.progId, program: foreign.program, mode: foreign.mode },
    });
  }
  for (const program of attached) {
    switch (program.owner) {
      case 'this': {
        const stored = context.attachments.on(ifindex, program.progId);
        if (stored !== undefined) detachOwn(context, stored);
        break;
      }
      case 'kept':
        detachKept(context, ifindex, program);
        break;
      case 'other':
        detachForeign(context, ifindex, link.name, program);
        break;
    }
  }
  return attached;
}

/** Detaches at once: closing a link's fd would leave it to whoever else holds the link, such as its pin. */
export function detachOwn(context: Context, stored: StoredAttachment): void {
  context.guards.cancel(stored.handle);
  const result =
    stored.linkFd === undefined
      ? removeByNetlink(context, stored.ifindex, stored.mode, stored.programFd)
      : context.libbpf.detachLink(stored.linkFd);
  stored.tc?.hold.detach();
  removePins(context, stored);
  context.attachments.release(stored.handle);
  if (result < 0 && !isGone(result)) throw kernelError(`Detaching ${stored.program} from ${stored.iface}`, result);
}

function detachKept(context: Context, ifindex: number, program: AttachedProgram): void {
  if ('problem' in context.pins) return;
  const { pins } = context;
  const kept = pins.kept().find((one) => one.ifindex === ifindex && one.programId === program.progId);
  if (kept === undefined) return;
  const fd = kept.via === 'link' ? pins.openLink(kept.directory) : pins.openProgram(kept.directory);
  if (fd < 0) throw kernelError('Opening the pin of what is kept attached', fd);
  try {
    const result =
      kept.via === 'link' ? context.libbpf.detachLink(fd) : removeByNetlink(context, ifindex, program.mode, fd);
    if (result < 0 && !isGone(result)) throw kernelError(`Detaching ${program.program}`, result);
  } finally {
    context.libbpf.close(fd);
  }
  const tcFd = pins.openTcLink(kept.directory);
  if (tcFd >= 0) {
    context.libbpf.detachLink(tcFd);
    context.libbpf.close(tcFd);
  }
  pins.remove(kept.directory);
}

function detachForeign(context: Context, ifindex: number, iface: string, program: AttachedProgram): void {
  const ack = context.netlink.xdpAttach({ ifindex, programFd: -1, flags: flagsOfMode(program.mode) });
  if (ack.result >= 0) return;
  // Netlink cannot end somebody's bpf_link; its id can, and only CAP_SYS_ADMIN may open links by id.
  if (ack.result !== -errno.EBUSY) {
    throw kernelError(`Detaching ${describeHolder(program)} from ${iface}`, ack.result, { kernel: ack.message ?? '' });
  }
  const linkFd = findForeignLink(context, ifindex, program.progId);
  if (linkFd === -errno.EPERM) {
    throw privilegeError(
      `Detaching ${describeHolder(program)} from ${iface}, which a bpf_link of another process holds,`,
      context.system.capabilities(),
      ['CAP_SYS_ADMIN'],
    );
  }
  if (linkFd < 0) throw kernelError(`Opening the link of ${describeHolder(program)}`, linkFd);
  try {
    const result = context.libbpf.detachLink(linkFd);
    if (result < 0 && !isGone(result)) throw kernelError(`Detaching ${describeHolder(program)}`, result);
  } finally {
    context.libbpf.close(linkFd);
  }
}

function removeByNetlink(context: Context, ifindex: number, mode: AttachedProgram['mode'], programFd: number): number {
  const flags = flagsOfMode(mode) | xdpFlags.replace;
  return context.netlink.xdpAttach({ ifindex, programFd: -1, flags, expectedFd: programFd }).result;
}

/** The interface went first, or somebody else was quicker: what was asked for is done. */
function isGone(result: number): boolean {
  return result === -errno.ENODEV || result === -errno.ENOLINK || result === -errno.EEXIST;
}
