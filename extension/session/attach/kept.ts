import { existsSync } from 'node:fs';
import type { XdpMode } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { InterfaceInfo } from '../../protocol/kernel.ts';
import type { KernelAccess } from '../kernelAccess.ts';
import type { AttachmentRegistry, KeptRecord } from './registry.ts';

/** A program that stays attached without any session, as a new one finds it. */
export interface KeptProgram {
  kind: 'kept';
  program: string;
  progId: number;
  iface: string;
  mode: XdpMode;
  netns: string | undefined;
  /** Source or object; '' where it is not known. */
  file: string;
}

/**
 * What this user kept attached. Never asks for a password: a helper that runs already knows; without one the records of
 * earlier sessions are held against what everybody may see of the interfaces. In a namespace that nobody has entered yet the
 * record is believed as long as the namespace is there.
 */
export async function findKept(access: KernelAccess, registry: AttachmentRegistry): Promise<KeptProgram[]> {
  const records = await registry.kept();
  const namespaces = new Set(records.map(({ netns }) => netns));
  if (access.ownIfRunning() !== undefined) namespaces.add(undefined);
  const found = await Promise.all(
    [...namespaces].map(async (netns) => {
      const here = records.filter((record) => record.netns === netns);
      const running = await access.ownIfRunning(netns)?.catch(() => undefined);
      if (running !== undefined) {
        const interfaces = await list(running);
        const known = attachedStill(interfaces, here);
        const rest = pinned(interfaces, netns).filter(({ progId }) => known.every((one) => one.progId !== progId));
        return [...known, ...rest];
      }
      if (netns !== undefined) return namespaceExists(netns) ? here.map(toKept) : [];
      return attachedStill(await access.withoutPrivilege(undefined, list).catch(() => []), here);
    }),
  );
  const kept = found.flat();
  for (const record of records) {
    if (!kept.some(({ progId }) => progId === record.progId)) await registry.forgetKept(record);
  }
  return kept;
}

async function list(client: HelperClient): Promise<InterfaceInfo[]> {
  return (await client.call('interfaces/list', {})).interfaces;
}

function pinned(interfaces: InterfaceInfo[], netns: string | undefined): KeptProgram[] {
  return interfaces.flatMap(({ name: iface, attached }) =>
    attached
      .filter(({ owner }) => owner === 'kept')
      .map(({ program, progId, mode }) => ({ kind: 'kept', program, progId, iface, mode, netns, file: '' })),
  );
}

function attachedStill(interfaces: InterfaceInfo[], records: KeptRecord[]): KeptProgram[] {
  return records
    .filter(({ iface, progId }) =>
      interfaces.some(({ name, attached }) => name === iface && attached.some((one) => one.progId === progId)),
    )
    .map(toKept);
}

function toKept({ program, progId, iface, mode, netns, file }: KeptRecord): KeptProgram {
  return { kind: 'kept', program, progId, iface, mode, netns, file };
}

function namespaceExists(netns: string): boolean {
  return [`/run/netns/${netns}`, `/proc/${netns}/ns`, netns].some((file) => existsSync(file));
}
