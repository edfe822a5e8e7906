import { XdpError } from '../../../core/errors.ts';
import { parseContext } from '../../../session/run/context.ts';
import { RunInstance } from '../../../session/run/instance.ts';
import { interfaceIndexes } from '../../../session/run/interfaces.ts';
import { runJson } from '../../../session/run/json.ts';
import { runAttached } from '../../../session/run/run.ts';
import { type Context, type ExitCode, wholeNumber } from '../../command.ts';
import { packetOf, type RunValues } from './inputs.ts';
import { describeRun } from './text.ts';

/** On the program that is attached to an interface, whoever attached it. Its counters move. */
export async function runOnAttached(values: RunValues, packetText: string, context: Context): Promise<ExitCode> {
  const { output, kernel } = context;
  const iface = values.attached ?? '';
  const packet = await packetOf(packetText, context);
  const repeat = wholeNumber('--repeat', values.repeat ?? '1', { min: 1, max: 10_000_000 });
  return await kernel.withSystem(values.netns, async (client): Promise<ExitCode> => {
    const { interfaces } = await client.call('interfaces/list', {});
    const found = interfaces.find(({ name }) => name === iface);
    if (found === undefined) {
      throw new XdpError('interface-not-found', `There is no interface named ${iface}.`, {
        fix: `There are: ${interfaces.map(({ name }) => name).join(', ')}.`,
      });
    }
    const [attached] = found.attached;
    if (attached === undefined) {
      throw new XdpError('nothing-attached', `No XDP program is attached to ${iface}.`, {
        fix: 'Attach one, or run a packet on a fresh instance: xdp run FILE --packet P',
      });
    }
    output.note(`The program attached to ${iface} runs on its own maps: its counters move.`);
    const runContext = await parseContext(values.ctx, interfaceIndexes(client));
    const result = await runAttached(RunInstance.attached(client, attached.progId), {
      packet,
      context: runContext,
      repeat,
    });
    if (result.printkProblem !== undefined) output.note(result.printkProblem);
    const { program, mode } = { program: result.program, mode: attached.mode };
    output.result(
      { engine: 'kernel', attached: { iface, program, progId: attached.progId, mode }, ...runJson(result) },
      () => describeRun(result, repeat),
    );
    return 0;
  });
}
