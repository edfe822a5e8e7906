import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { InterfaceInfo } from '../../protocol/kernel.ts';

/** Interfaces and namespaces as users name them. */

/** The helper does not know the name of the namespace that it runs in; the command that it advises needs it. */
export function advisingNetns(error: unknown, netns: string | undefined): unknown {
  if (netns === undefined || !(error instanceof XdpError) || error.fix === undefined) return error;
  const fix = error.fix.replaceAll(/(xdp detach --iface [^\s`;,]+)/g, `$1 --netns ${netns}`);
  return new XdpError(error.code, error.message, { fix, details: error.details, cause: error });
}

/** One question where the whole list would be many. What there is instead is only listed when it is not there. */
export async function interfaceIndex(client: HelperClient, name: string, netns: string | undefined): Promise<number> {
  try {
    return (await client.call('interfaces/index', { name })).ifindex;
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'interface-not-found') throw error;
    return (await findInterface(client, name, netns)).ifindex;
  }
}

export async function findInterface(
  client: HelperClient,
  name: string,
  netns: string | undefined,
): Promise<InterfaceInfo> {
  const { interfaces } = await client.call('interfaces/list', {});
  const found = interfaces.find((each) => each.name === name);
  if (found) return found;
  const where = netns === undefined ? '' : ` in network namespace ${netns}`;
  throw new XdpError('interface-not-found', `There is no interface ${name}${where}.`, {
    fix: `Interfaces there: ${interfaces.map((each) => each.name).join(', ')}.`,
  });
}
