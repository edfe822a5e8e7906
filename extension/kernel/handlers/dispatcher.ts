import { readBtf } from '../../core/btf/readBtf.ts';
import type { AttachedProgram } from '../../protocol/kernel.ts';
import type { BpfProgramInfo } from '../libbpf/port.ts';
import type { Context } from './context.ts';

type Behind = NonNullable<AttachedProgram['behind']>;

/**
 * The programs that a libxdp dispatcher runs, in its order. Each is an extension program whose link names the dispatcher
 * and its function `prog0` to `prog9` as target: libxdp.c, xdp_multiprog__link_prog(). Nothing of it is in the netlink
 * answer, so that it takes CAP_SYS_ADMIN to see.
 */
export function programsBehind(context: Context, dispatcher: BpfProgramInfo): Behind {
  const { libbpf } = context;
  const functions = functionNames(context, dispatcher.btfId);
  const found: (Behind[number] & { place: number })[] = [];
  for (let id = libbpf.nextId('link', 0); id >= 0; id = libbpf.nextId('link', id)) {
    const fd = libbpf.openById('link', id);
    if (fd < 0) continue;
    const link = libbpf.linkInfo(fd);
    libbpf.close(fd);
    if (typeof link === 'number' || link.target?.programId !== dispatcher.id) continue;
    const programFd = libbpf.openById('program', link.programId);
    const program = programFd < 0 ? programFd : libbpf.programInfo(programFd);
    if (programFd >= 0) libbpf.close(programFd);
    const name = functions.get(link.target.btfId) ?? '';
    const slot = /^prog(\d+)$/.exec(name)?.[1];
    found.push({
      progId: link.programId,
      program: typeof program === 'number' ? '' : program.name,
      // Type ids rise in the order of the functions too.
      place: slot === undefined ? link.target.btfId : Number(slot),
    });
  }
  found.sort((left, right) => left.place - right.place);
  return found.map(({ progId, program }) => ({ progId, program }));
}

function functionNames(context: Context, btfId: number): Map<number, string> {
  const fd = btfId === 0 ? -1 : context.libbpf.openById('btf', btfId);
  if (fd < 0) return new Map();
  const info = context.libbpf.btfInfo(fd);
  context.libbpf.close(fd);
  if (typeof info === 'number') return new Map();
  try {
    const { types } = readBtf(info.bytes);
    return new Map(types.flatMap((type, id) => (type?.kind === 'func' ? [[id, type.name] as const] : [])));
  } catch {
    return new Map(); // Somebody else's; without names their order still stands.
  }
}
