import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger } from '../common/format.ts';
import type { Leaf } from '../common/leaves.ts';
import { MapModel, Page } from '../common/mapModel.ts';
import { strings } from './strings.ts';

export type MapChange = Extract<ToPacketPanel, { kind: 'result' }>['maps'][number];

export interface ChangeRow {
  key: string;
  field: string;
  before: string;
  after: string;
  /** Which CPUs; empty where a map has one value a key. */
  cpus: string[];
}

/** One row per value field that changed: its sum before and after, and the CPUs that differ. */
export function rowsOfChange({ schema, changes }: MapChange): ChangeRow[] {
  const model = new MapModel(schema);
  return changes.flatMap(({ key, before, after }) => {
    const was = before === undefined ? undefined : pageOf(model, key, before);
    const is = after === undefined ? undefined : pageOf(model, key, after);
    const present = is ?? was;
    if (present === undefined || present.count === 0) return [];
    const keyText = model.keyText(present, 0);
    return model.valueFields
      .filter(
        (field) => was === undefined || is === undefined || textOf(model, was, field) !== textOf(model, is, field),
      )
      .map((field) => ({
        key: keyText,
        field: field.path,
        before: was === undefined ? strings.newEntry : wholeText(model, was, field),
        after: is === undefined ? strings.goneEntry : wholeText(model, is, field),
        cpus: cpuTexts(model, was, is, field),
      }));
  });
}

/** The sum for numbers, else every CPU's text. */
function wholeText(model: MapModel, page: Page, field: Leaf): string {
  return field.numeric ? formatInteger(model.sum(page, 0, field)) : textOf(model, page, field);
}

function textOf(model: MapModel, page: Page, field: Leaf): string {
  return Array.from({ length: model.slots }, (_, slot) => model.text(page, 0, field, slot)).join(' ');
}

/** A new or deleted entry is compared with zeros: CPUs that never counted are not worth a word. */
function cpuTexts(model: MapModel, was: Page | undefined, is: Page | undefined, field: Leaf): string[] {
  if (!model.perCpu) return [];
  const nothing = pageOf(model, new Uint8Array(model.schema.keySize), new Uint8Array(model.stride));
  const text = (page: Page, slot: number): string =>
    field.numeric ? formatInteger(model.number(page, 0, field, slot)) : model.text(page, 0, field, slot);
  return model.schema.possibleCpus.flatMap((cpu, slot) => {
    const before = text(was ?? nothing, slot);
    const after = text(is ?? nothing, slot);
    return before === after ? [] : [fill(strings.cpuChange, { cpu, before, after })];
  });
}

function pageOf(model: MapModel, keys: Uint8Array, values: Uint8Array): Page {
  return new Page(model, { kind: 'page', mapId: 0, count: 1, keys, values, atMs: 0, truncated: false }, undefined);
}
