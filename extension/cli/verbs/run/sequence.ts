import { writeFile } from 'node:fs/promises';
import { XdpError } from '../../../core/errors.ts';
import { dissect } from '../../../core/packet/dissect.ts';
import type { CapturedPacket } from '../../../core/packet/pcap.ts';
import { writePcapng } from '../../../core/packet/pcapWrite.ts';
import { t, translated } from '../../../core/text/language.ts';
import { writeError } from '../../../session/userFiles.ts';
import { possibleCpus } from '../../../session/engine/target.ts';
import { runSequenceVm } from '../../../session/engine/vmSequence.ts';
import { equalBytes } from '../../../session/run/input.ts';
import { countActions, mapsJson, sequenceJson } from '../../../session/run/json.ts';
import {
  compareRows,
  runSequence,
  type SequenceRequest,
  type SequenceResult,
  type SequenceRow,
} from '../../../session/run/sequence.ts';
import type { Context, ExitCode } from '../../command.ts';
import { table } from '../../output.ts';
import type { RunInputs } from './inputs.ts';
import { describeDifferences, describeMaps } from './text.ts';

/** Every packet of a capture in turn, on maps that keep what one packet wrote for the next. */
export async function runCapture(
  engine: 'kernel' | 'vm' | 'both',
  { object, client, ...inputs }: RunInputs,
  { packets: capture, output: file }: { packets: readonly CapturedPacket[]; output: string | undefined },
  { output }: Context,
): Promise<ExitCode> {
  if (capture.length === 0) throw new XdpError('packet-invalid', 'The capture file holds no packet.');
  const cut = capture.filter(({ data, originalLength }) => originalLength > data.length).length;
  if (cut > 0) output.note(`${cut} of the packets are cut short in the capture (snap length).`);
  const request: SequenceRequest = { ...inputs, packets: capture.map(({ data }) => new Uint8Array(data)) };
  if (client === undefined) {
    const result = await runSequenceVm(object, request, possibleCpus());
    await keepVerdicts(file, capture, result.rows);
    output.result({ engine, ...sequenceJson(result) }, () => describeSequence(result));
    return 0;
  }
  const { onlineCpus, possibleCpus: possible } = client.hello;
  const pinned = engine === 'both' ? { ...request, context: { cpu: onlineCpus[0] ?? 0, ...request.context } } : request;
  const kernel = await runSequence(client, object, pinned);
  await keepVerdicts(file, capture, kernel.rows);
  if (engine === 'kernel') {
    output.result({ engine, ...sequenceJson(kernel) }, () => describeSequence(kernel));
    return 0;
  }
  const vm = await runSequenceVm(object, pinned, possible);
  const differences = [...compareRows(kernel.rows, vm.rows), ...compareMaps(kernel, vm)];
  const engines = { kernel: sequenceJson(kernel), vm: sequenceJson(vm) };
  output.result({ engine, ...engines.kernel, engines, differences }, () =>
    [describeSequence(kernel), ...describeDifferences(differences)].join('\n'),
  );
  return differences.length === 0 ? 0 : 1;
}

/** The capture again, each packet with its verdict as Wireshark shows it: frame.verdict.ebpf_xdp. */
async function keepVerdicts(
  file: string | undefined,
  capture: readonly CapturedPacket[],
  rows: readonly SequenceRow[],
): Promise<void> {
  if (file === undefined) return;
  const packets = capture.map((packet, index) => {
    const outcome = rows[index]?.outcome;
    return outcome?.kind === 'ran' ? { ...packet, xdpAction: outcome.retval } : packet;
  });
  await writeFile(file, writePcapng(packets)).catch((cause: unknown) => {
    throw writeError(file, cause);
  });
}

/** The entries that changed, as values. */
function compareMaps(kernel: SequenceResult, vm: SequenceResult): ReturnType<typeof compareRows> {
  const entries = ({ maps }: SequenceResult): Map<string, string> =>
    new Map(
      mapsJson(maps).flatMap(({ name, changes }) =>
        changes.map(({ key, after }) => [`maps.${name}[${JSON.stringify(key)}]`, JSON.stringify(after)] as const),
      ),
    );
  const [ours, theirs] = [entries(kernel), entries(vm)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((what) =>
    ours.get(what) === theirs.get(what) ? [] : { what, kernel: ours.get(what) ?? null, vm: theirs.get(what) ?? null },
  );
}

function describeSequence({ rows, maps }: SequenceResult): string {
  const counts = Object.entries(countActions(rows)).map(([action, count]) => `${count} ${action}`);
  const refused = rows.filter(({ outcome }) => outcome.kind === 'refused').length;
  const total = rows.length === 1 ? t('1 packet') : t('{0} packets', rows.length);
  return [
    table(['#', t('packet'), t('bytes'), t('action'), t('out')], rows.map(rowTexts)),
    `${total}: ${[...counts, ...(refused > 0 ? [t('{0} not run', refused)] : [])].join(', ')}`,
    ...describeMaps(maps),
  ].join('\n');
}

function rowTexts({ number, packetIn, outcome }: SequenceRow): string[] {
  const layers = dissect(packetIn).layers.map(({ name }) => name);
  const about = [String(number), layers.join('/'), String(packetIn.length)];
  if (outcome.kind === 'refused') return [...about, t('not run'), translated(outcome.error.message)];
  const { action, packetOut } = outcome;
  const out = equalBytes(packetIn, packetOut) ? t('unchanged') : t('{0} bytes, changed', packetOut.length);
  return [...about, action, out];
}
