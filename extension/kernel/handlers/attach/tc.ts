import { XdpError } from '../../../core/errors.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { TcFilter } from '../../libbpf/port.ts';
import type { LinkRecord } from '../../netlink/rtnetlink.ts';
import type { Context } from '../context.ts';
import { privilegeError } from '../object/failures.ts';
import type { StoredProgram } from '../object/objects.ts';
import type { TcCompanion, TcHold } from './tcCompanion.ts';

/** `lasting`: it is to be kept or guarded, which a kernel without tcx cannot do. */
export function attachTc(
  context: Context,
  program: StoredProgram,
  link: Pick<LinkRecord, 'ifindex' | 'name'>,
  options: { lasting: boolean },
): TcCompanion {
  const { libbpf } = context;
  requireTc(program);
  const linkFd = libbpf.createTcxLink(program.fd, link.ifindex);
  const about = { program: program.name, programId: program.info.id, programFd: program.fd };
  if (linkFd >= 0) return { ...about, hold: tcxHold(context, linkFd) };
  // Before 6.6 the kernel knows no such attach type: kernel/bpf/syscall.c, link_create().
  if (linkFd !== -errno.EINVAL && linkFd !== -errno.EOPNOTSUPP) throw tcError(context, program, link, linkFd);
  if (options.lasting) {
    throw new XdpError(
      'attach-failed',
      `${program.name} cannot be kept or guarded: this kernel has no tcx links (they came with 6.6)`,
      { fix: 'Attach without --with-tc, or without --keep and with --guard 0.' },
    );
  }
  const filter = libbpf.tcAttach(link.ifindex, program.fd, undefined);
  if (typeof filter === 'number') throw tcError(context, program, link, filter);
  return { ...about, hold: clsactHold(context, link.ifindex, filter) };
}

export function tcxHold({ libbpf }: Context, linkFd: number): TcHold {
  const info = libbpf.linkInfo(linkFd);
  return {
    via: 'tcx',
    linkFd,
    linkId: typeof info === 'number' ? undefined : info.id,
    replace: (programFd, expectedFd) => libbpf.updateLink(linkFd, programFd, expectedFd),
    detach: () => libbpf.detachLink(linkFd),
    close: () => libbpf.close(linkFd),
  };
}

/** A filter of the clsact qdisc. Nothing but this process remembers it: it goes when it is let go. */
function clsactHold({ libbpf, netlink }: Context, ifindex: number, filter: TcFilter): TcHold {
  let there = true;
  const detach = (): number => {
    if (!there) return 0;
    there = false;
    const result = libbpf.tcDetach(ifindex, filter);
    // Others may have put filters of theirs there meanwhile.
    if (filter.madeQdisc && !netlink.hasTcFilters(ifindex)) libbpf.tcRemoveQdisc(ifindex);
    return result;
  };
  return {
    via: 'clsact',
    linkFd: undefined,
    linkId: undefined,
    replace: (programFd) => {
      const replaced = libbpf.tcAttach(ifindex, programFd, filter);
      return typeof replaced === 'number' ? replaced : 0;
    },
    detach,
    close: () => void detach(),
  };
}

/** The new build's program in place of the one before. On failure the one before runs on. */
export function exchangeTc(before: TcCompanion, program: StoredProgram): TcCompanion {
  requireTc(program);
  const result = before.hold.replace(program.fd, before.programFd);
  if (result < 0) {
    throw new XdpError(
      'attach-failed',
      `${before.program} was not replaced at the tc ingress: ${errnoText(result)}. Somebody else may have detached it.`,
      { fix: 'Detach the program and attach it anew.' },
    );
  }
  return { program: program.name, programId: program.info.id, programFd: program.fd, hold: before.hold };
}

function requireTc({ name, type }: StoredProgram): void {
  if (type === 'sched_cls') return;
  throw new XdpError('usage', `${name} is a program of type ${type}, which tc does not take`, {
    fix: 'Choose a program in SEC("tc") or SEC("tcx/ingress").',
  });
}

function tcError(context: Context, program: StoredProgram, link: Pick<LinkRecord, 'name'>, result: number): XdpError {
  const what = `Attaching ${program.name} to the tc ingress of ${link.name}`;
  if (result === -errno.EPERM) return privilegeError(what, context.system.capabilities(), ['CAP_NET_ADMIN', 'CAP_BPF']);
  return new XdpError('attach-failed', `${what} failed: ${errnoText(result)}`, {
    fix: 'Attach the XDP program alone, or look into the kernel log (dmesg).',
    details: { errno: Math.abs(result) },
  });
}
