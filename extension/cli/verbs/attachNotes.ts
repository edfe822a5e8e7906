import { type AdviceCode, adviceText } from '../../core/preflight/advice.ts';
import type { XdpModeRequest } from '../../core/xdp.ts';
import { t, translated } from '../../core/text/language.ts';
import type { BpfObject } from '../../session/bpfObject.ts';
import { adviceFor, passProgramOf } from '../../session/interfaces/describe.ts';
import { surveyOne } from '../../session/interfaces/survey.ts';
import type { Context } from '../command.ts';

/**
 * What to know before a program is attached, on stderr; answers with what was said. Who is there already is said by the
 * attempt itself.
 */
export async function noteBeforeAttaching(
  { kernel, registry, output, build }: Context,
  about: { object: BpfObject; program: string; iface: string; netns: string | undefined; mode: XdpModeRequest },
): Promise<Set<AdviceCode>> {
  const client = await kernel.own(about.netns);
  const passProgram = passProgramOf(build.bundledInclude);
  const seen = await surveyOne(client, { registry, passProgram }, about.netns);
  const iface = seen.find(({ name }) => name === about.iface);
  if (iface === undefined) return new Set(); // Attaching says which there are.
  const { programFacts } = await import('../../core/preflight/programFacts.ts');
  const program = programFacts(about.object.elf, about.object.spec, about.program);
  const cpus = client.hello.onlineCpus.length;
  const advice = adviceFor(seen, iface, { program, mode: about.mode, cpus, passProgram });
  const said = advice.filter(({ code }) => code !== 'occupied');
  for (const each of said)
    output.note(`${t(each.level === 'warning' ? 'warning' : 'note')}: ${translated(adviceText(each))}`);
  return new Set(said.map(({ code }) => code));
}
