import { decodeEntry, type EntryChange, keyText } from '../../core/maps/entries.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { toHex } from '../../core/packet/hex.ts';
import { xdpMdFields } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { EngineDifference } from '../packetTest/engine.ts';
import { runPacketVm } from './vm.ts';
import type { OpenMap } from '../maps/maps.ts';
import { type MapChanges, runPacket, type RunRequest, type RunResult } from '../run/run.ts';

export interface BothResult {
  kernel: RunResult;
  vm: RunResult;
  differences: EngineDifference[];
}

/**
 * Runs one packet in the kernel and in the built-in machine, each on fresh maps, and compares. Both run on the same CPU:
 * the one that was asked for, else the first possible one.
 */
export async function runPacketBoth(client: HelperClient, object: BpfObject, request: RunRequest): Promise<BothResult> {
  const { possibleCpus, onlineCpus } = client.hello;
  const cpu = request.context.cpu ?? onlineCpus[0] ?? possibleCpus[0] ?? 0;
  const pinned: RunRequest = { ...request, context: { ...request.context, cpu } };
  const kernel = await runPacket(client, object, pinned);
  const vm = await runPacketVm(object, pinned, possibleCpus);
  return { kernel, vm, differences: compareEngines(kernel, vm) };
}

/** Action, bytes, metadata, context and every changed map entry. Times and text are not compared. */
export function compareEngines(kernel: RunResult, vm: RunResult): EngineDifference[] {
  const differences: EngineDifference[] = [];
  const compare = (what: string, a: Value, b: Value): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) differences.push({ what, kernel: a, vm: b });
  };
  compare('action', kernel.action, vm.action);
  compare('packetOut', toHex(kernel.packetOut), toHex(vm.packetOut));
  compare('metadataOut', toHex(kernel.metadataOut), toHex(vm.metadataOut));
  for (const field of xdpMdFields) compare(`ctxOut.${field}`, kernel.ctxOut[field], vm.ctxOut[field]);
  for (const name of new Set([...kernel.events, ...vm.events].map(({ map }) => map))) {
    const [ours, theirs] = [eventTexts(kernel, vm, name), eventTexts(vm, kernel, name)];
    compare(`events.${name}`, ours, theirs);
  }
  const names = new Set([...kernel.maps, ...vm.maps].map(({ map }) => map.info.name));
  for (const name of names) differences.push(...compareMap(name, changesOf(kernel, name), changesOf(vm, name)));
  return differences;
}

/** The kernel pads perf events to multiples of 8, with whatever its buffer held: only what both have is compared. */
function eventTexts(result: RunResult, other: RunResult, name: string): string[] {
  const records = result.events.find(({ map }) => map === name);
  const others = other.events.find(({ map }) => map === name)?.records ?? [];
  const maxPadding = records?.type === 'perf_event_array' ? 7 : 0;
  return (records?.records ?? []).map(({ data }, index) => {
    const padding = data.length - (others[index]?.data.length ?? data.length);
    return toHex(padding > 0 && padding <= maxPadding ? data.subarray(0, data.length - padding) : data);
  });
}

function changesOf(result: RunResult, name: string): MapChanges | undefined {
  return result.maps.find(({ map }) => map.info.name === name);
}

/**
 * Entries after the run, for every key that either engine changed. They are compared as values, not as bytes: padding of a
 * struct on the stack holds what was there before, which means nothing.
 */
function compareMap(name: string, kernel: MapChanges | undefined, vm: MapChanges | undefined): EngineDifference[] {
  const map = kernel?.map ?? vm?.map;
  if (map === undefined) return [];
  const ours = byKey(vm?.changes ?? []);
  const theirs = byKey(kernel?.changes ?? []);
  const differences: EngineDifference[] = [];
  for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
    const a = theirs.get(key);
    const b = ours.get(key);
    // Both began with the same entry, so one that only one engine changed is, for the other, as it was before.
    const before = a?.before ?? b?.before;
    const kernelValue = sideOf(map, a === undefined ? before : a.after, a ?? b);
    const vmValue = sideOf(map, b === undefined ? before : b.after, a ?? b);
    if (JSON.stringify(kernelValue) === JSON.stringify(vmValue)) continue;
    const keyValue = decodeValue(map.schema.key, (a ?? b)?.key ?? new Uint8Array(0));
    differences.push({ what: `maps.${name}[${JSON.stringify(keyValue)}]`, kernel: kernelValue, vm: vmValue });
  }
  return differences;
}

function byKey(changes: readonly EntryChange[]): Map<string, EntryChange> {
  return new Map(changes.map((change) => [keyText(change.key), change]));
}

/** An entry that is not there is null. */
function sideOf(map: OpenMap, value: Uint8Array | undefined, change: EntryChange | undefined): Value {
  if (value === undefined || change === undefined) return null;
  const entry = decodeEntry(map.schema, change.key, value);
  return entry.values ?? entry.value ?? null;
}
