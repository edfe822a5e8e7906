import { XdpError } from '../../../core/errors.ts';
import type { Attachment, kernelContract, MapInfo } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { describeAttachment } from './attachments.ts';
import { findLink } from './findLink.ts';
import { pin } from './keeping.ts';
import type { Context } from '../context.ts';
import { kernelError } from '../object/failures.ts';
import { toMapInfo } from '../object/objects.ts';
import { tcxHold } from './tc.ts';
import type { TcCompanion } from './tcCompanion.ts';
import type { KeptAttachment, PinDirectory } from './pins.ts';

type AdoptHandlers = Pick<Handlers<typeof kernelContract>, 'xdp/adopt' | 'xdp/keep'>;

export function adoptHandlers(context: Context): AdoptHandlers {
  return {
    'xdp/adopt': ({ ifindex }) => adopt(context, ifindex),
    'xdp/keep': ({ attachment, object }) => keep(context, attachment, object),
  };
}

function keep(context: Context, handle: number, object: number): Attachment {
  const stored = context.attachments.get(handle);
  if (stored === undefined) throw new XdpError('nothing-attached', 'The attachment that was to be kept has ended');
  if (context.guards.get(handle) !== undefined) {
    throw new XdpError(
      'usage',
      `${stored.program} on ${stored.iface} waits to be confirmed: nothing is pinned before`,
      {
        fix: 'Confirm it first.',
      },
    );
  }
  const { program } = stored;
  const running = context.objects.program(object, program);
  if (running.info.id !== stored.programId) {
    throw new XdpError('usage', `${program} of that object is not what runs on ${stored.iface}`, {
      fix: 'Keep the object that was attached last.',
    });
  }
  if ('problem' in context.pins) {
    throw new XdpError('environment', `${stored.program} cannot be kept attached: ${context.pins.problem}`);
  }
  const kept = pin(context, { object, ifindex: stored.ifindex }, running, stored);
  context.attachments.change(handle, { directory: kept?.directory, kept: kept !== undefined });
  return { ...describeAttachment(stored), ...(kept === undefined ? {} : { pin: kept.path }) };
}

/** The pins stay: what was kept is kept, also when this helper ends. */
function adopt(context: Context, ifindex: number): { attachment: Attachment; maps: MapInfo[] } {
  const pins = 'problem' in context.pins ? undefined : context.pins;
  // Before looking at the link: reading the pins may put a program back.
  const here = pins?.kept().filter((one) => one.ifindex === ifindex) ?? [];
  const link = findLink(context, ifindex);
  const kept = here.find((one) => link.xdp.some(({ programId }) => programId === one.programId));
  const mode = link.xdp.find(({ programId }) => programId === kept?.programId)?.mode;
  if (pins === undefined || kept === undefined || mode === undefined) {
    throw new XdpError('nothing-attached', `Nothing that you kept attached is on ${link.name}`, {
      fix: 'The list of interfaces shows what is attached, and whose it is.',
    });
  }
  const known = context.attachments.on(ifindex, kept.programId);
  const stored = known ?? open(context, pins, kept, { iface: link.name, mode });
  const path = `${pins.path}/${kept.directory}/${kept.via === 'link' ? 'link' : 'program'}`;
  return { attachment: { ...describeAttachment(stored), pin: path }, maps: mapsOf(context, pins, kept) };
}

function open(
  context: Context,
  pins: PinDirectory,
  kept: KeptAttachment,
  { iface, mode }: Pick<Attachment, 'iface' | 'mode'>,
): ReturnType<Context['attachments']['add']> {
  const { libbpf } = context;
  const programFd = pins.openProgram(kept.directory);
  if (programFd < 0) throw kernelError(`Opening the pin of ${kept.programName}`, programFd);
  const linkFd = kept.via === 'link' ? pins.openLink(kept.directory) : undefined;
  if (linkFd !== undefined && linkFd < 0) {
    libbpf.close(programFd);
    throw kernelError(`Opening the pinned link of ${kept.programName}`, linkFd);
  }
  const { programName: program, programId, ifindex, via, linkId, directory } = kept;
  const tc = openTc(context, pins, kept);
  const releaseObject = (): void => {
    libbpf.close(programFd);
    if (tc !== undefined) libbpf.close(tc.programFd);
  };
  return context.attachments.add({
    program,
    programId,
    programFd,
    ifindex,
    iface,
    mode,
    via,
    linkFd,
    linkId,
    directory,
    kept: true,
    releaseObject,
    tc,
  });
}

function openTc(context: Context, pins: PinDirectory, { directory, tc }: KeptAttachment): TcCompanion | undefined {
  if (tc === undefined) return undefined;
  const programFd = pins.openTcProgram(directory);
  if (programFd < 0) return undefined;
  const linkFd = pins.openTcLink(directory);
  if (linkFd >= 0) return { ...tc, programFd, hold: tcxHold(context, linkFd) };
  context.libbpf.close(programFd);
  return undefined;
}

function mapsOf({ libbpf }: Context, pins: PinDirectory, { directory }: KeptAttachment): MapInfo[] {
  return pins.maps(directory).flatMap(({ name, path }) => {
    const fd = libbpf.openPin(pins.reach(path));
    if (fd < 0) return [];
    const info = libbpf.mapInfo(fd);
    const described = typeof info === 'number' ? [] : [toMapInfo(libbpf, fd, info, name)];
    libbpf.close(fd);
    return described;
  });
}
