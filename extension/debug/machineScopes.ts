import type { Debuggee } from '../core/debugger/debuggee.ts';
import { describePointer } from '../core/debugger/pointers.ts';
import type { HelperCall } from '../core/debugger/timeline.ts';
import { decodeEntry, encodeEntryValue, entryValueBytes, keyAt, valueAt } from '../core/maps/entries.ts';
import { type MapSchema, mapSchema } from '../core/maps/schema.ts';
import { toHex } from '../core/maps/text.ts';
import { isPerCpu } from '../core/maps/types.ts';
import type { Value } from '../core/maps/value.ts';
import type { ObjectSpec } from '../core/object/spec.ts';
import type { VmMap } from '../core/vm/maps/map.ts';
import { isListable } from '../session/maps/maps.ts';
import type { Item } from './variables.ts';

/** More entries are not listed: a view of them all helps nobody. */
const listedEntries = 200;
const listedCalls = 100;

export function registerItems(debuggee: Debuggee): Item[] {
  const { timeline, image } = debuggee;
  return Array.from({ length: 11 }, (_, number) => {
    const value = timeline.register(number);
    const { machine } = timeline;
    const meaning = value >> 32n === 0n ? '' : ` ${describePointer(value, machine, image)}`;
    const item: Item = {
      name: `r${number}`,
      text:
        value >> 32n === 0n || BigInt.asIntN(64, value) < 0n
          ? String(BigInt.asIntN(64, value))
          : `0x${value.toString(16)}${meaning}`,
      expression: `$r${number}`,
      memory: value,
    };
    if (number === 10) return item;
    return { ...item, set: (text) => setRegister(debuggee, number, text) };
  });
}

function setRegister({ timeline }: Debuggee, number: number, text: string): void {
  const value = wholeNumber(text);
  timeline.edit(({ cpu }) => {
    cpu.lo[number] = Number(BigInt.asIntN(32, value));
    cpu.hi[number] = Number(BigInt.asIntN(32, value >> 32n));
  });
}

function wholeNumber(text: string): bigint {
  const match = /^\s*(-?)(0[xX][0-9a-fA-F]+|\d+)\s*$/.exec(text);
  if (match?.[2] === undefined) throw new Error(`${text} is no number`);
  return match[1] === '-' ? -BigInt(match[2]) : BigInt(match[2]);
}

export function contextItems({ timeline }: Debuggee): Item[] {
  const { frame, context } = timeline.machine.world;
  const pointer = (name: string, address: number): Item => ({
    name,
    text: `packet + ${address - frame.data}`,
    type: '__u32',
  });
  const number = (name: string, key: 'ingressIfindex' | 'rxQueueIndex' | 'egressIfindex'): Item => ({
    name,
    text: String(context[key]),
    type: '__u32',
    set: (text) => {
      const value = Number(BigInt.asUintN(32, wholeNumber(text)));
      timeline.edit(({ world }) => {
        world.context[key] = value;
      });
    },
  });
  return [
    pointer('data', frame.data),
    pointer('data_end', frame.dataEnd),
    pointer('data_meta', frame.dataMeta),
    number('ingress_ifindex', 'ingressIfindex'),
    number('rx_queue_index', 'rxQueueIndex'),
    number('egress_ifindex', 'egressIfindex'),
  ];
}

/** Helper calls up to now, the last one first. */
export function callItems(debuggee: Debuggee): Item[] {
  const { calls } = debuggee.timeline;
  return calls
    .slice(-listedCalls)
    .map((call, index) => ({
      name: `#${Math.max(0, calls.length - listedCalls) + index + 1}`,
      text: describeCall(call, debuggee),
    }))
    .reverse();
}

export function describeCall(call: HelperCall, { timeline, image }: Debuggee): string {
  const { machine } = timeline;
  const shown = (value: bigint): string => {
    const signed = BigInt.asIntN(64, value);
    // Small numbers, also negative ones, are numbers; anything else has come from somewhere.
    return value >> 32n === 0n || signed < 0n ? String(signed) : describePointer(value, machine, image);
  };
  const used = call.arguments.slice(0, argumentCounts[call.name] ?? 5);
  const pointer = /lookup|reserve|iter_num_next/.test(call.name);
  const result = call.result === undefined ? '…' : pointer && call.result === 0n ? 'null' : shown(call.result);
  return `${call.name}(${used.map(shown).join(', ')}) = ${result}`;
}

/** How many arguments the frequent helpers take; for the others all five registers are shown. */
const argumentCounts: Readonly<Record<string, number>> = {
  bpf_map_lookup_elem: 2,
  bpf_map_update_elem: 4,
  bpf_map_delete_elem: 2,
  bpf_ktime_get_ns: 0,
  bpf_get_prandom_u32: 0,
  bpf_get_smp_processor_id: 0,
  bpf_redirect: 2,
  bpf_redirect_map: 3,
  bpf_xdp_adjust_head: 2,
  bpf_xdp_adjust_meta: 2,
  bpf_xdp_adjust_tail: 2,
  bpf_xdp_get_buff_len: 1,
  bpf_xdp_pull_data: 2,
  bpf_xdp_load_bytes: 4,
  bpf_xdp_store_bytes: 4,
  bpf_tail_call: 3,
  bpf_csum_diff: 5,
  bpf_fib_lookup: 4,
  bpf_loop: 4,
  bpf_for_each_map_elem: 4,
};

export function mapItems(debuggee: Debuggee, spec: ObjectSpec, cpus: readonly number[]): Item[] {
  return debuggee.timeline.machine.maps
    .filter(({ definition }) => !definition.name.startsWith('.'))
    .map((map) => mapItem(map, debuggee, spec, cpus));
}

export function schemaOf(map: VmMap, spec: ObjectSpec, cpus: readonly number[]): MapSchema {
  const declared = spec.maps[map.number];
  return mapSchema(map.definition, spec.btf, declared?.keyTypeId ?? 0, declared?.valueTypeId ?? 0, cpus);
}

function mapItem(map: VmMap, debuggee: Debuggee, spec: ObjectSpec, cpus: readonly number[]): Item {
  const { name, type } = map.definition;
  if (!isListable(type)) return { name, text: type };
  const { count } = map.read();
  return {
    name,
    text: `${type}, ${count} ${count === 1 ? 'entry' : 'entries'}`,
    children: () => entryItems(map, schemaOf(map, spec, cpus), debuggee),
  };
}

function entryItems(map: VmMap, schema: MapSchema, debuggee: Debuggee): Item[] {
  const page = map.read();
  const shown = Math.min(page.count, listedEntries);
  const items = Array.from({ length: shown }, (_, index): Item => {
    const key = keyAt(schema, page, index).slice();
    const bytes = valueAt(schema, page, index).slice();
    const entry = decodeEntry(schema, key, bytes);
    const whole = entry.values ?? entry.value ?? null;
    return {
      ...jsonItem(
        typeof entry.key === 'object' ? JSON.stringify(entry.key) : `[${String(entry.key)}]`,
        whole,
        isPerCpu(schema.type) ? 'CPU ' : '',
      ),
      watch: { kind: 'map', map: schema.name, key: toHex(key) },
      set: (text) => setEntry(debuggee, schema, key, text, bytes),
    };
  });
  return page.count > shown ? [...items, { name: '…', text: `${page.count - shown} more` }] : items;
}

function setEntry(
  { timeline }: Debuggee,
  schema: MapSchema,
  key: Uint8Array,
  text: string,
  previous: Uint8Array,
): void {
  let json: Value;
  try {
    json = JSON.parse(text) as Value;
  } catch {
    json = text;
  }
  const value = encodeEntryValue(schema, json, previous.length === entryValueBytes(schema) ? previous : undefined);
  timeline.edit((machine) => machine.map(schema.name)?.set(key, value));
}

/** A decoded value; arrays of per-CPU maps name their CPUs. */
function jsonItem(name: string, value: Value, elementName: string): Item {
  if (value === null || typeof value !== 'object') return { name, text: String(value) };
  const parts: [string, Value][] = Array.isArray(value)
    ? value.map((each: Value, index) => [`${elementName}${elementName === '' ? `[${index}]` : index}`, each])
    : Object.entries(value as Readonly<Record<string, Value>>);
  return { name, text: JSON.stringify(value), children: () => parts.map(([part, each]) => jsonItem(part, each, '')) };
}
