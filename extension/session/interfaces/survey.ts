import { toErrorData } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import { sessionPeers } from '../attach/lifelines.ts';
import { type OtherNamespace, otherNamespaces } from '../attach/namespaces.ts';
import { describeInterfaces, type SeenInterface, type Surroundings } from './describe.ts';

/** One network namespace, and what is in it or why that is not known. */
export type SeenNamespace = OtherNamespace & ({ interfaces: SeenInterface[] } | { problem: string });

export interface Survey {
  /** Of the namespace that the helper is in. */
  interfaces: SeenInterface[];
  namespaces: SeenNamespace[];
}

export type Look = Omit<Surroundings, 'cpus'>;

/** The interfaces of the helper's own namespace. `netns`: its name, when it is not this process's own. */
export async function surveyOne(client: HelperClient, look: Look, netns?: string): Promise<SeenInterface[]> {
  const peers = netns === undefined ? sessionPeers(process.env) : [];
  const { interfaces } = await client.call('interfaces/list', { peers });
  return await describeInterfaces(interfaces, netns, { ...look, cpus: client.hello.onlineCpus.length });
}

/**
 * Every interface of this namespace and of every named one. What cannot be looked into (the others, without CAP_SYS_ADMIN)
 * is listed with the reason.
 */
export async function survey(client: HelperClient, look: Look): Promise<Survey> {
  const named = (await otherNamespaces()).filter(({ kind }) => kind === 'name');
  const interfaces = await surveyOne(client, look);
  const namespaces: SeenNamespace[] = [];
  for (const each of named) namespaces.push({ ...each, ...(await lookInto(client, look, each.netns)) });
  return { interfaces, namespaces };
}

async function lookInto(
  client: HelperClient,
  look: Look,
  netns: string,
): Promise<{ interfaces: SeenInterface[] } | { problem: string }> {
  if (client.hello.profile !== 'system') return { problem: namespacesNeedPrivilege };
  try {
    const { interfaces } = await client.call('interfaces/list', { netns });
    return {
      interfaces: await describeInterfaces(interfaces, netns, { ...look, cpus: client.hello.onlineCpus.length }),
    };
  } catch (error) {
    return { problem: toErrorData(error).message };
  }
}

export const namespacesNeedPrivilege = 'Looking into another network namespace needs CAP_SYS_ADMIN (root)';
