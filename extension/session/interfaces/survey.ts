import { toErrorData } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import { sessionPeers } from '../attach/lifelines.ts';
import { type OtherNamespace, otherNamespaces } from '../attach/namespaces.ts';
import type { KernelAccess } from '../kernelAccess.ts';
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
  const { interfaces } = await client.call('interfaces/list', { depth: 'whole', peers });
  return await describeInterfaces(interfaces, netns, surroundings(client, look));
}

/**
 * Every interface of this namespace and of every named one, and of those where a helper of this session runs. What cannot
 * be looked into (the others, without CAP_SYS_ADMIN) is listed with the reason.
 */
export async function survey(client: HelperClient, look: Look, session?: KernelAccess): Promise<Survey> {
  const running = session?.ownNamespaces() ?? [];
  const others = (await otherNamespaces()).filter(({ kind, netns }) => kind === 'name' || running.includes(netns));
  const interfaces = await surveyOne(client, look);
  const namespaces: SeenNamespace[] = [];
  for (const each of others) namespaces.push({ ...each, ...(await lookInto(client, look, each.netns, session)) });
  return { interfaces, namespaces };
}

/** Looks again at one of the other namespaces. */
export async function refreshNamespace(
  client: HelperClient,
  look: Look,
  before: Survey,
  netns: string,
): Promise<Survey> {
  const known = before.namespaces.find((each) => each.netns === netns);
  if (known === undefined) return before;
  const { label, kind } = known;
  const now: SeenNamespace = { netns, label, kind, ...(await lookInto(client, look, netns)) };
  return { ...before, namespaces: before.namespaces.map((each) => (each === known ? now : each)) };
}

/** Ids of everything that is attached, and of what dispatchers run. */
export function programsOf({ interfaces, namespaces }: Survey): number[] {
  const all = [...interfaces, ...namespaces.flatMap((each) => ('interfaces' in each ? each.interfaces : []))];
  const ids = all.flatMap(({ attached }) =>
    attached.flatMap(({ progId, behind = [] }) => [progId, ...behind.map((each) => each.progId)]),
  );
  return [...new Set(ids)];
}

async function lookInto(
  client: HelperClient,
  look: Look,
  netns: string,
  session?: KernelAccess,
): Promise<{ interfaces: SeenInterface[] } | { problem: string }> {
  try {
    if (seesEverything(client)) {
      const { interfaces } = await client.call('interfaces/list', { netns, depth: 'whole' });
      return { interfaces: await describeInterfaces(interfaces, netns, surroundings(client, look)) };
    }
    const own = await session?.ownIfRunning(netns);
    if (own !== undefined) return { interfaces: await surveyOne(own, look, netns) };
    return { problem: namespacesNeedPrivilege };
  } catch (error) {
    return { problem: toErrorData(error).message };
  }
}

/** Whether it may look into other namespaces, and at what others loaded. */
export function seesEverything({ hello }: HelperClient): boolean {
  return hello.profile === 'system' && hello.capabilities.includes('CAP_SYS_ADMIN');
}

function surroundings({ hello }: HelperClient, look: Look): Surroundings {
  return { ...look, cpus: hello.onlineCpus.length };
}

export const namespacesNeedPrivilege = 'Looking into another network namespace needs CAP_SYS_ADMIN (root)';
