import { dispatcherName } from '../../core/preflight/surroundings.ts';
import type { AttachedProgram } from '../../protocol/kernel.ts';
import { errno } from '../libbpf/errno.ts';
import type { LinkRecord } from '../netlink/rtnetlink.ts';
import type { KeptAttachment } from './attach/pins.ts';
import type { Context } from './context.ts';
import { programsBehind } from './dispatcher.ts';

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

export function keptAttachments(context: Context): KeptAttachment[] {
  return 'problem' in context.pins ? [] : context.pins.kept();
}

/** Name and link of somebody else's program, and what a dispatcher runs, as far as the profile can see. */
function foreign(
  context: Context,
  ifindex: number,
  programId: number,
): Pick<AttachedProgram, 'program' | 'via' | 'linkId' | 'behind'> {
  const fd = context.libbpf.openById('program', programId);
  if (fd < 0) return { program: '', via: 'unknown' };
  const info = context.libbpf.programInfo(fd);
  context.libbpf.close(fd);
  const program = typeof info === 'number' ? '' : info.name;
  const behind =
    typeof info !== 'number' && info.name === dispatcherName ? { behind: programsBehind(context, info) } : {};
  const linkFd = findForeignLink(context, ifindex, programId);
  if (linkFd < 0) return { program, via: linkFd === -errno.ENOENT ? 'netlink' : 'unknown', ...behind };
  const link = context.libbpf.linkInfo(linkFd);
  context.libbpf.close(linkFd);
  return { program, via: 'link', ...(typeof link === 'number' ? {} : { linkId: link.id }), ...behind };
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
