import { decodeEvent } from '../../../core/maps/events.ts';
import type { Layout } from '../../../core/maps/layout.ts';
import type { Value } from '../../../core/maps/value.ts';
import { toHex } from '../../../core/packet/hex.ts';
import { packetDifferences, wrongFields } from '../../../core/packetTest/packetDiff.ts';
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
    ...(result.redirect === undefined ? [] : [`to ${redirectText(result.redirect)}`]),
    ...(result.packetChanges
      ? ['The kernel does not reset the packet between runs: the time is that of changing packets.']
      : []),
    ...describePacket(result),
    ...(result.metadataOut.length === 0 ? [] : [`metadata: ${toHex(result.metadataOut)}`]),
    ...describeMaps(result.maps),
    ...result.printk.map((line) => `printk: ${line}`),
    ...result.events.flatMap(({ map, records, lost, problem }) => [
      ...records.map(({ cpu, data }) => {
        const value = decodeEvent(eventType, data);
        const shownValue = value === undefined ? toHex(data) : JSON.stringify(value);
        return `event: ${map}${cpu === undefined ? '' : ` (CPU ${cpu})`} ${shownValue}`;
      }),
      ...(lost === 0 ? [] : [`event: ${map} lost ${lost} for want of room`]),
      ...(problem === undefined ? [] : [`event: ${map}: ${problem}`]),
    ]),
  ].join('\n');
}

function timeText({ durationNs, spread }: RunResult, repeat: number): string {
  if (repeat === 1) return `${durationNs} ns (one run)`;
  // The machine's own time is a mean of as many runs as fit into a moment.
  if (spread === undefined) return `${durationNs} ns per packet in the built-in machine`;
  const { minNs, maxNs, batches } = spread;
  if (batches === 1) return `${durationNs} ns per packet (mean of ${repeat})`;
  return `${durationNs} ns per packet (median of ${batches} batches, ${minNs} to ${maxNs}; ${repeat} runs)`;
}

/** The fields that the program changed, and what it left wrong. */
function describePacket({ packetIn, packetOut }: RunResult): string[] {
  const wrong = wrongFields(packetOut).map(
    ({ what, expected, actual }) => `wrong: ${what} is ${shown(actual)}, ${shown(expected)} would be right`,
  );
  if (equalBytes(packetIn, packetOut)) return ['The packet is unchanged.', ...wrong];
  const rows = packetDifferences(packetIn, packetOut).map(({ what, expected, actual }) => [
    `  ${what}`,
    shown(expected),
    shown(actual),
  ]);
  return [`out: ${toHex(packetOut)}`, table(['  field', 'before', 'after'], rows), ...wrong];
}

function shown(value: Value): string {
  return value === null ? '—' : typeof value === 'string' ? value : JSON.stringify(value);
}

export function describeMaps(maps: readonly MapChanges[]): string[] {
  return mapsJson(maps).flatMap(({ name, changes }) => [
    `${name}: ${changes.length} ${changes.length === 1 ? 'entry' : 'entries'} changed`,
    ...changes.map(
      ({ key, before, after }) =>
        `  ${name}[${JSON.stringify(key)}]: ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
    ),
  ]);
}

export function describeDifferences(differences: readonly EngineDifference[]): string[] {
  if (differences.length === 0) return ['Kernel and built-in machine agree.'];
  return [
    'Kernel and built-in machine differ:',
    ...differences.map(
      ({ what, kernel, vm }) => `  ${what}: kernel ${JSON.stringify(kernel)}, machine ${JSON.stringify(vm)}`,
    ),
  ];
}
