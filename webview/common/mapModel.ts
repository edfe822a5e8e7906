import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { type Memory, viewOf } from '../../extension/core/maps/decode.ts';
import { indexByKey, keyAt, keyText, type RawPage, valueAt } from '../../extension/core/maps/entries.ts';
import { type NumericLeaf, ratesBetween } from '../../extension/core/maps/rates.ts';
import { type MapSchema, mapSchema } from '../../extension/core/maps/schema.ts';
import { isPerCpu, roundUp8, valueBytes } from '../../extension/core/maps/types.ts';
import { actionName, xdpActions } from '../../extension/core/xdp.ts';
import { type Leaf, leavesOf, numberAt, rawTextAt, textAt } from './leaves.ts';
import type { MapPageMessage, MapSchemaMessage } from './mapsStore.ts';

export interface KeyPart {
  /** Empty for a scalar key. */
  name: string;
  text: string;
  hex: boolean;
}

/** By the key, or by one value field: its sum (its value, where there is one), or its rate. */
export interface Sort {
  by: 'key' | 'sum' | 'rate';
  /** Index into `valueFields`. */
  field: number;
  descending: boolean;
}

/** How to read one map's pages. Rows are decoded one by one, when they are shown. */
export class MapModel {
  readonly schema: MapSchema;
  readonly keyFields: readonly Leaf[];
  readonly valueFields: readonly Leaf[];
  readonly numericFields: readonly Leaf[];
  readonly perCpu: boolean;
  /** Bytes of one entry's value, all CPUs together; and of one CPU's slot. */
  readonly stride: number;
  readonly slot: number;
  private readonly numericLeaves: NumericLeaf[];
  private readonly namesActions: boolean;

  constructor(message: MapSchemaMessage) {
    const { btf, keyTypeId, valueTypeId, possibleCpus } = message;
    this.schema = mapSchema(
      message,
      btf === undefined ? undefined : readable(btf),
      keyTypeId,
      valueTypeId,
      possibleCpus,
    );
    this.keyFields = leavesOf(this.schema.key, message.keySize);
    this.valueFields = leavesOf(this.schema.value, message.valueSize);
    this.numericLeaves = this.valueFields.flatMap(({ path, offset, layout }) =>
      layout.kind === 'int' || (layout.kind === 'bits' && layout.base === 'int')
        ? [{ path: [], label: path, offset, place: layout }]
        : [],
    );
    this.numericFields = this.valueFields.filter((field) => field.numeric);
    this.perCpu = isPerCpu(message.type);
    this.stride = valueBytes(message.type, message.valueSize, possibleCpus.length);
    this.slot = this.perCpu ? roundUp8(message.valueSize) : message.valueSize;
    this.namesActions =
      message.maxEntries === xdpActions.length && message.type.endsWith('array') && message.keySize === 4;
  }

  /** Number of slots in a value: possible CPUs, or 1. */
  get slots(): number {
    return this.perCpu ? this.schema.possibleCpus.length : 1;
  }

  keyParts(page: Page, index: number): KeyPart[] {
    const base = index * this.schema.keySize;
    return this.keyFields.map((field) => {
      const text = textAt(field, page.keys, base);
      const named = this.namesActions && field.path === '' && field.numeric && Number(text) < xdpActions.length;
      const hex = field.layout.kind === 'bytes';
      return { name: field.path, text: named ? `${text} ${actionName(Number(text))}` : text, hex };
    });
  }

  keyText(page: Page, index: number): string {
    const parts = this.keyParts(page, index);
    return parts.map(({ name, text }) => (name === '' ? text : `${name} ${text}`)).join(' ');
  }

  number(page: Page, index: number, field: Leaf, slot: number): bigint {
    return numberAt(field, page.values, index * this.stride + slot * this.slot);
  }

  text(page: Page, index: number, field: Leaf, slot: number): string {
    return textAt(field, page.values, index * this.stride + slot * this.slot);
  }

  rawText(page: Page, index: number, field: Leaf, slot: number): string {
    return rawTextAt(field, page.values, index * this.stride + slot * this.slot);
  }

  sum(page: Page, index: number, field: Leaf): bigint {
    let sum = 0n;
    for (let slot = 0; slot < this.slots; slot++) sum += this.number(page, index, field, slot);
    return sum;
  }

  /** Per second over all CPUs; undefined when it is not known: the key is new, a counter went back, nothing to compare with. */
  rate(page: Page, index: number, field: Leaf): number | undefined {
    const at = this.numericFields.indexOf(field);
    return at < 0 ? undefined : page.rates(index)[at];
  }

  /** Of one entry, in the order of `numericFields`. */
  ratesOf(page: Page, index: number): readonly (number | undefined)[] {
    const before = page.previous;
    const at = page.indexBefore(index);
    if (before === undefined || at === undefined) return [];
    const row = (of: Page, place: number): RawPage => ({
      count: 1,
      keys: keyAt(this.schema, of.raw, place),
      values: valueAt(this.schema, of.raw, place),
    });
    const [rates] = ratesBetween(
      this.schema,
      this.numericLeaves,
      row(before, at),
      row(page, index),
      page.atMs - before.atMs,
    );
    return rates?.total ?? [];
  }

  /** Whether the bytes of a field differ from those of the reading before; a new key counts as changed. */
  changed(page: Page, index: number, field: Leaf, slot: number): boolean {
    const before = page.previous;
    if (before === undefined) return false;
    const at = page.indexBefore(index);
    if (at === undefined) return true;
    const now = index * this.stride + slot * this.slot;
    const then = at * this.stride + slot * this.slot;
    for (let byte = field.offset; byte < field.end; byte++) {
      if (page.values.bytes[now + byte] !== before.values.bytes[then + byte]) return true;
    }
    return false;
  }

  /** Slots in which any entry has anything but zeros. */
  activeSlots(page: Page): boolean[] {
    const active = Array.from({ length: this.slots }, () => false);
    let left = active.length;
    for (let index = 0; index < page.count && left > 0; index++) {
      for (let slot = 0; slot < active.length; slot++) {
        if (active[slot] === true || !this.anyByte(page, index, slot)) continue;
        active[slot] = true;
        left--;
      }
    }
    return active;
  }

  private anyByte(page: Page, index: number, slot: number): boolean {
    let at = index * this.stride + slot * this.slot;
    const end = at + this.schema.valueSize;
    for (; at + 4 <= end; at += 4) if (page.values.view.getUint32(at) !== 0) return true;
    for (; at < end; at++) if (page.values.bytes[at] !== 0) return true;
    return false;
  }

  /** Entries in the order to show them; undefined: as the map gave them. */
  order(page: Page, sort: Sort | undefined, filter: string): Uint32Array | undefined {
    const wanted = filter.trim().toLowerCase();
    if (sort === undefined && wanted === '') return undefined;
    const kept: number[] = [];
    for (let index = 0; index < page.count; index++) {
      if (wanted === '' || this.keyText(page, index).toLowerCase().includes(wanted)) kept.push(index);
    }
    if (sort !== undefined) this.sort(page, kept, sort);
    return Uint32Array.from(kept);
  }

  private sort(page: Page, indexes: number[], sort: Sort): void {
    const sign = sort.descending ? -1 : 1;
    const byText = (text: (index: number) => string): void => {
      const texts = new Map(indexes.map((index) => [index, text(index)]));
      const collator = new Intl.Collator('en', { numeric: true });
      indexes.sort((a, b) => sign * collator.compare(texts.get(a) ?? '', texts.get(b) ?? ''));
    };
    const field = this.valueFields[sort.field];
    if (sort.by === 'key' || field === undefined) return byText((index) => this.keyText(page, index));
    if (!field.numeric) return byText((index) => this.text(page, index, field, 0));
    const numbers = new Float64Array(page.count);
    for (const index of indexes) {
      numbers[index] = sort.by === 'rate' ? this.growth(page, index, field) : Number(this.sum(page, index, field));
    }
    indexes.sort((a, b) => sign * ((numbers[a] ?? 0) - (numbers[b] ?? 0)));
  }

  /** What `rate` is in proportion to, without the objects that go with it: for ordering very many entries. */
  private growth(page: Page, index: number, field: Leaf): number {
    const at = page.indexBefore(index);
    if (page.previous === undefined || at === undefined) return 0;
    return Math.max(0, Number(this.sum(page, index, field) - this.sum(page.previous, at, field)));
  }
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

/** One reading of a map, and the one before it to compare with. */
export class Page {
  readonly raw: RawPage;
  readonly keys: Memory;
  readonly values: Memory;
  readonly atMs: number;
  readonly truncated: boolean;
  /** Never longer than one step back. */
  readonly previous: Page | undefined;
  private readonly model: MapModel;
  private positions: Map<string, number> | undefined;
  private readonly ratesByIndex = new Map<number, readonly (number | undefined)[]>();

  constructor(model: MapModel, message: MapPageMessage, previous: MapPageMessage | undefined) {
    const { keys, values } = message;
    this.model = model;
    this.keys = { bytes: keys, view: viewOf(keys) };
    this.values = { bytes: values, view: viewOf(values) };
    // A page that is shorter than it says would otherwise throw in the middle of a row.
    const holds = (bytes: Uint8Array, each: number): number =>
      each === 0 ? message.count : Math.floor(bytes.length / each);
    const count = Math.min(message.count, holds(keys, model.schema.keySize), holds(values, model.stride));
    this.raw = { count, keys, values };
    this.atMs = message.atMs;
    this.truncated = message.truncated;
    this.previous = previous === undefined ? undefined : new Page(model, previous, undefined);
  }

  get count(): number {
    return this.raw.count;
  }

  rates(index: number): readonly (number | undefined)[] {
    const known = this.ratesByIndex.get(index);
    if (known !== undefined) return known;
    const rates = this.model.ratesOf(this, index);
    this.ratesByIndex.set(index, rates);
    return rates;
  }

  /** Where the same key stood in the reading before. Hashes that nobody changed keep their order, so look there first. */
  indexBefore(index: number): number | undefined {
    const { previous } = this;
    if (previous === undefined) return undefined;
    const { schema } = this.model;
    if (index < previous.count && this.hasKeyOf(previous, index)) return index;
    previous.positions ??= indexByKey(schema, previous.raw);
    return previous.positions.get(keyText(keyAt(schema, this.raw, index)));
  }

  private hasKeyOf(other: Page, index: number): boolean {
    const { keySize } = this.model.schema;
    for (let at = index * keySize; at < (index + 1) * keySize; at++) {
      if (this.raw.keys[at] !== other.raw.keys[at]) return false;
    }
    return true;
  }
}
