import { formatInteger, formatRate } from './format.ts';
import type { MapModel, Page } from './mapModel.ts';
import type { Column } from './tableColumns.ts';

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

/** One row's cells for these columns. */
export function cellsOf(model: MapModel, page: Page, index: number, columns: readonly Column[]): Cell[] {
  const peaks = new Map<number, number>();
  return columns.map((column) => {
    const field = model.valueFields[column.field];
    if (field === undefined) return blank;
    switch (column.kind) {
      case 'idle':
        return blank;
      case 'rate': {
        const rate = model.rate(page, index, field);
        if (rate === undefined) return { ...blank, text: '–', zero: true };
        return { ...blank, text: formatRate(rate), raw: String(rate), zero: rate === 0 };
      }
      case 'sum': {
        const sum = model.sum(page, index, field);
        const changed = page.previous !== undefined && model.rate(page, index, field) !== 0;
        return { ...blank, text: formatInteger(sum), raw: String(sum), changed, zero: sum === 0n };
      }
      case 'cpu':
      case 'value': {
        const slot = Math.max(0, column.slot);
        const changed = model.changed(page, index, field, slot);
        if (!field.numeric) {
          const text = model.text(page, index, field, slot);
          return { ...blank, text, raw: model.rawText(page, index, field, slot), changed };
        }
        const value = model.number(page, index, field, slot);
        let heat = 0;
        if (column.kind === 'cpu' && value > 0n) {
          const peak = peaks.get(column.field) ?? peakOf(model, page, index, column.field);
          peaks.set(column.field, peak);
          heat = peak === 0 ? 0 : Math.ceil((5 * Number(value)) / peak);
        }
        return { text: formatInteger(value), raw: String(value), changed, heat, zero: value === 0n };
      }
    }
  });
}

/** The largest CPU's number; 0 when only one CPU counts, since shading would say nothing. */
function peakOf(model: MapModel, page: Page, index: number, fieldIndex: number): number {
  const field = model.valueFields[fieldIndex];
  let peak = 0n;
  let counting = 0;
  for (let slot = 0; field !== undefined && slot < model.slots; slot++) {
    const value = model.number(page, index, field, slot);
    if (value > 0n) counting++;
    if (value > peak) peak = value;
  }
  return counting > 1 ? Number(peak) : 0;
}
