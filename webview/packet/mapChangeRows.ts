import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger } from '../common/format.ts';
import type { Leaf } from '../maps/data/leaves.ts';
import { type Bytes, bytesAt, MapModel } from '../maps/data/mapModel.ts';
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
    const was = valueOf(model, before);
    const is = valueOf(model, after);
    if (key.length < model.schema.keySize || (was === undefined && is === undefined)) return [];
    const keyText = model.keyText(bytesAt(key));
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
function wholeText(model: MapModel, value: Bytes, field: Leaf): string {
  return field.numeric ? formatInteger(model.sum(value, field)) : textOf(model, value, field);
}

function textOf(model: MapModel, value: Bytes, field: Leaf): string {
  return Array.from({ length: model.slots }, (_, slot) => model.text(value, field, slot)).join(' ');
}

/** A new or deleted entry is compared with zeros: CPUs that never counted are not worth a word. */
function cpuTexts(model: MapModel, was: Bytes | undefined, is: Bytes | undefined, field: Leaf): string[] {
  if (!model.perCpu) return [];
  const nothing = bytesAt(new Uint8Array(model.stride));
  const text = (value: Bytes, slot: number): string =>
    field.numeric ? formatInteger(model.number(value, field, slot)) : model.text(value, field, slot);
  return model.schema.possibleCpus.flatMap((cpu, slot) => {
    const before = text(was ?? nothing, slot);
    const after = text(is ?? nothing, slot);
    return before === after ? [] : [fill(strings.cpuChange, { cpu, before, after })];
  });
}

/** What is shorter than a value of this map would throw in the middle of it. */
function valueOf(model: MapModel, bytes: Uint8Array | undefined): Bytes | undefined {
  return bytes === undefined || bytes.length < model.stride ? undefined : bytesAt(bytes);
}
