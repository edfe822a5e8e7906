import { decodeEvent } from '../../../core/maps/events.ts';
import type { Layout } from '../../../core/maps/layout.ts';
import type { Value } from '../../../core/maps/value.ts';
import { toHex } from '../../../core/packet/hex.ts';
import { packetDifferences, wrongFields } from '../../../core/packetTest/packetDiff.ts';
import { t, translated } from '../../../core/text/language.ts';
import type { EngineDifference } from '../../../session/packetTest/engine.ts';
import { equalBytes } from '../../../session/run/input.ts';
import { mapsJson } from '../../../session/run/json.ts';
import { redirectText } from '../../../session/run/redirect.ts';
import type { MapChanges, RunResult } from '../../../session/run/run.ts';
import { table } from '../../output.ts';

/** What one run did, for people. `eventType`: what the events are. */
export function describeRun(result: RunResult, repeat: number, eventType?: Layout): string {
  return [
    `${result.action}, ${timeText(result, repeat)}`,
    ...(result.redirect === undefined ? [] : [t('to {0}', redirectText(result.redirect))]),
    ...(result.packetChanges
      ? [t('The kernel does not reset the packet between runs: the time is that of changing packets.')]
      : []),
    ...describePacket(result),
    ...(result.metadataOut.length === 0 ? [] : [t('metadata: {0}', toHex(result.metadataOut))]),
    ...describeMaps(result.maps),
    ...result.printk.map((line) => `printk: ${line}`),
    ...result.events.flatMap(({ map, records, lost, problem }) => [
      ...records.map(({ cpu, data }) => {
        const value = decodeEvent(eventType, data);
        const shownValue = value === undefined ? toHex(data) : JSON.stringify(value);
        return `${t('event')}: ${map}${cpu === undefined ? '' : ` (CPU ${cpu})`} ${shownValue}`;
      }),
      ...(lost === 0 ? [] : [`${t('event')}: ${t('{0} lost {1} for want of room', map, lost)}`]),
      ...(problem === undefined ? [] : [`${t('event')}: ${map}: ${translated(problem)}`]),
    ]),
  ].join('\n');
}

function timeText({ durationNs, spread }: RunResult, repeat: number): string {
  if (repeat === 1) return t('{0} ns (one run)', durationNs);
  // The machine's own time is a mean of as many runs as fit into a moment.
  if (spread === undefined) return t('{0} ns per packet in the built-in machine', durationNs);
  const { minNs, maxNs, batches } = spread;
  if (batches === 1) return t('{0} ns per packet (mean of {1})', durationNs, repeat);
  return t(
    '{0} ns per packet (median of {1} batches, {2} to {3}; {4} runs)',
    durationNs,
    batches,
    minNs,
    maxNs,
    repeat,
  );
}

/** The fields that the program changed, and what it left wrong. */
function describePacket({ packetIn, packetOut }: RunResult): string[] {
  const wrong = wrongFields(packetOut).map(({ what, expected, actual }) =>
    t('wrong: {0} is {1}, {2} would be right', what, shown(actual), shown(expected)),
  );
  if (equalBytes(packetIn, packetOut)) return [t('The packet is unchanged.'), ...wrong];
  const rows = packetDifferences(packetIn, packetOut).map(({ what, expected, actual }) => [
    `  ${what}`,
    shown(expected),
    shown(actual),
  ]);
  return [t('out: {0}', toHex(packetOut)), table([`  ${t('field')}`, t('before'), t('after')], rows), ...wrong];
}

function shown(value: Value): string {
  return value === null ? '—' : typeof value === 'string' ? value : JSON.stringify(value);
}

export function describeMaps(maps: readonly MapChanges[]): string[] {
  return mapsJson(maps).flatMap(({ name, changes }) => [
    changes.length === 1 ? t('{0}: 1 entry changed', name) : t('{0}: {1} entries changed', name, changes.length),
    ...changes.map(
      ({ key, before, after }) =>
        `  ${name}[${JSON.stringify(key)}]: ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
    ),
  ]);
}

export function describeDifferences(differences: readonly EngineDifference[]): string[] {
  if (differences.length === 0) return [t('Kernel and built-in machine agree.')];
  return [
    t('Kernel and built-in machine differ:'),
    ...differences.map(
      ({ what, kernel, vm }) =>
        `  ${what}: ${t('kernel {0}, machine {1}', JSON.stringify(kernel), JSON.stringify(vm))}`,
    ),
  ];
}
