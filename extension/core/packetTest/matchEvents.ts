import type { Btf } from '../btf/types.ts';
import { XdpError } from '../errors.ts';
import { decodeEvent, eventLayout, eventTypes, findEventType } from '../maps/events.ts';
import type { Layout } from '../maps/layout.ts';
import { toHex } from '../maps/text.ts';
import type { Value } from '../maps/value.ts';
import { suggest } from '../packet/fail.ts';
import { noMap } from './matchMaps.ts';
import { valueDifferences } from './matchValue.ts';
import type { EventExpectation, RecordExpectation } from './model.ts';
import type { Difference, Failure } from './result.ts';

/** What a packet wrote into a ring buffer or a perf event array. */
export interface EventSnapshot {
  type: 'ringbuf' | 'perf_event_array';
  records: readonly { cpu?: number | undefined; data: Uint8Array }[];
  /** Perf events that found no room. */
  lost: number;
  /** Why it could not be read. */
  problem?: string | undefined;
}

export type EventSnapshots = ReadonlyMap<string, EventSnapshot>;

/** perf_event_output pads a record so that it and its u32 length fill multiples of 8: kernel/events/core.c. */
const maxPerfPadding = 7;

export function isEventMap(type: string): type is EventSnapshot['type'] {
  return type === 'ringbuf' || type === 'perf_event_array';
}

/** `btf`: the object's, in which the names of record types are looked up. */
export function matchEvents(
  expected: readonly EventExpectation[],
  events: EventSnapshots,
  { path, btf }: { path: string; btf: Btf | undefined },
): Failure[] {
  return expected.flatMap((each) => {
    const at = `${path}.events.${each.name}`;
    const failure = (message: string): Failure[] => [{ path: at, message, differences: [], place: each.place }];
    const snapshot = events.get(each.name);
    if (snapshot === undefined) {
      return failure(`${noMap(each.name, [...events.keys()])} Events come from ring buffers and perf event arrays.`);
    }
    if (snapshot.problem !== undefined) return failure(`The events of ${each.name}: ${snapshot.problem}.`);
    if (snapshot.lost > 0) return failure(`${snapshot.lost} events of ${each.name} found no room and are lost.`);
    try {
      const layout = each.type === undefined ? undefined : recordType(btf, each.type.value);
      return [...matchRecords(each, snapshot, layout, at), ...matchCount(each, snapshot, at)];
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      const message = `${each.name}: ${error.message}${error.fix === undefined ? '' : ` ${error.fix}`}`;
      return [{ path: at, message, differences: [], place: each.type?.place ?? each.place }];
    }
  });
}

function matchCount({ name, count }: EventExpectation, { records }: EventSnapshot, path: string): Failure[] {
  if (count === undefined || count.value === records.length) return [];
  const message = `${name} did not get as many events as expected.`;
  const [expected, actual] = [count.value, records.length];
  return [{ path: `${path}.count`, message, expected, actual, differences: [], place: count.place }];
}

function matchRecords(
  { name, records, place }: EventExpectation,
  snapshot: EventSnapshot,
  layout: Layout | undefined,
  path: string,
): Failure[] {
  if (records === undefined) return [];
  const shown = snapshot.records.map(({ data }) => recordValue(layout, data));
  if (records.length !== snapshot.records.length) {
    const message = `${name} got ${snapshot.records.length} events instead of ${records.length}.`;
    const expected = records.map((record) => (record.kind === 'value' ? record.value : toHex(record.bytes)));
    return [{ path, message, expected, actual: shown, differences: [], place }];
  }
  return records.flatMap((record, index) => {
    const data = snapshot.records[index]?.data ?? new Uint8Array(0);
    const differences = recordDifferences(record, data, { layout, padded: snapshot.type === 'perf_event_array' });
    if (differences.length === 0) return [];
    return {
      path: `${path}.records[${index}]`,
      message: `Event ${index + 1} of ${name} is not as expected.`,
      expected: record.kind === 'value' ? record.value : toHex(record.bytes),
      actual: shown[index] ?? null,
      differences: differences.filter(({ what }) => what !== ''),
      place: record.place,
    };
  });
}

function recordDifferences(
  record: RecordExpectation,
  data: Uint8Array,
  { layout, padded }: { layout: Layout | undefined; padded: boolean },
): Difference[] {
  if (record.kind === 'value') {
    if (layout === undefined) return [];
    if (data.length < layout.size) throw wrongSize(layout, data.length);
    // Behind the struct stands what the program added, such as bytes of the packet.
    return valueDifferences(layout, data.subarray(0, layout.size), record.value);
  }
  const { bytes, mask } = record;
  const spare = data.length - bytes.length;
  const fits = padded ? spare >= 0 && spare <= maxPerfPadding : spare === 0;
  const same = fits && bytes.every((byte, at) => ((byte ^ (data[at] ?? 0)) & (mask?.[at] ?? 0xff)) === 0);
  return same ? [] : [{ what: '', expected: toHex(bytes), actual: toHex(data) }];
}

function wrongSize(layout: Layout, length: number): XdpError {
  return new XdpError('value-invalid', `a record has ${length} bytes, but its type ${layout.size}.`);
}

/** A record for people: fields where its type is known, else bytes. */
export function recordValue(layout: Layout | undefined, data: Uint8Array): Value {
  return decodeEvent(layout, data) ?? toHex(data);
}

/** A struct of the object by its name. Throws `value-invalid`. */
export function recordType(btf: Btf | undefined, name: string): Layout {
  if (btf === undefined) {
    throw new XdpError('value-invalid', 'the object has no BTF, so its types are not known.', {
      fix: 'Compile with -g.',
    });
  }
  const type = findEventType(btf, name);
  const layout = type && eventLayout(btf, type);
  if (layout !== undefined) return layout;
  const wanted = name.replace(/^struct\s+/, '');
  const names = recordTypeNames(btf);
  const known = names.length === 0 ? '' : ` ${suggest(wanted, names)}`;
  throw new XdpError('value-invalid', `the object has no type ${name}.${known}`, {
    fix: `clang keeps the types of maps, global variables and functions: declare one, as in: struct ${wanted} *unused_${wanted};`,
  });
}

/** Names of the structs that records may have. */
export function recordTypeNames(btf: Btf): string[] {
  return [...new Set(eventTypes(btf).map(({ name }) => name.replace(/^struct /, '')))];
}
