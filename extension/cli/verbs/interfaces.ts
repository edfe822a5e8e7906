import { XdpError } from '../../core/errors.ts';
import { passProgramOf, type SeenInterface, warningTexts } from '../../session/interfaces/describe.ts';
import { programsOf, seesEverything, survey, type Survey, surveyOne } from '../../session/interfaces/survey.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { type ProgramRate, RateMeter } from '../../session/interfaces/rates.ts';
import { type Context, parse, type Verb, wholeNumber } from '../command.ts';
import { interfacesText, type Rates } from './interfacesText.ts';

export const interfaces: Verb = {
  summary: 'list interfaces, the modes they take, what is attached and what to know before attaching',
  usage: 'interfaces [--netns NS] [--watch MS]',
  async run(args, context) {
    const options = { netns: { type: 'string' }, watch: { type: 'string' } } as const;
    const { values } = parse(this.usage, args, options, { min: 0, max: 0 });
    if (values.watch !== undefined) {
      await watch(context, values.netns, wholeNumber('--watch', values.watch, { min: 100, max: 3_600_000 }));
      return 0;
    }
    const seen = await lookAround(context, values.netns);
    context.output.result(documentOf(seen), () => interfacesText(seen, values.netns));
    return 0;
  },
};

type Looking = (client: HelperClient) => Promise<Survey>;

function lookingFrom({ registry, build }: Context, netns: string | undefined): Looking {
  const look = { registry, passProgram: passProgramOf(build.bundledInclude) };
  return async (client) =>
    netns === undefined
      ? await survey(client, look)
      : { interfaces: await surveyOne(client, look, netns), namespaces: [] };
}

async function lookAround(context: Context, netns: string | undefined): Promise<Survey> {
  const { kernel, output } = context;
  const from = lookingFrom(context, netns);
  const unprivileged =
    "Without privilege the names of other users' programs and other network namespaces are not known.";
  const asFarAsAllowed = async (client: HelperClient): Promise<Survey> => {
    if (!seesEverything(client)) output.note(unprivileged);
    return await from(client);
  };
  // Names of other people's programs and other namespaces need CAP_SYS_ADMIN; the interfaces themselves need nothing.
  return await kernel.withSystem(netns, asFarAsAllowed).catch((error: unknown) => {
    const lacking = error instanceof XdpError && (error.code === 'privilege' || error.code === 'elevation-refused');
    if (!lacking || netns !== undefined) throw error;
    return kernel.withoutPrivilege(undefined, asFarAsAllowed);
  });
}

/** With run counts, which the kernel keeps only while this goes on. */
async function watch(context: Context, netns: string | undefined, everyMs: number): Promise<void> {
  const { kernel, output, signal } = context;
  const from = lookingFrom(context, netns);
  await kernel.withSystem(netns, async (client) => {
    await client.call('stats/hold', {});
    const meter = new RateMeter(client);
    while (!signal.aborted) {
      const seen = await from(client);
      const rates = await meter.read(programsOf(seen));
      output.result(documentOf(seen, rates), () => `${interfacesText(seen, netns, rates)}\n`);
      await pause(everyMs, signal);
    }
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

function documentOf({ interfaces: list, namespaces }: Survey, rates: Rates = new Map()): unknown {
  const all = (members: readonly SeenInterface[]): unknown[] => members.map((each) => interfaceDocument(each, rates));
  return {
    interfaces: all(list),
    namespaces: namespaces.map((each) => ({
      netns: each.netns,
      ...('problem' in each ? { problem: each.problem } : { interfaces: all(each.interfaces) }),
    })),
  };
}

function interfaceDocument({ attached, advice, ...iface }: SeenInterface, rates: Rates): unknown {
  return {
    ...iface,
    warnings: warningTexts(advice),
    advice,
    attached: attached.map(({ holder, ...program }) => ({
      ...program,
      owner: holder ?? program.owner,
      ...rateDocument(rates.get(program.progId)),
    })),
  };
}

function rateDocument(rate: ProgramRate | undefined): object {
  if (rate === undefined) return {};
  const { runs, perSecond, nsPerRun } = rate;
  return { runs: String(runs), packetsPerSecond: perSecond, ...(nsPerRun === undefined ? {} : { nsPerRun }) };
}
