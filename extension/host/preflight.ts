import type { ProgramFacts } from '../core/preflight/programFacts.ts';
import type { Advice } from '../core/preflight/situation.ts';
import type { XdpModeRequest } from '../core/xdp.ts';
import type { BpfObject } from '../session/bpfObject.ts';
import { adviceFor, type SeenInterface } from '../session/interfaces/describe.ts';
import { surveyOne } from '../session/interfaces/survey.ts';
import type { Services } from './services.ts';

/** What the pickers of an attach know: every interface of the namespace, and the program that is to go there. */
export interface Preflight {
  seen: readonly SeenInterface[];
  /** What to know before the program is attached to this interface in this mode. */
  advice(iface: SeenInterface, mode: XdpModeRequest): Advice[];
}

export async function preflightFor(
  services: Services,
  object: BpfObject,
  program: string,
  netns: string | undefined,
): Promise<Preflight> {
  const client = await services.kernel.own(netns);
  const { look } = services;
  const seen = await surveyOne(client, look, netns);
  const facts = await factsOf(object, program);
  const about = { program: facts, cpus: client.hello.onlineCpus.length, passProgram: look.passProgram };
  return { seen, advice: (iface, mode) => adviceFor(seen, iface, { ...about, mode }) };
}

async function factsOf(object: BpfObject, program: string): Promise<ProgramFacts> {
  const { programFacts } = await import('../core/preflight/programFacts.ts');
  return programFacts(object.elf, object.spec, program);
}
