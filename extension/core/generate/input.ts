/** What one run of a generated test begins with. Inputs are never changed: a mutation makes a new one. */
export interface Input {
  packet: Uint8Array;
  /** Between data_meta and data: a multiple of 4 bytes. */
  metadata: Uint8Array;
  ingressIfindex: number;
  rxQueueIndex: number;
  /** How many bytes of the packet are in its linear part, the rest in fragments; absent: all that fit. */
  linearBytes?: number;
  /** What is in the maps beside what the object itself puts there. */
  entries: readonly Entry[];
}

/** One entry of a map. Global variables are the one entry of `.data` or `.bss`. */
export interface Entry {
  map: string;
  key: Uint8Array;
  value: EntryValue;
}

export type EntryValue =
  /** One CPU's value; per-CPU maps get it for each. */
  | { kind: 'bytes'; bytes: Uint8Array }
  /** For prog arrays: a program of the object. */
  | { kind: 'program'; program: string }
  /** For maps of maps: a new map with these entries. */
  | { kind: 'newMap'; entries: readonly { key: Uint8Array; value: Uint8Array }[] };

/** Where an entry is: in a map of the object, or in the new map that an entry of a map of maps holds. */
export interface EntryPlace {
  map: string;
  key: Uint8Array;
  within?: { map: string; key: Uint8Array };
}

/** Programs see the interface `lo` unless a test says otherwise: net/bpf/test_run.c, xdp_convert_md_to_buff(). */
export const defaultIfindex = 1;

export function inputOf(packet: Uint8Array): Input {
  return { packet, metadata: noBytes, ingressIfindex: defaultIfindex, rxQueueIndex: 0, entries: [] };
}

const noBytes = new Uint8Array(0);

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The value that an input gives an entry, if it does. */
export function valueAtPlace({ entries }: Input, { map, key, within }: EntryPlace): Uint8Array | undefined {
  if (within !== undefined) {
    const outer = entries.find((entry) => entry.map === within.map && sameBytes(entry.key, within.key));
    if (outer?.value.kind !== 'newMap') return undefined;
    return outer.value.entries.find((entry) => sameBytes(entry.key, key))?.value;
  }
  const found = entries.find((entry) => entry.map === map && sameBytes(entry.key, key));
  return found?.value.kind === 'bytes' ? found.value.bytes : undefined;
}

/** The input with an entry set, in place of the one that was there. */
export function withEntry(input: Input, entry: Entry): Input {
  const rest = input.entries.filter(({ map, key }) => map !== entry.map || !sameBytes(key, entry.key));
  return { ...input, entries: [...rest, entry] };
}

/** The same for bytes anywhere; without the outer entry that an inner one needs, nothing changes. */
export function withValue(input: Input, { map, key, within }: EntryPlace, bytes: Uint8Array): Input {
  if (within === undefined) return withEntry(input, { map, key, value: { kind: 'bytes', bytes } });
  const outer = input.entries.find((entry) => entry.map === within.map && sameBytes(entry.key, within.key));
  if (outer?.value.kind !== 'newMap') return input;
  const entries = [...outer.value.entries.filter((entry) => !sameBytes(entry.key, key)), { key, value: bytes }];
  return withEntry(input, { ...outer, value: { kind: 'newMap', entries } });
}
