import path from 'node:path';
import { adviceText, preflight } from '../../core/preflight/advice.ts';
import type { ProgramFacts } from '../../core/preflight/programFacts.ts';
import type { Advice } from '../../core/preflight/situation.ts';
import type { XdpModeRequest } from '../../core/xdp.ts';
import type { AttachedProgram, InterfaceInfo } from '../../protocol/kernel.ts';
import type { AttachmentRegistry, KeptRecord } from '../attach/registry.ts';

export type SeenProgram = AttachedProgram & {
  /** The session of this user that holds it, in words: `xdp attach (process 12)`. */
  holder?: string;
  /** The file that a kept one was made from, where that is known. */
  file?: string;
};

/** An interface with what is to be known about it before attaching. */
export interface SeenInterface extends Omit<InterfaceInfo, 'attached'> {
  /** undefined: this process's own network namespace. */
  netns: string | undefined;
  attached: SeenProgram[];
  advice: Advice[];
}

export interface Surroundings {
  registry: AttachmentRegistry;
  /** CPUs that may take packets. */
  cpus: number;
  /** A program that passes everything, for the peer of a veth. */
  passProgram: string | undefined;
}

/** The source of the bundled program that passes everything, beside the bundled headers. */
export function passProgramOf(bundledInclude: string): string {
  return path.join(bundledInclude, '..', 'examples', 'pass', 'xdp_pass.bpf.c');
}

/** Adds who holds what, and what to know when no program is chosen yet. */
export async function describeInterfaces(
  interfaces: readonly InterfaceInfo[],
  netns: string | undefined,
  { registry, cpus, passProgram }: Surroundings,
): Promise<SeenInterface[]> {
  const records = interfaces.some(({ attached }) => attached.length > 0) ? await registry.kept() : [];
  return await Promise.all(
    interfaces.map(async (iface): Promise<SeenInterface> => {
      const attached = await Promise.all(iface.attached.map((each) => withHolder(each, registry, records)));
      const seen = { ...iface, attached, netns };
      return { ...seen, advice: preflight({ iface: seen, netns, cpus, passProgram }) };
    }),
  );
}

async function withHolder(
  program: AttachedProgram,
  registry: AttachmentRegistry,
  records: readonly KeptRecord[],
): Promise<SeenProgram> {
  if (program.owner === 'this') return program;
  const record = records.find(({ progId }) => progId === program.progId);
  const registered = await registry.find([program]);
  const seen: SeenProgram = {
    ...program,
    program: program.program || (registered?.program ?? record?.program ?? ''),
    ...(record === undefined ? {} : { owner: 'kept', file: record.file }),
  };
  if (registered === undefined) return seen;
  return registered.own ? { ...seen, owner: 'this' } : { ...seen, holder: registered.holder };
}

/** What to know before this program is attached to one of the interfaces. */
export function adviceFor(
  seen: readonly SeenInterface[],
  iface: SeenInterface,
  about: { program: ProgramFacts; mode: XdpModeRequest } & Omit<Surroundings, 'registry'>,
): Advice[] {
  return preflight({ ...about, iface, others: seen, netns: iface.netns });
}

/** The contract's `warnings`: one line each, the cause and the next step. */
export function warningTexts(advice: readonly Advice[]): string[] {
  return advice.map(adviceText);
}
