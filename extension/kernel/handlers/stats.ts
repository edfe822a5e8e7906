import { XdpError } from '../../core/errors.ts';
import type { kernelContract } from '../../protocol/kernel.ts';
import type { Handlers } from '../../protocol/rpc.ts';
import { errno } from '../libbpf/errno.ts';
import type { Context } from './context.ts';
import { kernelError, privilegeError } from './object/failures.ts';

type StatsHandlers = Pick<Handlers<typeof kernelContract>, 'stats/hold' | 'stats/release' | 'stats/read'>;

/**
 * Run counts and times of programs. The kernel counts while somebody holds an fd of BPF_ENABLE_STATS, at a price for every
 * program of the machine: so it is held only as long as somebody looks.
 */
export function statsHandlers(context: Context): { handlers: StatsHandlers; stop(): void } {
  const { libbpf, system } = context;
  let held: number | undefined;
  const release = (): void => {
    if (held !== undefined) libbpf.close(held);
    held = undefined;
  };
  return {
    handlers: {
      'stats/hold': () => {
        if (held !== undefined) return {};
        const fd = libbpf.enableStats();
        if (fd < 0) throw refused(context, fd);
        held = fd;
        return {};
      },
      'stats/release': () => {
        release();
        return {};
      },
      'stats/read': ({ programs }) => ({
        atNs: system.nowNs(),
        programs: programs.flatMap((id) => {
          const fd = libbpf.openById('program', id);
          if (fd < 0) return []; // Gone, or not ours to open.
          const info = libbpf.programInfo(fd);
          libbpf.close(fd);
          return typeof info === 'number' ? [] : [{ id, runCount: info.runCount, runTimeNs: info.runTimeNs }];
        }),
      }),
    },
    stop: release,
  };
}

function refused(context: Context, result: number): XdpError {
  const what = 'Counting how often programs run';
  return -result === errno.EPERM
    ? privilegeError(what, context.system.capabilities(), ['CAP_SYS_ADMIN'])
    : kernelError(what, result);
}
