import { XdpError } from '../../../core/errors.ts';
import { recordType } from '../../../core/packetTest/matchEvents.ts';
import { testRunLimits } from '../../../core/xdp.ts';
import { type BpfObject, chooseProgram, openObject } from '../../../session/bpfObject.ts';
import { runPacketBoth } from '../../../session/engine/both.ts';
import { possibleCpus } from '../../../session/engine/target.ts';
import { runPacketVm } from '../../../session/engine/vm.ts';
import { systemInterfaceIndex } from '../../../session/engine/vmMaps.ts';
import { parseContext, parseSetups } from '../../../session/run/context.ts';
import { interfaceIndexes } from '../../../session/run/interfaces.ts';
import { runJson } from '../../../session/run/json.ts';
import { captureArgument, isCaptureName } from '../../../session/run/packetArgument.ts';
import { recordRun, saveTest } from '../../../session/run/record.ts';
import type { HelperClient } from '../../../session/kernelAccess.ts';
import { type RunRequest, type RunResult, runPacket } from '../../../session/run/run.ts';
import { adviseMachine, type Context, type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../../command.ts';
import { runOnAttached } from './attached.ts';
import { options, packetOf, type RunInputs, type RunValues, textOf } from './inputs.ts';
import { runLiveFrames } from './live.ts';
import { runCapture } from './sequence.ts';
import { type StoryAnswer, storyAnswer } from './story.ts';
import { describeDifferences, describeRun } from './text.ts';

/** Enough runs for a time that means something; BPF_PROG_TEST_RUN has a fixed cost of milliseconds for a batch of them. */
const defaultRepeat = '1000';
const maxRepeat = 10_000_000;

export const run: Verb = {
  summary: 'run packets through a program (BPF_PROG_TEST_RUN)',
  usage:
    'run FILE --packet P [--prog NAME] [--repeat N] [--ctx JSON] [--maps JSON] [--engine kernel|vm|both] [--netns NS]\n' +
    '           [--story] [--event-type STRUCT] [--record TESTFILE [--name TEXT]] [--live FRAMES [--batch N]] [-o OUT.pcapng]\n' +
    '       xdp run --attached IF --packet P [--netns NS] [--repeat N] [--ctx JSON]',
  async run(args, context) {
    const { values, positionals } = parse(this.usage, args, options, { min: 0, max: 1 });
    const engine = oneOf('--engine', values.engine, ['kernel', 'vm', 'both'] as const);
    const [file] = positionals;
    const { packet: packetText } = values;
    if (packetText === undefined) throw usage('No packet was given.', this.usage);
    if ((file === undefined) === (values.attached === undefined)) {
      throw usage(file === undefined ? 'No file was given.' : 'Give a file, or --attached, not both.', this.usage);
    }
    refuseMixtures(values, engine, this.usage);
    if (file === undefined) return await runOnAttached(values, packetText, context);
    const object = await openObject(file, context.build);
    try {
      return await runObject(object, engine, values, { ...context, packetText });
    } catch (error) {
      const { explainRejection } = await import('../../../session/verify.ts');
      throw explainRejection(error, object);
    }
  },
};

async function runObject(
  object: BpfObject,
  engine: 'kernel' | 'vm' | 'both',
  values: RunValues,
  { packetText, ...context }: Context & { packetText: string },
): Promise<ExitCode> {
  const program = chooseProgram(object, values.prog).name;
  const client = engine === 'vm' ? undefined : await kernelFor(values, context);
  const inputs: RunInputs = {
    object,
    client,
    program,
    context: await parseContext(values.ctx, client ? interfaceIndexes(client) : systemInterfaceIndex),
    setups: parseSetups(await textOf(values.maps)),
  };
  const capture = await captureArgument(packetText);
  if (capture !== undefined)
    return await runCapture(engine, inputs, { packets: capture, output: values.output }, context);
  const packet = await packetOf(packetText, context);
  noteFragments(object, inputs, packet, context);
  if (values.live !== undefined) return await runLiveFrames(values, inputs, packet, context);
  const repeat = wholeNumber('--repeat', values.repeat ?? defaultRepeat, { min: 1, max: maxRepeat });
  return await runOne(engine, { ...inputs, packet, repeat, packetText }, values, context);
}

async function kernelFor({ netns, live }: RunValues, { kernel }: Context): Promise<HelperClient> {
  return await kernel.own(netns).catch((error: unknown) => {
    throw live === undefined ? adviseMachine(error) : error;
  });
}

function usage(why: string, synopsis: string): XdpError {
  return new XdpError('usage', why, { fix: `Usage: xdp ${synopsis}` });
}

/** The kernel puts what does not fit into a page into fragments, also for programs that do not ask for them (xdp.frags). */
function noteFragments(
  { spec }: BpfObject,
  { program, context: { metadata } }: RunInputs,
  packet: Uint8Array,
  { output }: Pick<Context, 'output'>,
): void {
  const { maxLinear } = testRunLimits;
  const isAware = spec.programs.find(({ name }) => name === program)?.frags === true;
  const linear = maxLinear - (metadata?.length ?? 0);
  if (isAware || packet.length <= linear) return;
  output.note(
    `packet: ${packet.length} bytes do not fit into one buffer: data_end stops after ${linear}, the rest is in fragments. ` +
      'A driver gives such packets only to programs in SEC("xdp.frags").',
  );
}

/** What cannot be meant together. */
function refuseMixtures(values: RunValues, engine: string, synopsis: string): void {
  const kernelOnly = (['netns', 'attached', 'live'] as const).filter((name) => values[name] !== undefined);
  if (engine !== 'kernel' && kernelOnly[0] !== undefined) {
    throw usage(`--${kernelOnly[0]} is about the kernel: it does not go with --engine ${engine}.`, synopsis);
  }
  if (values.output !== undefined && !isCaptureName(values.packet ?? '')) {
    throw usage('-o keeps the verdicts of a capture: give one as --packet, without a number.', synopsis);
  }
  if (values.batch !== undefined && values.live === undefined) throw usage('--batch goes with --live.', synopsis);
  if (
    values.story &&
    (values.attached !== undefined || values.live !== undefined || isCaptureName(values.packet ?? ''))
  ) {
    throw usage(
      '--story tells of one packet on fresh maps: not --attached, not --live, not a whole capture.',
      synopsis,
    );
  }
  if (values.name !== undefined && values.record === undefined) throw usage('--name goes with --record.', synopsis);
  if (values.record !== undefined && (values.attached !== undefined || values.live !== undefined)) {
    throw usage('--record takes a run on fresh maps: not --attached, not --live.', synopsis);
  }
  if (
    values.attached !== undefined &&
    (values.live !== undefined || values.maps !== '{}' || values.prog !== undefined)
  ) {
    throw usage('--attached runs the program that is there, on its own maps: no --live, --maps, --prog.', synopsis);
  }
}

async function runOne(
  engine: 'kernel' | 'vm' | 'both',
  { object, client, packetText, ...request }: RunInputs & RunRequest & { packetText: string },
  { record, name, story: wantsStory, 'event-type': typeName }: RunValues,
  { output, build }: Context,
): Promise<ExitCode> {
  const eventType = typeName === undefined ? undefined : recordType(object.spec.btf, typeName);
  if (engine === 'both' && client !== undefined) {
    const { explainRejection } = await import('../../../session/verify.ts');
    const both = await runPacketBoth(client, object, request).catch((error: unknown) =>
      namingEngine(explainRejection(error, object)),
    );
    const { kernel, vm, differences } = both;
    const story = await storyOfRun(kernel);
    const engines = { kernel: runJson(kernel, eventType), vm: runJson(vm, eventType) };
    // Before the result: with --json there is one document, whatever fails.
    if (record !== undefined) await keep(kernel);
    output.result({ engine: 'both', ...engines.kernel, engines, differences, ...story.json }, () =>
      [describeRun(kernel, request.repeat, eventType), ...describeDifferences(differences), ...story.lines].join('\n'),
    );
    return differences.length === 0 ? 0 : 1;
  }
  const result =
    client === undefined
      ? await runPacketVm(object, request, possibleCpus())
      : await runPacket(client, object, request);
  if (result.printkProblem !== undefined) output.note(result.printkProblem);
  if (record !== undefined) await keep(result);
  const story = await storyOfRun(result);
  output.result({ engine, ...runJson(result, eventType), ...story.json }, () =>
    [describeRun(result, request.repeat, eventType), ...story.lines].join('\n'),
  );
  return 0;

  async function storyOfRun({ action }: RunResult): Promise<StoryAnswer> {
    if (!wantsStory) return { json: {}, lines: [] };
    const { program, packet, context, setups = [] } = request;
    return await storyAnswer({ file: object.file, program, setups, packets: [{ packet, context }], action }, { build });
  }

  async function keep(ran: RunResult): Promise<void> {
    const file = record ?? '';
    // Bytes of a file are kept as bytes: the test must not depend on it.
    const isExpression = /^[A-Za-z]\w*\(/.test(packetText);
    const recorded = recordRun(request, ran, {
      name: name ?? `${request.program}: ${ran.action}`,
      packetText: isExpression ? packetText : undefined,
    });
    const { created } = await saveTest(file, object.file, recorded);
    output.note(`${created ? 'Made' : 'Added a test to'} ${file}: ${recorded.name}`);
  }
}

/** An engine that cannot run it is named. */
function namingEngine(error: unknown): never {
  if (!(error instanceof XdpError)) throw error;
  const engine = error.details['engine'] === 'vm' ? 'built-in machine' : 'kernel';
  const { fix, details } = error;
  const more = { details, cause: error, ...(fix === undefined ? {} : { fix }) };
  throw new XdpError('test-run-failed', `The ${engine} could not run it: ${error.message}`, more);
}
