import { formatRate, groupDigits } from '../../common/format.ts';
import type { Leaf } from '../data/leaves.ts';
import type { MapModel, Reading } from '../data/mapModel.ts';
import type { Spread } from '../data/totals.ts';
import type { Column } from './columns.ts';

export interface Cell {
  text: string;
  /** The same without grouping, to be copied; empty where there is nothing to read. */
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
  return columns.map((column) => {
    const field = model.valueFields[column.field];
    if (field === undefined) return blank;
    return slot === undefined
      ? rowCell(model, reading, field, column)
      : cpuLineCell(model, reading, field, column, slot);
  });
}

function rowCell(model: MapModel, reading: Reading, field: Leaf, column: Column): Cell {
  switch (column.kind) {
    case 'idle':
    case 'trend':
      return blank;
    case 'rate':
      return rateCell(model.rate(reading, field));
    case 'delta':
      return deltaCell(model.delta(reading, field));
    case 'sum': {
      const { sum, delta } = model.totals(reading, field);
      return numberCell(sum, reading.before !== undefined && delta !== 0n);
    }
    case 'min':
      return numberCell(model.number(reading.now, field, model.totals(reading, field).spread.smallest));
    case 'max':
      return numberCell(model.number(reading.now, field, model.totals(reading, field).spread.largest));
    case 'imbalance': {
      const { sum, max } = model.totals(reading, field).spread;
      const { countingCpus } = model;
      if (countingCpus < 2 || sum <= 0) return unknown;
      // The filter language divides by all CPUs, so that the order is the same.
      const ratio = (max * countingCpus) / sum;
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
      const heat = column.kind === 'cpu' ? heatOf(value, model.totals(reading, field).spread) : 0;
      return numberCell(value, changed, heat);
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
      return numberCell(model.number(reading.now, field, slot), model.changed(reading, field, slot));
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

function numberCell(value: bigint, changed = false, heat = 0): Cell {
  const raw = String(value);
  return { text: groupDigits(raw), raw, changed, heat, zero: value === 0n };
}

function rateCell(rate: number | undefined): Cell {
  return rate === undefined ? unknown : { ...blank, text: formatRate(rate), raw: String(rate), zero: rate === 0 };
}

function deltaCell(delta: bigint | undefined): Cell {
  if (delta === undefined) return unknown;
  const cell = numberCell(delta);
  return delta > 0n ? { ...cell, text: `+${cell.text}` } : cell;
}

/** Shading says nothing when only one CPU counts. */
function heatOf(value: bigint, { max, counting }: Spread): number {
  if (value <= 0n || counting < 2) return 0;
  return Math.min(5, Math.ceil((5 * Number(value)) / max));
}
