import { XdpError } from '../../../core/errors.ts';
import type { kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import type { Context } from '../context.ts';
import { checkPacket, testRunError } from './constraints.ts';
import { xdpProgram } from './testRun.ts';

type LiveHandlers = Pick<Handlers<typeof kernelContract>, 'program/runLive'>;

export function liveHandlers(context: Context): LiveHandlers {
  return {
    'program/runLive': ({ object, program: name, data, ctx, frames, batch = 0 }) =>
      context.objects.using(object, async () => {
        const program = xdpProgram(context, object, name);
        checkPacket(data, ctx);
        const startedNs = context.system.nowNs();
        const { result, durationNs } = await context.libbpf.runLive(program.fd, { data, ctx, frames, batch });
        const elapsedNs = context.system.nowNs() - startedNs;
        if (result === -errno.EINTR) {
          throw new XdpError(
            'test-run-failed',
            'The kernel was interrupted: some of the frames were sent, nobody knows how many.',
            {
              fix: 'Send fewer frames at a time.',
              details: { errno: errno.EINTR },
            },
          );
        }
        if (result === -errno.EINVAL && data.length > liveBytes) {
          throw new XdpError(
            'packet-too-long',
            `Live frames take fewer bytes than a plain run; these are ${data.length}.`,
            {
              fix: `Up to about ${liveBytes} bytes fit into the page that each frame has; fragments are not possible.`,
              details: { errno: errno.EINVAL, length: data.length },
            },
          );
        }
        if (result < 0) {
          throw testRunError(context.system.capabilities(), { data, ctx, program: name, repeat: frames }, result);
        }
        return { durationNs, elapsedNs };
      }),
  };
}

/** A page without headroom, tail room and the kernel's own struct xdp_page_head: net/bpf/test_run.c. */
const liveBytes = 3400;
