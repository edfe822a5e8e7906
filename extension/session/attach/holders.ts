import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { AttachedProgram, InterfaceInfo } from '../../protocol/kernel.ts';
import { findInterface } from './byName.ts';
import type { AttachmentRegistry, RegisteredAttachment } from './registry.ts';

/** Sessions of this user that hold what is attached to an interface. */

/** A foreground `xdp attach` detaches by itself when it is asked to end: nothing is torn away under it. */
export async function stopHolder(
  client: HelperClient,
  iface: InterfaceInfo,
  registered: RegisteredAttachment,
  netns: string | undefined,
): Promise<AttachedProgram[]> {
  try {
    registered.stop?.();
  } catch {
    // It has ended by itself, and what it had attached with it.
  }
  const before = iface.attached;
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await findInterface(client, iface.name, netns);
    const gone = !now.attached.some(({ progId }) => before.some((old) => old.progId === progId));
    if (gone) return before.map((each) => ({ ...each, program: each.program || registered.program }));
  }
  throw new XdpError('attach-failed', `${registered.holder} was asked to detach from ${iface.name} and has not.`, {
    fix: 'End that process, or use --force.',
  });
}

/** Whose the program is that is in the way, where it is this user's. */
export async function namingTheHolder(
  error: unknown,
  registry: AttachmentRegistry,
  client: HelperClient,
  place: { name: string; netns: string | undefined },
): Promise<unknown> {
  if (!(error instanceof XdpError) || error.code !== 'interface-busy') return error;
  const iface = await findInterface(client, place.name, place.netns);
  const registered = await registry.find(iface.attached);
  if (!registered) return error;
  return new XdpError(error.code, `${error.message.replace(/\.?$/, '.')} It belongs to ${registered.holder}.`, {
    fix: `Detach it first: xdp detach --iface ${iface.name}`,
    details: error.details,
    cause: error,
  });
}
