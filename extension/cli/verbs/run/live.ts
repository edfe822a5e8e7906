import { t } from '../../../core/text/language.ts';
import { labStatus } from '../../../session/lab/lab.ts';
import { interfaceNames } from '../../../session/run/interfaces.ts';
import { mapsJson } from '../../../session/run/json.ts';
import { maxBatch, runLive } from '../../../session/run/live.ts';
import { type Context, type ExitCode, wholeNumber } from '../../command.ts';
import type { RunInputs, RunValues } from './inputs.ts';
import { describeMaps } from './text.ts';

const maxFrames = 100_000_000;

/** Live frames: into the lab when it is up and no interface is named. */
export async function runLiveFrames(
  { live, batch: batchText, netns }: RunValues,
  { object, client, ...inputs }: RunInputs,
  packet: Uint8Array,
  { output, kernel }: Context,
): Promise<ExitCode> {
  const helper = client ?? (await kernel.own(netns));
  const frames = wholeNumber('--live', live ?? '', { min: 1, max: maxFrames });
  const batch = batchText === undefined ? undefined : wholeNumber('--batch', batchText, { min: 1, max: maxBatch });
  const names = await interfaceNames(helper);
  const ingress = inputs.context.ingressIfindex ?? (netns === undefined ? await labIfindex(names) : undefined);
  const context = ingress === undefined ? inputs.context : { ...inputs.context, ingressIfindex: ingress };
  const request = { ...inputs, context, packet, frames, ...(batch === undefined ? {} : { batch }) };
  const { maps, ...result } = await runLive(helper, object, request);
  const iface = names.get(context.ingressIfindex ?? 0) ?? String(context.ingressIfindex);
  output.result({ engine: 'kernel', live: { ...result, iface }, maps: mapsJson(maps) }, () =>
    [
      t(
        '{0} frames by {1} in batches of {2}: {3} packets per second ({4} ns a frame, {5} ms in all)',
        result.frames,
        iface,
        result.batch,
        result.packetsPerSecond,
        result.durationNs,
        Math.round(result.elapsedMs),
      ),
      t('The kernel tells no verdicts of live frames.'),
      ...describeMaps(maps),
    ].join('\n'),
  );
  return 0;
}

async function labIfindex(names: ReadonlyMap<number, string>): Promise<number | undefined> {
  const { state, interfaces } = await labStatus();
  if (state !== 'up') return undefined;
  return [...names].find(([, name]) => name === interfaces[0])?.[0];
}
