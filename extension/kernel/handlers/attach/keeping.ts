import { XdpError } from '../../../core/errors.ts';
import { errno } from '../../libbpf/errno.ts';
import type { Context } from '../context.ts';
import type { StoredProgram } from '../object/objects.ts';
import type { StoredAttachment } from './attachments.ts';
import type { Announced, KeepRequest } from './pins.ts';
import type { TcCompanion } from './tcCompanion.ts';

/** What an attachment holds on to. */
export type Held = Pick<StoredAttachment, 'linkFd' | 'tc'>;

interface Asked {
  object: number;
  ifindex: number;
  keep: boolean;
}

/** Pins what is attached and is to be kept. */
export function pin(
  context: Context,
  asked: Omit<Asked, 'keep'>,
  program: StoredProgram,
  { linkFd, tc }: Held,
): { path: string; directory: string } | undefined {
  if ('problem' in context.pins) return undefined;
  const kept = context.pins.keep({ ...pinsOf(context, { ...asked, keep: true }, program, tc), linkFd });
  if ('problem' in kept) throw cannotPin(program, kept.problem);
  return kept;
}

/**
 * A netlink attachment survives a crash, and nothing in the kernel says whose it is: its program is pinned before it is
 * attached, kept or not, whenever that is possible, so that the next helper knows it as this user's own.
 */
export function announce(
  context: Context,
  asked: Asked,
  program: StoredProgram,
  tc: Pick<TcCompanion, 'programFd' | 'hold'> | undefined,
): Announced | undefined {
  if ('problem' in context.pins) return undefined;
  const announced = context.pins.announce(pinsOf(context, asked, program, tc));
  if (!('problem' in announced)) return announced;
  if (!asked.keep) return undefined;
  throw cannotPin(program, announced.problem);
}

function pinsOf(
  context: Context,
  { object: handle, ifindex, keep }: Asked,
  program: StoredProgram,
  tc: Pick<TcCompanion, 'programFd' | 'hold'> | undefined,
): Omit<KeepRequest, 'linkFd'> {
  const object = context.objects.get(handle);
  const btf = keep && object.btfFd >= 0 ? context.libbpf.btfInfo(object.btfFd) : -errno.ENOENT;
  const tcLinkFd = keep ? tc?.hold.linkFd : undefined;
  return {
    ifindex,
    programFd: program.fd,
    maps: keep ? object.maps : [],
    btf: typeof btf === 'number' ? undefined : btf,
    tc: tc === undefined || tcLinkFd === undefined ? undefined : { programFd: tc.programFd, linkFd: tcLinkFd },
  };
}

function cannotPin(program: StoredProgram, problem: string): XdpError {
  return new XdpError('environment', `${program.name} was not attached, since it could not be pinned: ${problem}`, {
    fix: 'Attach without keeping, or look at the permissions of the BPF file system.',
  });
}

/** The pins of an attachment that ended. Another session of this user may have put its own in their place by now. */
export function removePins(context: Context, { directory, via, programId }: StoredAttachment): void {
  if (directory === undefined || 'problem' in context.pins) return;
  const now = via === 'netlink' ? context.pins.kept().find((kept) => kept.directory === directory) : undefined;
  if (now === undefined || now.programId === programId) context.pins.remove(directory);
}

/** What helpers before this one left of netlink attachments in this namespace: see PinDirectory. */
export function settleKept(context: Context): void {
  const { pins, netlink } = context;
  if ('problem' in pins || pins.kept().every(({ via }) => via === 'link')) return;
  const links = netlink.links();
  if (typeof links === 'number') return;
  pins.settle(({ ifindex, programId }) =>
    links.some((link) => link.ifindex === ifindex && link.xdp.some((one) => one.programId === programId)),
  );
}
