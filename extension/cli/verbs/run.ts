import { XdpError } from '../../core/errors.ts';
import { parseHex } from '../../core/packet/hex.ts';
import { type BpfObject, chooseProgram, openObject } from '../../session/bpfObject.ts';
import { runPacketBoth } from '../../session/engine/both.ts';
import { possibleCpus } from '../../session/engine/target.ts';
import { runPacketVm } from '../../session/engine/vm.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { packetArgument } from '../../session/run/packetArgument.ts';
import { type RunContext, type RunRequest, type RunResult, runJson, runPacket } from '../../session/run/run.ts';
import { type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../command.ts';
import { type Output, printable } from '../output.ts';

/** Enough runs for a mean that means something; BPF_PROG_TEST_RUN has a fixed cost of milliseconds beyond one. */
const defaultRepeat = '1000';

export const run: Verb = {
  summary: 'run one packet through a program (BPF_PROG_TEST_RUN)',
  usage: 'run FILE --packet P [--prog NAME] [--repeat N] [--ctx JSON] [--engine kernel|vm|both]',
  async run(args, { output, kernel, build }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        packet: { type: 'string' },
        prog: { type: 'string' },
        repeat: { type: 'string', default: defaultRepeat },
        ctx: { type: 'string', default: '{}' },
        engine: { type: 'string', default: 'kernel' },
      },
      { min: 1, max: 1 },
    );
    const engine = oneOf('--engine', values.engine, ['kernel', 'vm', 'both'] as const);
    if (values.packet === undefined) {
      throw new XdpError('usage', 'No packet was given.', { fix: `Usage: xdp ${this.usage}` });
    }
    const repeat = wholeNumber('--repeat', values.repeat, { min: 1, max: 10_000_000 });
    const context = parseContext(values.ctx);
    const { bytes, layers, warnings } = await packetArgument(values.packet);
    if (layers[0]?.name !== 'Ether') {
      output.note('packet: it does not begin with Ether(); an XDP program sees an Ethernet frame.');
    }
    for (const warning of warnings) output.note(`packet: ${warning}`);
    const object = await openObject(positionals[0] ?? '', build);
    const program = chooseProgram(object, values.prog);
    const request: RunRequest = { program: program.name, packet: bytes, context, repeat };
    if (engine === 'both') return await runBoth(await kernel.own(), object, request, output);
    const result =
      engine === 'kernel'
        ? await runPacket(await kernel.own(), object, request)
        : runPacketVm(object, request, possibleCpus());
    if (result.printkProblem !== undefined) output.note(result.printkProblem);
    output.result({ engine, ...runJson(result) }, () => describe(result, repeat));
    return 0;
  },
};

/** Kernel and machine side by side: 0 when they agree, 1 when not; an engine that cannot run it is named. */
async function runBoth(
  client: HelperClient,
  object: BpfObject,
  request: RunRequest,
  output: Output,
): Promise<ExitCode> {
  const both = await runPacketBoth(client, object, request).catch((error: unknown) => {
    if (!(error instanceof XdpError)) throw error;
    const engine = error.details['engine'] === 'vm' ? 'built-in machine' : 'kernel';
    const { fix, details } = error;
    const options = { details, cause: error, ...(fix === undefined ? {} : { fix }) };
    throw new XdpError('test-run-failed', `The ${engine} could not run it: ${error.message}`, options);
  });
  const { kernel, vm, differences } = both;
  const engines = { kernel: runJson(kernel), vm: runJson(vm) };
  output.result({ engine: 'both', ...engines.kernel, engines, differences }, () =>
    [
      describe(kernel, request.repeat),
      ...(differences.length === 0 ? ['Kernel and built-in machine agree.'] : ['Kernel and built-in machine differ:']),
      ...differences.map(({ what, kernel: left, vm: right }) =>
        printable(`  ${what}: kernel ${JSON.stringify(left)}, machine ${JSON.stringify(right)}`),
      ),
    ].join('\n'),
  );
  return differences.length === 0 ? 0 : 1;
}

/** `{"ingress_ifindex":1,"rx_queue_index":0,"metadata":"01020304","cpu":0}`: the names of `struct xdp_md`. */
function parseContext(text: string): RunContext {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new XdpError('context-invalid', `--ctx is not JSON: ${text}`, { fix: exampleContext, cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new XdpError('context-invalid', '--ctx is not a JSON object.', { fix: exampleContext });
  }
  const context: RunContext = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === 'ingress_ifindex') context.ingressIfindex = unsigned(name, value);
    else if (name === 'rx_queue_index') context.rxQueueIndex = unsigned(name, value);
    else if (name === 'cpu') context.cpu = unsigned(name, value);
    else if (name === 'metadata' && typeof value === 'string') context.metadata = metadataBytes(value);
    else if (name === 'egress_ifindex') {
      throw new XdpError('context-invalid', 'egress_ifindex cannot be given: the kernel refuses it in a test run.', {
        fix: 'It is set only for devmap programs in live traffic.',
      });
    } else {
      throw new XdpError('context-invalid', `--ctx cannot hold ${name}: ${JSON.stringify(value)}.`, {
        fix: exampleContext,
      });
    }
  }
  return context;
}

const exampleContext = 'For example: --ctx \'{"ingress_ifindex": 1, "rx_queue_index": 0, "metadata": "01020304"}\'';

function metadataBytes(hex: string): Uint8Array {
  try {
    return parseHex(hex);
  } catch (cause) {
    throw new XdpError('context-invalid', `metadata is not hex: ${hex}`, { fix: exampleContext, cause });
  }
}

function unsigned(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
  throw new XdpError('context-invalid', `${name} cannot be ${JSON.stringify(value)}.`, {
    fix: 'It is an unsigned 32-bit number.',
  });
}

function describe(result: RunResult, repeat: number): string {
  const json = runJson(result);
  return [
    `${result.action}, ${result.durationNs} ns per packet (mean of ${repeat})`,
    ...(result.packetChanges
      ? ['The kernel does not reset the packet between runs: the mean is over changing packets.']
      : []),
    json['changed'] === true ? `out: ${String(json['packetOut'])}` : 'The packet is unchanged.',
    ...result.maps.map(
      ({ map, changes }) => `${map.info.name}: ${changes.length} ${changes.length === 1 ? 'entry' : 'entries'} changed`,
    ),
    ...(json['maps'] as { name: string; changes: { key: unknown; before: unknown; after: unknown }[] }[]).flatMap(
      ({ name, changes }) =>
        changes.map(({ key, before, after }) =>
          printable(`  ${name}[${JSON.stringify(key)}]: ${JSON.stringify(before)} → ${JSON.stringify(after)}`),
        ),
    ),
    ...result.printk.map((line) => `printk: ${printable(line)}`),
  ].join('\n');
}
