import * as vscode from 'vscode';
import { entryValueBytes } from '../../core/maps/entries.ts';
import { type NumericLeaf, numericLeaves, readLeaf } from '../../core/maps/rates.ts';
import { isPerCpu, roundUp8 } from '../../core/maps/types.ts';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import { isListable, type OpenMap, readMap } from '../../session/maps/maps.ts';
import { MapTable } from '../../session/maps/table.ts';
import type { Services } from '../services.ts';

const intervalMs = 1000;
/** Larger maps are only counted: their contents are for the map view, which reads what is in sight. */
const maxBytes = 256 << 10;
/** Of the helper's time, counting a large map may take a twentieth. */
const restAfterWork = 20;

/** One number of a map: the sum over its entries and CPUs. */
export interface FieldNumber {
  sum: bigint;
  /** Undefined when it is not known: the first reading, or a counter that went back. */
  perSecond: number | undefined;
}

export interface MapNumbers {
  id: number;
  /** Where its program is attached. */
  iface: string;
  name: string;
  entries: number;
  /** By the field's path, '' for a value that is one number; empty for maps that are only counted. */
  fields: ReadonlyMap<string, FieldNumber>;
}

interface Watched {
  live: LiveAttachment;
  map: OpenMap;
  leaves: readonly NumericLeaf[];
  numbers: MapNumbers | undefined;
  atNs: bigint;
  table: Promise<MapTable> | undefined;
  notBeforeMs: number;
}

/**
 * What the maps of attached programs hold, for the sources that are in sight: read once a second while the text of an attached
 * program is visible, and not at all otherwise.
 */
export class SourceNumbers implements vscode.Disposable {
  readonly #services: Services;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #subscriptions: vscode.Disposable;
  #watched: Watched[] = [];
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #said = '';

  constructor(services: Services) {
    this.#services = services;
    this.#subscriptions = vscode.Disposable.from(
      vscode.window.onDidChangeVisibleTextEditors(() => this.#look()),
      services.attachments.onDidChange(({ kind }) => {
        if (kind !== 'counting' && kind !== 'confirmed') this.#look();
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#watch([]);
    this.#subscriptions.dispose();
    this.#changed.dispose();
  }

  /** By the map's name in the source: one for each attachment that has a map of its own. */
  of(file: string): ReadonlyMap<string, readonly MapNumbers[]> {
    const found = new Map<string, MapNumbers[]>();
    for (const { live, map, numbers } of this.#watched) {
      if (live.object?.file !== file || numbers === undefined) continue;
      const known = found.get(map.info.name) ?? [];
      if (!known.some(({ id }) => id === numbers.id)) found.set(map.info.name, [...known, numbers]);
    }
    return found;
  }

  /** Maps of programs whose source is in sight. */
  #look(): void {
    const files = new Set(vscode.window.visibleTextEditors.map(({ document }) => document.uri.fsPath));
    const wanted = this.#services.attachments.live
      .filter(({ object }) => object !== undefined && files.has(object.file))
      .flatMap((live) => live.maps.filter(({ info }) => isListable(info.type)).map((map) => ({ live, map })));
    const had = this.#watched.length;
    this.#watch(wanted);
    if (had > 0 || wanted.length > 0) this.#changed.fire();
    if (wanted.length > 0) this.#schedule(0);
    else clearTimeout(this.#timer);
  }

  #watch(wanted: readonly { live: LiveAttachment; map: OpenMap }[]): void {
    const before = this.#watched;
    this.#watched = wanted.map(({ live, map }) => {
      const known = before.find((each) => each.map === map);
      if (known !== undefined) return known;
      const leaves = numericLeaves(map.schema.value, 16);
      return { live, map, leaves, numbers: undefined, atNs: 0n, table: undefined, notBeforeMs: 0 };
    });
    for (const { table } of before.filter((each) => !this.#watched.includes(each))) {
      void table?.then((open) => open.close()).catch(() => undefined);
    }
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#reading || this.#watched.length === 0) return;
    this.#timer = setTimeout(() => void this.#read(), delayMs);
  }

  async #read(): Promise<void> {
    this.#reading = true;
    const startedMs = Date.now();
    for (const watched of this.#watched) {
      if (Date.now() < watched.notBeforeMs) continue;
      // A map that is gone, or a helper that died, is said in the map view; here there is no number then.
      await readNumbers(watched).catch(() => {
        watched.numbers = undefined;
      });
    }
    this.#reading = false;
    // Lenses that say the same are not drawn again.
    const said = JSON.stringify(this.#watched.map(({ numbers }) => sayable(numbers)));
    if (said !== this.#said) this.#changed.fire();
    this.#said = said;
    this.#schedule(Math.max(intervalMs, Date.now() - startedMs));
  }
}

function sayable(numbers: MapNumbers | undefined): unknown {
  if (numbers === undefined) return undefined;
  return [numbers.entries, [...numbers.fields.values()].map(({ sum, perSecond }) => [String(sum), perSecond])];
}

async function readNumbers(watched: Watched): Promise<void> {
  const { map, live, leaves } = watched;
  const { id, name, maxEntries, keySize } = map.info;
  const { iface } = live;
  if (maxEntries * (keySize + entryValueBytes(map.schema)) > maxBytes) {
    watched.table ??= MapTable.open(live.client, map);
    const { total, workMs } = await (await watched.table).arrange({});
    watched.numbers = { id, iface, name, entries: total, fields: new Map() };
    watched.notBeforeMs = Date.now() + restAfterWork * workMs;
    return;
  }
  const page = await readMap(live.client, map.ref, { maxEntries });
  const periodMs = Number(page.atNs - watched.atNs) / 1e6;
  const before = watched.numbers?.fields;
  const fields = new Map<string, FieldNumber>();
  for (const leaf of leaves) {
    const sum = sumOver(map, leaf, page.values, page.count);
    const grown = before === undefined ? undefined : sum - (before.get(leaf.label)?.sum ?? 0n);
    const isKnown = grown !== undefined && grown >= 0n && periodMs > 0;
    fields.set(leaf.label, { sum, perSecond: isKnown ? (Number(grown) * 1000) / periodMs : undefined });
  }
  watched.numbers = { id, iface, name, entries: page.count, fields };
  watched.atNs = page.atNs;
}

function sumOver({ schema }: OpenMap, leaf: NumericLeaf, values: Uint8Array, count: number): bigint {
  const stride = entryValueBytes(schema);
  const slot = isPerCpu(schema.type) ? roundUp8(schema.valueSize) : stride;
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  let sum = 0n;
  for (let at = 0; at + slot <= count * stride; at += slot) sum += BigInt(readLeaf(leaf, view, at));
  return sum;
}
