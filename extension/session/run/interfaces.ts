import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';

/** Finds interfaces of the helper's network namespace by name; they are listed once. Error: `interface-not-found`. */
export function interfaceIndexes(client: HelperClient): (name: string) => Promise<number> {
  let interfaces: Promise<ReadonlyMap<string, number>> | undefined;
  return async (name) => {
    interfaces ??= interfaceNames(client).then((names) => new Map([...names].map(([index, each]) => [each, index])));
    const known = await interfaces;
    const index = known.get(name);
    if (index !== undefined) return index;
    throw new XdpError('interface-not-found', `There is no interface named ${name}.`, {
      fix: `There are: ${[...known.keys()].join(', ')}.`,
    });
  };
}

/** Names by ifindex. */
export async function interfaceNames(client: HelperClient): Promise<ReadonlyMap<number, string>> {
  const { interfaces } = await client.call('interfaces/list', {});
  return new Map(interfaces.map(({ ifindex, name }) => [ifindex, name]));
}
