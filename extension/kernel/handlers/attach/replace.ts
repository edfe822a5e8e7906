import { XdpError } from '../../../core/errors.ts';
import { flagsOfMode, xdpFlags } from '../../../core/xdp.ts';
import type { Attachment, kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import { attachError } from './attachFailures.ts';
import { describeAttachment, type Occupant, type StoredAttachment } from './attachments.ts';
import { findLink } from './findLink.ts';
import type { Context } from '../context.ts';
import { detachOwn } from './detach.ts';
import { startGuard } from './guarding.ts';
import { announce, pin } from './keeping.ts';
import { exchangeTc } from './tc.ts';
import type { TcCompanion } from './tcCompanion.ts';
import { attachedPrograms } from '../attachedPrograms.ts';
import { driverOf } from '../interfaces.ts';
import { requireXdp, type StoredProgram } from '../object/objects.ts';

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
  const record = writeAhead(context, params, before, program);
  let tc: TcCompanion | undefined;
  try {
    exchange(context, before, program);
    tc = exchangeCompanion(context, params, before, program);
  } catch (error) {
    record.withdraw();
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
    const path = record.settle(tc);
    before.releaseObject();
    return before.kept ? path : undefined;
  };
  const path = params.guardSeconds === undefined ? finish() : undefined;
  if (params.guardSeconds !== undefined) {
    const seconds = params.guardSeconds;
    const revert = (now: StoredAttachment): void => {
      restore(context, now, before);
      record.withdraw();
    };
    const { program: restores, releaseObject: abandon } = before;
    startGuard(context, before.handle, { seconds, restores, confirm: finish, revert, abandon });
  }
  context.emit('interfaces/changed', {});
  return { ...describeAttachment(stored), ...(path === undefined ? {} : { pin: path }) };
}

interface WriteAhead {
  /** The new program is pinned in place of the one before. Answers with the path of the pin, if there is one. */
  settle(tc: TcCompanion | undefined): string | undefined;
  /** The one before runs again, or still. */
  withdraw(): void;
}

/**
 * What the next helper finds when this one is killed while it replaces something that is pinned. A link still holds what
 * runs, and gets the pinned program back; of a netlink attachment both programs are pinned, and whichever runs is kept.
 */
function writeAhead(
  context: Context,
  params: ReplaceParams,
  before: StoredAttachment,
  program: StoredProgram,
): WriteAhead {
  const { pins } = context;
  const { directory, ifindex, linkFd, kept: keep } = before;
  if ('problem' in pins || directory === undefined) return { settle: () => undefined, withdraw: () => {} };
  const { object } = params;
  if (linkFd !== undefined) {
    pins.markReplacing(directory);
    return {
      settle: (tc) => pin(context, { object, ifindex }, program, { linkFd, tc })?.path,
      withdraw: () => pins.unmarkReplacing(directory),
    };
  }
  const tc = before.tc && { ...before.tc, programFd: tcProgram(context, params, before.tc).fd };
  const announced = announce(context, { object, ifindex, keep }, program, tc);
  return { settle: () => announced?.settle().path, withdraw: () => announced?.withdraw() };
}

function tcProgram({ objects }: Context, { object, withTc }: ReplaceParams, before: TcCompanion): StoredProgram {
  return objects.program(object, withTc ?? before.program);
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
    return exchangeTc(before.tc, tcProgram(context, params, before.tc));
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
