import { XdpError } from '../../../core/errors.ts';
import { flagsOfMode, xdpFlags } from '../../../core/xdp.ts';
import type { Attachment, kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import { pin } from './attach.ts';
import { attachError } from './attachFailures.ts';
import { describeAttachment, type Occupant, type StoredAttachment } from './attachments.ts';
import { findLink } from './findLink.ts';
import type { Context } from '../context.ts';
import { detachOwn } from './detach.ts';
import { startGuard } from './guards.ts';
import { exchangeTc, type TcCompanion } from './tc.ts';
import { attachedPrograms } from '../attachedPrograms.ts';
import { driverOf } from '../interfaces.ts';
import { requireXdp } from '../object/objects.ts';

type ReplaceHandlers = Pick<Handlers<typeof kernelContract>, 'xdp/replace'>;

interface ReplaceParams {
  attachment: number;
  object: number;
  program: string;
  guardSeconds?: number | undefined;
  withTc?: string | undefined;
}

export function replaceHandlers(context: Context): ReplaceHandlers {
  return { 'xdp/replace': (params) => replace(context, params) };
}

function replace(context: Context, params: ReplaceParams): Attachment {
  const before = context.attachments.get(params.attachment);
  if (before === undefined) {
    throw new XdpError('nothing-attached', 'The attachment whose program was to be replaced has ended', {
      fix: 'Attach the program anew.',
    });
  }
  if (context.guards.get(params.attachment) !== undefined) {
    throw new XdpError('usage', `${before.program} on ${before.iface} waits to be confirmed`, {
      fix: 'Keep or revert it first.',
    });
  }
  if (params.guardSeconds !== undefined && before.via === 'netlink') {
    throw new XdpError('usage', 'A netlink attachment cannot be guarded: it would outlive a helper that was killed', {
      fix: 'Replace it without the guard (--guard 0).',
    });
  }
  const program = context.objects.program(params.object, params.program);
  requireXdp(program, 'no interface takes as XDP');
  const { directory } = before;
  const pins = 'problem' in context.pins || directory === undefined ? undefined : context.pins;
  // Before anything changes: from here on until it is pinned anew, a kill brings the pinned program back.
  pins?.markReplacing(directory ?? '');
  let tc: TcCompanion | undefined;
  try {
    exchange(context, before, program);
    tc = exchangeCompanion(context, params, before, program);
  } catch (error) {
    pins?.unmarkReplacing(directory ?? '');
    throw error;
  }
  const after: Occupant = {
    program: program.name,
    programId: program.info.id,
    programFd: program.fd,
    releaseObject: context.objects.hold(params.object),
    tc,
  };
  const stored = context.attachments.change(before.handle, after) ?? before;
  const finish = (): string | undefined => {
    const { ifindex, via, linkFd } = before;
    const asked = { object: params.object, ifindex, via, keep: true };
    const kept = directory === undefined ? undefined : pin(context, asked, program, { linkFd, tc });
    before.releaseObject();
    return kept?.path;
  };
  const path = params.guardSeconds === undefined ? finish() : undefined;
  if (params.guardSeconds !== undefined) {
    const seconds = params.guardSeconds;
    const revert = (now: StoredAttachment): void => {
      restore(context, now, before);
      pins?.unmarkReplacing(directory ?? '');
    };
    const { program: restores, releaseObject: abandon } = before;
    startGuard(context, before.handle, { seconds, restores, confirm: finish, revert, abandon });
  }
  context.emit('interfaces/changed', {});
  return { ...describeAttachment(stored), ...(path === undefined ? {} : { pin: path }) };
}

/** The tc program of the new build takes over from the one before; where that fails nothing is replaced. */
function exchangeCompanion(
  context: Context,
  params: ReplaceParams,
  before: StoredAttachment,
  program: { fd: number },
): TcCompanion | undefined {
  if (before.tc === undefined) return undefined;
  try {
    return exchangeTc(before.tc, context.objects.program(params.object, params.withTc ?? before.tc.program));
  } catch (error) {
    tryExchange(context, { ...before, programFd: program.fd }, before.programFd);
    throw error;
  }
}

/** One step for the kernel: a packet meets the old program or the new one. It says no when the old one is not there. */
function exchange(context: Context, before: StoredAttachment, program: { name: string; fd: number }): void {
  const { result, words } = tryExchange(context, before, program.fd);
  if (result >= 0) return;
  const link = findLink(context, before.ifindex);
  if (result === -errno.EEXIST || (result === -errno.EPERM && before.linkFd !== undefined)) {
    throw new XdpError(
      'attach-failed',
      `${before.program} was not replaced: ${before.iface} runs another program by now`,
      {
        fix: 'Look what is attached there, and attach anew.',
      },
    );
  }
  throw attachError({
    link,
    driver: driverOf(context, link),
    program: program.name,
    mode: before.mode,
    result,
    words,
    attached: attachedPrograms(context, link),
    offered: undefined,
    capabilities: context.system.capabilities(),
  });
}

function tryExchange(
  context: Context,
  { linkFd, ifindex, mode, programFd: expectedFd }: StoredAttachment,
  programFd: number,
): { result: number; words: string | undefined } {
  if (linkFd !== undefined) {
    return { result: context.libbpf.updateLink(linkFd, programFd, expectedFd), words: undefined };
  }
  const flags = flagsOfMode(mode) | xdpFlags.replace;
  const ack = context.netlink.xdpAttach({ ifindex, programFd, flags, expectedFd });
  return { result: ack.result, words: ack.message };
}

/** The program before comes back. If even that fails nothing may stay that nobody confirmed. */
function restore(context: Context, now: StoredAttachment, before: StoredAttachment): void {
  const { program, programId, programFd, releaseObject, tc } = before;
  if (tryExchange(context, now, programFd).result < 0) {
    releaseObject();
    detachOwn(context, now);
    return;
  }
  if (tc !== undefined) tc.hold.replace(tc.programFd, now.tc?.programFd ?? tc.programFd);
  context.attachments.change(now.handle, { program, programId, programFd, releaseObject, tc });
  now.releaseObject();
}
