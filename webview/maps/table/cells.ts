import { formatInteger, formatRate } from '../../common/format.ts';
import type { Leaf } from '../data/leaves.ts';
import type { MapModel, Reading } from '../data/mapModel.ts';
import type { Column } from './columns.ts';

export interface Cell {
  text: string;
  /** The same without grouping, for whoever reads the page by machine; empty where there is nothing to read. */
  raw: string;
  changed: boolean;
  /** 0 (none) to 5: share of the row's largest CPU. */
  heat: number;
  zero: boolean;
}

const blank: Cell = { text: '', raw: '', changed: false, heat: 0, zero: false };
const unknown: Cell = { ...blank, text: '–', zero: true };

/** One row's cells for these columns; with `slot` those of one CPU's line under it. */
export function cellsOf(model: MapModel, reading: Reading, columns: readonly Column[], slot?: number): Cell[] {
  const spreads = new Map<number, Spread>();
  const deltas = new Map<number, bigint | undefined>();
  return columns.map((column) => {
    const field = model.valueFields[column.field];
    if (field === undefined) return blank;
    if (slot !== undefined) return cpuLineCell(model, reading, field, column, slot);
    const spread = (): Spread => {
      const known = spreads.get(column.field) ?? spreadOf(model, reading, field);
      spreads.set(column.field, known);
      return known;
    };
    const delta = (): bigint | undefined => {
      if (!deltas.has(column.field)) deltas.set(column.field, model.delta(reading, field));
      return deltas.get(column.field);
    };
    return rowCell({ model, reading, field, column, spread, delta });
  });
}

interface CellRequest {
  model: MapModel;
  reading: Reading;
  field: Leaf;
  column: Column;
  /** Made once a row and field. */
  spread: () => Spread;
  delta: () => bigint | undefined;
}

function rowCell({ model, reading, field, column, spread, delta }: CellRequest): Cell {
  switch (column.kind) {
    case 'idle':
    case 'trend':
      return blank;
    case 'rate':
      return rateCell(rateOf(delta(), reading.periodMs));
    case 'delta':
      return deltaCell(delta());
    case 'sum':
      return {
        ...numberCell(model.sum(reading.now, field)),
        changed: reading.before !== undefined && delta() !== 0n,
      };
    case 'min':
      return numberCell(model.number(reading.now, field, spread().smallest));
    case 'max':
      return numberCell(model.number(reading.now, field, spread().largest));
    case 'imbalance': {
      const { sum, max, counting } = spread();
      if (counting < 2 || sum <= 0) return unknown;
      const ratio = (max * counting) / sum;
      return { ...blank, text: `${ratio.toFixed(2)}×`, raw: String(ratio) };
    }
    case 'cpu':
    case 'value': {
      const slot = Math.max(0, column.slot);
      const changed = model.changed(reading, field, slot);
      if (!field.numeric) {
        const text = model.text(reading.now, field, slot);
        return { ...blank, text, raw: model.rawText(reading.now, field, slot), changed };
      }
      const value = model.number(reading.now, field, slot);
      return { ...numberCell(value), changed, heat: column.kind === 'cpu' ? heatOf(value, spread()) : 0 };
    }
  }
}

/** One CPU's line has its value where the row has the sum, and its own rate and delta. */
function cpuLineCell(model: MapModel, reading: Reading, field: Leaf, column: Column, slot: number): Cell {
  switch (column.kind) {
    case 'rate':
      return rateCell(model.rate(reading, field, slot));
    case 'delta':
      return deltaCell(model.delta(reading, field, slot));
    case 'sum':
      return { ...numberCell(model.number(reading.now, field, slot)), changed: model.changed(reading, field, slot) };
    case 'cpu':
      // Not repeated for numbers, which stand in the sum's column; other fields have no other place.
      if (field.numeric || column.slot !== slot) return blank;
      return { ...blank, text: model.text(reading.now, field, slot), raw: model.rawText(reading.now, field, slot) };
    case 'min':
    case 'max':
    case 'imbalance':
    case 'trend':
    case 'value':
    case 'idle':
      return blank;
  }
}

function numberCell(value: bigint): Cell {
  return { text: formatInteger(value), raw: String(value), changed: false, heat: 0, zero: value === 0n };
}

function rateCell(rate: number | undefined): Cell {
  return rate === undefined ? unknown : { ...blank, text: formatRate(rate), raw: String(rate), zero: rate === 0 };
}

function rateOf(delta: bigint | undefined, periodMs: number): number | undefined {
  return delta === undefined || !(periodMs > 0) ? undefined : (Number(delta) * 1000) / periodMs;
}

function deltaCell(delta: bigint | undefined): Cell {
  if (delta === undefined) return unknown;
  return { ...numberCell(delta), text: delta > 0n ? `+${formatInteger(delta)}` : formatInteger(delta) };
}

/** Shading says nothing when only one CPU counts. */
function heatOf(value: bigint, { max, counting }: Spread): number {
  if (value <= 0n || counting < 2) return 0;
  return Math.min(5, Math.ceil((5 * Number(value)) / max));
}

/** Of one number over the CPUs, for comparing; `counting`: CPUs that are not at zero, which the imbalance is about. */
interface Spread {
  sum: number;
  max: number;
  counting: number;
  /** Slots. */
  smallest: number;
  largest: number;
}

function spreadOf(model: MapModel, reading: Reading, field: Leaf): Spread {
  const spread: Spread = { sum: 0, max: Number.NEGATIVE_INFINITY, counting: 0, smallest: 0, largest: 0 };
  let min = Number.POSITIVE_INFINITY;
  for (let slot = 0; slot < model.slots; slot++) {
    const value = model.rough(reading.now, field, slot);
    spread.sum += value;
    if (value !== 0) spread.counting++;
    if (value > spread.max) {
      spread.max = value;
      spread.largest = slot;
    }
    if (value < min) {
      min = value;
      spread.smallest = slot;
    }
  }
  return spread;
}
