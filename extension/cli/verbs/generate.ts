import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { t } from '../../core/text/language.ts';
import { bothTestEngine, machinesToCompare } from '../../session/engine/bothTests.ts';
import { type Generated, generate as generateTests } from '../../session/generate/generate.ts';
import { describeGenerated } from '../../session/generate/report.ts';
import type { TestEngine } from '../../session/packetTest/engine.ts';
import { testFileSuffix } from '../../session/packetTest/files.ts';
import { kernelTestEngine } from '../../session/packetTest/kernel.ts';
import { writeError } from '../../session/userFiles.ts';
import { type Context, type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../command.ts';

export const generate: Verb = {
  summary: 'find packets that reach every branch of a program, as a packet test file',
  usage: 'generate FILE [--prog NAME] [--time S] [--seed N] [--engine vm|both] [-o OUT.xdptest.json]',
  async run(args, context) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        prog: { type: 'string' },
        time: { type: 'string', default: '10' },
        seed: { type: 'string', default: '1' },
        engine: { type: 'string', default: 'vm' },
        output: { type: 'string', short: 'o' },
      },
      { min: 1, max: 1 },
    );
    const { output } = values;
    if (output !== undefined && !output.endsWith(testFileSuffix)) {
      throw new XdpError('usage', `${output} would not be found by \`xdp test\`.`, {
        fix: `Name a file that ends in ${testFileSuffix}.`,
      });
    }
    // Nobody waits for a search whose end has no place.
    if (output !== undefined && existsSync(output)) throw isThere(path.resolve(output));
    const engine = oneOf('--engine', values.engine, ['vm', 'both'] as const);
    const timeMs = wholeNumber('--time', values.time, { min: 1, max: 3600 }) * 1000;
    const seed = wholeNumber('--seed', values.seed, { min: 0, max: 0xffff_ffff });
    const { build, signal } = context;
    const options = { file: positionals[0] ?? '', program: values.prog, build, seed, timeMs, signal };
    const generated = await generateTests({
      ...options,
      ...(engine === 'both' ? { engine: await bothEngines(context) } : {}),
      onProgress: progressNotes(context),
    });
    if (generated.ended === 'cancelled') throw new XdpError('cancelled', 'The search was interrupted.');
    if (output !== undefined) await writeNew(output, generated);
    const { text, tests, ...report } = generated;
    const written = output === undefined ? undefined : path.resolve(output);
    context.output.result(
      { ...report, tests, ...(written === undefined ? {} : { written }) },
      () =>
        `${describeGenerated(generated, process.cwd())}${written === undefined ? `\n${text}` : t('Written to {0}.', written)}`,
    );
    return 0 satisfies ExitCode;
  },
};

async function bothEngines({ kernel }: Context): Promise<TestEngine> {
  const client = await kernel.own();
  const { onlineCpus, possibleCpus } = client.hello;
  return bothTestEngine(kernelTestEngine(client), machinesToCompare(possibleCpus), onlineCpus[0] ?? 0);
}

/** On a terminal somebody is waiting: once a second. */
function progressNotes({ output }: Context): (progress: { phase: string; runs: number; found: number }) => void {
  let saidMs = performance.now();
  return ({ phase, runs, found }) => {
    if (!process.stderr.isTTY || performance.now() - saidMs < 1000) return;
    saidMs = performance.now();
    output.note(`${phase}: ${runs} runs, ${found} packets that reached something new`);
  };
}

function isThere(target: string, cause?: unknown): XdpError {
  return new XdpError('environment', `${target} cannot be written: it is there already.`, {
    fix: 'Name another file, or move that one away.',
    cause,
  });
}

/** What somebody wrote there is not overwritten. */
async function writeNew(output: string, { text, file }: Generated): Promise<void> {
  const target = path.resolve(output);
  const source = path.relative(path.dirname(target), file).split(path.sep).join('/');
  const placed = text.replace(JSON.stringify(path.basename(file)), () => JSON.stringify(source));
  try {
    const handle = await open(target, 'wx');
    try {
      await handle.writeFile(placed);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(target, cause);
    throw isThere(target, cause);
  }
}
