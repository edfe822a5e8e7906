import { XdpError } from '../../../core/errors.ts';
import { flagsOfMode, type XdpMode, type XdpModeRequest, xdpFlags } from '../../../core/xdp.ts';
import type { Attachment, kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import { ifindexesFrom } from '../../netlink/stacking.ts';
import { lifelinesOf } from '../../system/lifelines.ts';
import { attachError, interfaceGone } from './attachFailures.ts';
import { describeAttachment } from './attachments.ts';
import type { Context } from '../context.ts';
import { detachOwn } from './detach.ts';
import { findLink } from './findLink.ts';
import { startGuard } from './guarding.ts';
import { announce, type Held, pin } from './keeping.ts';
import type { Announced } from './pins.ts';
import { attachTc } from './tc.ts';
import type { TcCompanion } from './tcCompanion.ts';
import { attachedPrograms } from '../attachedPrograms.ts';
import { driverOf, interfaceIndex } from '../interfaces.ts';
import { loadObject } from '../object/load.ts';
import { requireXdp, type StoredProgram } from '../object/objects.ts';

type AttachHandlers = Pick<Handlers<typeof kernelContract>, 'xdp/attach' | 'xdp/loadAndAttach' | 'xdp/lifelines'>;

interface AttachParams {
  object: number;
  program: string;
  ifindex: number;
  mode: XdpModeRequest;
  via: 'link' | 'netlink';
  keep: boolean;
  guardSeconds?: number | undefined;
  withTc?: string | undefined;
}

export function attachHandlers(context: Context): AttachHandlers {
  return {
    'xdp/attach': (params) => attach(context, params),
    'xdp/loadAndAttach': async ({ load, iface, ...how }) => {
      const ifindex = interfaceIndex(context, iface);
      const loaded = await loadObject(context, load);
      try {
        return { loaded, attachment: attach(context, { ...how, ifindex, object: loaded.object }) };
      } catch (error) {
        context.objects.close(loaded.object);
        throw error;
      }
    },
    'xdp/lifelines': ({ ifindex, peers }) => {
      const link = findLink(context, ifindex);
      const links = context.netlink.links();
      const ways = ifindexesFrom(link, typeof links === 'number' ? [link] : links);
      const sessions = [...peers, ...context.system.sshPeers()];
      return { lifelines: lifelinesOf(ways, sessions, context.netlink.routes()) };
    },
  };
}

function attach(context: Context, params: AttachParams): Attachment {
  const program = context.objects.program(params.object, params.program);
  requireXdp(program, 'no interface takes as XDP');
  const { ifindex } = params;
  // Without rtnetlink, whose one lock everything that changes the network waits for.
  const iface = context.system.interfaceName(ifindex) ?? findLink(context, ifindex).name;
  if (params.keep && 'problem' in context.pins) {
    throw new XdpError('environment', `${program.name} cannot be kept attached: ${context.pins.problem}`, {
      fix: 'Mount a BPF file system (mount -t bpf bpf /sys/fs/bpf) and start the helper with elevation, or attach without keeping.',
    });
  }
  if (params.guardSeconds !== undefined && params.via === 'netlink') {
    throw new XdpError('usage', 'A netlink attachment cannot be guarded: it would outlive a helper that was killed', {
      fix: 'Attach by a link, or without the guard (--guard 0).',
    });
  }
  const tc = attachCompanion(context, params, iface);
  const undo: (() => void)[] = [() => endTc(tc)];
  try {
    // Whoever kills this helper from here on finds whose program it is.
    const announced = params.via === 'netlink' ? announce(context, params, program, tc) : undefined;
    undo.push(() => announced?.withdraw());
    const { held, mode, modeReason } = inSomeMode(context, params, program, iface);
    undo.push(() => (held === undefined ? removeNetlink(context, ifindex, program, mode) : context.libbpf.close(held)));
    const attachment = register(context, params, program, { iface, mode, linkFd: held, tc, announced });
    if (params.guardSeconds !== undefined) guardAttachment(context, attachment, params);
    context.emit('interfaces/changed', {});
    return { ...attachment, ...(modeReason === undefined ? {} : { modeReason }) };
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

/** Before the XDP program, whose first packet it is to see with its metadata. */
function attachCompanion(context: Context, params: AttachParams, iface: string): TcCompanion | undefined {
  if (params.withTc === undefined) return undefined;
  const lasting = params.keep || params.guardSeconds !== undefined;
  return attachTc(
    context,
    context.objects.program(params.object, params.withTc),
    { ifindex: params.ifindex, name: iface },
    { lasting },
  );
}

function endTc(tc: TcCompanion | undefined): void {
  tc?.hold.detach();
  tc?.hold.close();
}

/** Auto takes native and falls back to generic, saying why; what is busy is busy in every mode. */
function inSomeMode(
  context: Context,
  params: AttachParams,
  program: StoredProgram,
  iface: string,
): { held: number | undefined; mode: XdpMode; modeReason?: string } {
  const modes: readonly XdpMode[] = params.mode === 'auto' ? ['native', 'generic'] : [params.mode];
  let modeReason: string | undefined;
  for (const [index, mode] of modes.entries()) {
    const { result, words } =
      params.via === 'link'
        ? tryLink(context, params.ifindex, program, mode)
        : tryNetlink(context, params.ifindex, program, mode);
    if (result >= 0) {
      const held = params.via === 'link' ? result : undefined;
      return { held, mode, ...(modeReason === undefined ? {} : { modeReason }) };
    }
    const now = context.netlink.link(params.ifindex);
    if (typeof now === 'number') throw interfaceGone(iface, program.name);
    const error = attachError({
      link: now,
      driver: driverOf(context, now),
      program: program.name,
      mode,
      result,
      words,
      attached: attachedPrograms(context, now),
      offered: offers(context, params.ifindex, mode),
      capabilities: context.system.capabilities(),
    });
    const fallBack = error.code === 'mode-unsupported' || error.code === 'attach-failed';
    if (!fallBack || index + 1 === modes.length) throw error;
    modeReason = error.message;
  }
  throw new XdpError('usage', 'No mode was asked for');
}

function offers(context: Context, ifindex: number, mode: XdpMode): boolean | undefined {
  const features = context.netlink.xdpFeatures();
  if (features === undefined) return undefined;
  if (mode === 'generic') return true;
  return features.get(ifindex)?.includes(mode === 'native' ? 'basic' : 'hw-offload') ?? false;
}

interface Tried {
  result: number;
  words: string | undefined;
}

/**
 * A refused link has an errno for its caller; the kernel's words about it go to a tracepoint. They are listened to only where a
 * link was refused, and it is tried once more for that: should it be taken now, so much the better.
 */
function tryLink(context: Context, ifindex: number, program: StoredProgram, mode: XdpMode): Tried {
  const create = (): number => context.libbpf.createXdpLink(program.fd, ifindex, flagsOfMode(mode));
  const result = create();
  if (result >= 0 || result === -errno.EPERM || result === -errno.ENODEV) return { result, words: undefined };
  const overheard = context.libbpf.overhearLinkFailure(create);
  if (overheard !== undefined) return { result: overheard.outcome, words: overheard.words };
  return { result, words: wordsByNetlink(context, ifindex, program, mode) };
}

/** The same attach over netlink fails for the same reason and says it. It never replaces anything, and should it succeed it is undone. */
function wordsByNetlink(context: Context, ifindex: number, program: StoredProgram, mode: XdpMode): string | undefined {
  const tried = tryNetlink(context, ifindex, program, mode);
  if (tried.result < 0) return tried.words;
  removeNetlink(context, ifindex, program, mode);
  return undefined;
}

function tryNetlink(context: Context, ifindex: number, program: StoredProgram, mode: XdpMode): Tried {
  const flags = flagsOfMode(mode) | xdpFlags.updateIfNoExist;
  const ack = context.netlink.xdpAttach({ ifindex, programFd: program.fd, flags });
  return { result: ack.result, words: ack.message };
}

/** Only while it is still this program. */
function removeNetlink(context: Context, ifindex: number, program: { fd: number }, mode: XdpMode): number {
  const flags = flagsOfMode(mode) | xdpFlags.replace;
  return context.netlink.xdpAttach({ ifindex, programFd: -1, flags, expectedFd: program.fd }).result;
}

function register(
  context: Context,
  params: AttachParams,
  program: StoredProgram,
  { iface, mode, linkFd, tc, announced }: Held & { iface: string; mode: XdpMode; announced: Announced | undefined },
): Attachment {
  const info = linkFd === undefined ? undefined : context.libbpf.linkInfo(linkFd);
  const linkId = info === undefined || typeof info === 'number' ? undefined : info.id;
  // Nothing is pinned before it is confirmed.
  const pinNow = params.keep && params.via === 'link' && params.guardSeconds === undefined;
  const kept = pinNow ? pin(context, params, program, { linkFd, tc }) : announced?.settle();
  const stored = context.attachments.add({
    program: program.name,
    programId: program.info.id,
    programFd: program.fd,
    ifindex: params.ifindex,
    iface,
    mode,
    via: params.via,
    linkFd,
    linkId,
    directory: kept?.directory,
    kept: params.keep && kept !== undefined,
    releaseObject: context.objects.hold(params.object),
    tc,
  });
  return { ...describeAttachment(stored), ...(kept === undefined || !params.keep ? {} : { pin: kept.path }) };
}

function guardAttachment(context: Context, { attachment }: Attachment, params: AttachParams): void {
  startGuard(context, attachment, {
    seconds: params.guardSeconds ?? 0,
    restores: undefined,
    confirm: (stored) => {
      if (!params.keep) return undefined;
      const kept = pin(context, params, context.objects.program(params.object, params.program), stored);
      if (kept !== undefined) context.attachments.change(attachment, { directory: kept.directory, kept: true });
      return kept?.path;
    },
    revert: (stored) => detachOwn(context, stored),
    abandon: () => {},
  });
}
