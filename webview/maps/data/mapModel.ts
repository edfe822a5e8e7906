import { readBtf } from '../../../extension/core/btf/readBtf.ts';
import { type Memory, viewOf } from '../../../extension/core/maps/decode.ts';
import { type MapSchema, mapSchema } from '../../../extension/core/maps/schema.ts';
import { isPerCpu, roundUp8, valueBytes } from '../../../extension/core/maps/types.ts';
import { actionOfKey } from '../../../extension/core/maps/actions.ts';
import { type Names, namesOf, noNames, type Reference, referencesOf } from '../../../extension/core/maps/references.ts';
import { formatPrefix, type PrefixKey, prefixKeyOf } from '../../../extension/core/maps/prefix.ts';
import type { ToMapsView } from '../../../extension/protocol/webview.ts';
import { type Leaf, leavesOf, numberAt, rawTextAt, textAt } from './leaves.ts';
import { isSigned, type Slots, type Totals, totalsOf } from './totals.ts';

export type MapSchemaMessage = Extract<ToMapsView, { kind: 'schema' }>;

export interface KeyPart {
  /** Empty for a scalar key. */
  name: string;
  text: string;
  hex: boolean;
}

/** Bytes somewhere: a key, or a value with all of its CPUs. */
export interface Bytes extends Memory {
  base: number;
}

/** One value, and the one before it with the time between them; `before` is missing when there is nothing to compare with. */
export interface Reading {
  now: Bytes;
  before: Bytes | undefined;
  periodMs: number;
  /** What was worked out of it: its rate is in a row's history, its trend and its cells. */
  totals?: Map<Leaf, Totals>;
}

/** How to read one map's bytes. Rows are decoded one by one, when they are shown. */
export class MapModel {
  readonly schema: MapSchema;
  readonly keyFields: readonly Leaf[];
  readonly valueFields: readonly Leaf[];
  readonly numericFields: readonly Leaf[];
  readonly perCpu: boolean;
  /** Bytes of one entry's value, all CPUs together; and of one CPU's slot. */
  readonly stride: number;
  readonly slot: number;
  /** Names of what values refer to, as far as they were told. */
  names: Names = noNames;
  /** CPUs that have counted in any row that was seen: how evenly a row is spread is about those. */
  countingCpus = 0;
  private readonly references: readonly Reference[];
  private readonly prefix: PrefixKey | undefined;

  constructor(message: MapSchemaMessage) {
    const { btf, keyTypeId, valueTypeId, possibleCpus } = message;
    this.schema = mapSchema(
      message,
      btf === undefined ? undefined : readable(btf),
      keyTypeId,
      valueTypeId,
      possibleCpus,
    );
    this.prefix = prefixKeyOf(this.schema);
    // A prefix reads as one: 10.0.0.0/8.
    this.keyFields = leavesOf(this.prefix === undefined ? this.schema.key : undefined, message.keySize);
    this.references = referencesOf(message.type, message.valueSize);
    // A number that stands for something is no counter.
    this.valueFields = leavesOf(this.schema.value, message.valueSize).map((field) =>
      this.referenceAt(field) === undefined ? field : { ...field, numeric: false },
    );
    this.numericFields = this.valueFields.filter((field) => field.numeric);
    this.perCpu = isPerCpu(message.type);
    this.stride = valueBytes(message.type, message.valueSize, possibleCpus.length);
    this.slot = this.perCpu ? roundUp8(message.valueSize) : message.valueSize;
  }

  /** Number of slots in a value: possible CPUs, or 1. */
  get slots(): number {
    return this.perCpu ? this.schema.possibleCpus.length : 1;
  }

  /** What was told of names is kept: a program that is gone keeps the name it had. */
  learn(names: NonNullable<Extract<ToMapsView, { kind: 'rows' }>['names']>): void {
    const of = (wanted: (typeof names)[number]['kind']): { id: number; name: string }[] =>
      names.filter(({ kind }) => kind === wanted);
    const found = namesOf({
      programs: of('program'),
      maps: of('map'),
      interfaces: of('interface').map(({ id, name }) => ({ ifindex: id, name })),
    });
    this.names = {
      program: new Map([...this.names.program, ...found.program]),
      map: new Map([...this.names.map, ...found.map]),
      interface: new Map([...this.names.interface, ...found.interface]),
    };
  }

  keyParts(key: Bytes): KeyPart[] {
    const bytes = key.bytes.subarray(key.base, key.base + this.schema.keySize);
    if (this.prefix !== undefined) return [{ name: '', text: formatPrefix(this.prefix, bytes), hex: false }];
    const action = actionOfKey(this.schema, bytes);
    return this.keyFields.map((field) => {
      const text = textAt(field, key, key.base);
      const hex = field.layout.kind === 'bytes';
      return { name: field.path, text: action === undefined ? text : `${text} ${action}`, hex };
    });
  }

  keyText(key: Bytes): string {
    return this.keyParts(key)
      .map(({ name, text }) => (name === '' ? text : `${name} ${text}`))
      .join(' ');
  }

  number(value: Bytes, field: Leaf, slot: number): bigint {
    return numberAt(field, value, value.base + slot * this.slot);
  }

  /** The map that a value of a map of maps holds. */
  mapIn(value: Bytes): { id: number; name: string } | undefined {
    const reference = this.references.find(({ kind }) => kind === 'map');
    if (reference === undefined) return undefined;
    const id = value.view.getUint32(value.base + reference.offset, true);
    return { id, name: this.names.map.get(id) ?? '' };
  }

  private referenceAt({ offset, layout }: Leaf): Reference | undefined {
    return layout.size === 4 ? this.references.find((reference) => reference.offset === offset) : undefined;
  }

  text(value: Bytes, field: Leaf, slot: number): string {
    const reference = this.referenceAt(field);
    if (reference !== undefined) {
      const id = value.view.getUint32(value.base + field.offset, true);
      const name = this.names[reference.kind].get(id);
      return name === undefined ? String(id) : `${name} (${id})`;
    }
    return textAt(field, value, value.base + slot * this.slot);
  }

  rawText(value: Bytes, field: Leaf, slot: number): string {
    return rawTextAt(field, value, value.base + slot * this.slot);
  }

  sum(value: Bytes, field: Leaf): bigint {
    return field.numeric ? totalsOf(field, this.slotsOf(value), undefined).sum : 0n;
  }

  /** A number over all CPUs. */
  totals(reading: Reading, field: Leaf): Totals {
    reading.totals ??= new Map();
    let found = reading.totals.get(field);
    if (found === undefined) {
      const { now, before } = reading;
      found = totalsOf(field, this.slotsOf(now), before === undefined ? undefined : this.slotsOf(before));
      reading.totals.set(field, found);
    }
    return found;
  }

  private slotsOf(value: Bytes): Slots {
    return { memory: value, base: value.base, slot: this.slot, slots: this.slots };
  }

  /**
   * What a number grew by, over all CPUs or in one; undefined when it is not known: the key is new, a counter went back
   * (it was reset, or the map made anew), nothing to compare with. What has a sign may fall.
   */
  delta(reading: Reading, field: Leaf, slot?: number): bigint | undefined {
    if (slot === undefined) return this.totals(reading, field).delta;
    const { now, before } = reading;
    if (before === undefined) return undefined;
    const grown = this.number(now, field, slot) - this.number(before, field, slot);
    return grown < 0n && !isSigned(field) ? undefined : grown;
  }

  /** Per second, over the measured time between the readings. */
  rate(reading: Reading, field: Leaf, slot?: number): number | undefined {
    const delta = reading.periodMs > 0 ? this.delta(reading, field, slot) : undefined;
    return delta === undefined ? undefined : (Number(delta) * 1000) / reading.periodMs;
  }

  /** Whether the bytes of a field differ from those of the reading before. */
  changed({ now, before }: Reading, field: Leaf, slot: number): boolean {
    if (before === undefined) return false;
    const at = slot * this.slot;
    for (let byte = at + field.offset; byte < at + field.end; byte++) {
      if (now.bytes[now.base + byte] !== before.bytes[before.base + byte]) return true;
    }
    return false;
  }

  /** Marks the slots in which a value has anything but zeros. */
  markActive(value: Bytes, active: boolean[]): void {
    for (let slot = 0; slot < this.slots; slot++) {
      if (active[slot] !== true && this.anyByte(value, slot)) active[slot] = true;
    }
  }

  private anyByte({ view, bytes, base }: Bytes, slot: number): boolean {
    let at = base + slot * this.slot;
    const end = at + this.schema.valueSize;
    for (; at + 4 <= end; at += 4) if (view.getUint32(at) !== 0) return true;
    for (; at < end; at++) if (bytes[at] !== 0) return true;
    return false;
  }
}

export function bytesAt(bytes: Uint8Array, base = 0): Bytes {
  return { bytes, view: viewOf(bytes), base };
}

/** BTF that cannot be read means hex, not a dead view. */
function readable(bytes: Uint8Array): ReturnType<typeof readBtf> | undefined {
  try {
    return readBtf(bytes);
  } catch (error) {
    console.warn('xdp: the type information of this map cannot be read', error);
    return undefined;
  }
}
