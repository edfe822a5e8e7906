import { type KernelEvents, type kernelContract, kernelProtocolVersion } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { codeHandlers } from '../object/code.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { Netlink } from '../../netlink/client.ts';
import type { HelperProfile } from '../../system/capabilities.ts';
import type { System } from '../../system/system.ts';
import { adoptHandlers } from './adopt.ts';
import { attachHandlers } from './attach.ts';
import { AttachmentStore } from './attachments.ts';
import type { Context } from '../context.ts';
import { detachHandlers } from './detach.ts';
import { guardHandlers } from './guarding.ts';
import { Guards } from './guards.ts';
import { interfaceHandlers } from '../interfaces.ts';
import { loadHandlers } from '../object/load.ts';
import { eventHandlers } from '../maps/events.ts';
import { mapHandlers } from '../maps/maps.ts';
import { nameHandlers } from '../maps/names.ts';
import { tableHandlers } from '../maps/tables.ts';
import { KeptMaps } from '../maps/keptMaps.ts';
import { TakenMaps } from '../maps/takenMaps.ts';
import { settleKept } from './keeping.ts';
import { ObjectStore } from '../object/objects.ts';
import type { PinDirectory } from './pins.ts';
import { capturePrints } from '../trace/prints.ts';
import { replaceHandlers } from './replace.ts';
import { liveHandlers } from '../run/live.ts';
import { openHandlers } from '../run/open.ts';
import { stepHandlers } from '../run/steps.ts';
import { testRunHandlers } from '../run/testRun.ts';
import { traceHandlers } from '../trace/trace.ts';
import { statsHandlers } from '../stats.ts';
import { watchInterfaces } from '../watch.ts';

export interface Ports {
  profile: HelperProfile;
  libbpf: Libbpf;
  netlink: Netlink;
  system: System;
  pins: PinDirectory | { problem: string };
  emit<E extends keyof KernelEvents>(event: E, data: KernelEvents[E]): void;
}

export interface KernelService {
  handlers: Handlers<typeof kernelContract>;
  /** Closes every fd. What was attached by an unpinned link is detached by that. */
  dispose(): void;
}

/** The helper without its process: takes ports, so that tests can answer with any errno. */
export function createHandlers(ports: Ports): KernelService {
  const context: Context = {
    ...ports,
    prints: capturePrints(ports.libbpf, (level, text) => ports.emit('log', { level, text })),
    objects: new ObjectStore(ports.libbpf),
    attachments: new AttachmentStore(ports.libbpf),
    guards: new Guards(),
    takenMaps: new TakenMaps(ports.libbpf),
    keptMaps: 'problem' in ports.pins ? undefined : new KeptMaps(ports.libbpf, ports.pins),
  };
  settleKept(context);
  const watch = watchInterfaces(context);
  const trace = traceHandlers(context);
  const events = eventHandlers(context);
  const stats = statsHandlers(context);
  return {
    handlers: {
      hello: () => hello(context),
      ...loadHandlers(context),
      ...testRunHandlers(context),
      ...stepHandlers(context),
      ...liveHandlers(context),
      ...codeHandlers(context),
      ...openHandlers(context),
      ...attachHandlers(context),
      ...replaceHandlers(context),
      ...guardHandlers(context),
      ...adoptHandlers(context),
      ...detachHandlers(context),
      ...interfaceHandlers(context),
      ...mapHandlers(context),
      ...tableHandlers(context),
      ...nameHandlers(context),
      ...events.handlers,
      ...trace.handlers,
      ...watch.handlers,
      ...stats.handlers,
    },
    dispose: () => {
      watch.stop();
      trace.stop();
      events.stop();
      stats.stop();
      // Whoever could confirm is gone.
      context.guards.revertAll();
      for (const attachment of context.attachments.all()) context.attachments.release(attachment.handle);
      context.takenMaps.closeAll();
      context.objects.closeAll();
    },
  };
}

function hello(context: Context): ReturnType<Handlers<typeof kernelContract>['hello']> {
  const { system, pins } = context;
  return {
    protocolVersion: kernelProtocolVersion,
    pid: process.pid,
    profile: context.profile,
    uid: process.getuid?.() ?? 0,
    libbpfVersion: context.libbpf.version,
    kernelRelease: system.kernelRelease(),
    capabilities: system.capabilities(),
    possibleCpus: system.possibleCpus(),
    onlineCpus: system.onlineCpus(),
    ...('problem' in pins ? { pinProblem: pins.problem } : { pinDir: pins.path }),
  };
}
