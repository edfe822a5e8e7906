import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { buildFile } from '../build.ts';
import type { Services } from '../services.ts';
import type { PacketRunner } from './packetRunner.ts';

/** The packet panel on a machine with a kernel: BPF_PROG_TEST_RUN, through the helper. */
export function kernelRunner(services: Services): PacketRunner {
  return {
    open: (file) => buildFile(services, file),
    async one(object, request) {
      const client = await services.kernel.own();
      const { runPacket } = await import('../../session/run/run.ts');
      return await runPacket(client, object, request);
    },
    async many(object, request) {
      const client = await services.kernel.own();
      const { runSequence } = await import('../../session/run/sequence.ts');
      return await runSequence(client, object, request);
    },
    kernel: {
      async attached(progId, request) {
        const live = services.attachments.live.find((each) => each.progId === progId);
        if (live?.loaded === undefined || live.object === undefined) {
          throw new XdpError('nothing-attached', vscode.l10n.t('That program is not attached any more.'));
        }
        const { client, loaded, object, program, iface } = live;
        const { RunInstance } = await import('../../session/run/instance.ts');
        const { runAttached } = await import('../../session/run/run.ts');
        const opening = Promise.resolve(RunInstance.live({ client, loaded, object, program }));
        return { ...(await runAttached(opening, request, object)), attachedTo: iface };
      },
      async live(object, request) {
        const client = await services.kernel.own();
        const { runLive } = await import('../../session/run/live.ts');
        const { interfaceNames } = await import('../../session/run/interfaces.ts');
        const names = await interfaceNames(client);
        const { ingressIfindex } = request.context;
        return {
          ...(await runLive(client, object, request)),
          iface: names.get(ingressIfindex ?? 0) ?? String(ingressIfindex),
        };
      },
    },
  };
}
