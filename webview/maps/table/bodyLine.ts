import type { MapModel } from '../data/mapModel.ts';
import { historyLength, type Row } from '../data/rowCache.ts';
import { strings } from '../strings.ts';
import { cellsOf } from './cells.ts';
import type { Column } from './columns.ts';
import type { BodyLine } from './gridBody.ts';
import type { SubLine } from './lines.ts';
import { trendPath } from './trend.ts';

interface LineRequest {
  line: number;
  /** Pixels from the top of the body. */
  top: number;
  model: MapModel;
  /** Those in sight. */
  columns: readonly Column[];
  /** undefined: not read yet. */
  row: Row | undefined;
  /** What the line is, where it is not the row itself. */
  sub: SubLine | undefined;
  /** Place of the active cell, keys first; -1 when it is not in this line. */
  active: number;
  /** Rates of the row's first number, oldest first. */
  history: readonly number[];
  unfolded: boolean;
  plotted: boolean;
}

/** What one line of the table says. */
export function bodyLine(request: LineRequest): BodyLine {
  const { line, top, active, row, sub } = request;
  const base: BodyLine = {
    line,
    top,
    level: 'row',
    name: '',
    key: [],
    cells: [],
    trend: '',
    expanded: undefined,
    classes: 'waiting',
    active,
    selected: false,
  };
  if (row === undefined) return base;
  switch (sub?.kind) {
    case 'note':
      return { ...base, level: 'note', classes: '', key: [{ name: '', text: sub.text, hex: false }] };
    case 'cpu':
      return { ...base, ...cpuLine(request, row, sub.slot) };
    case undefined:
      return { ...base, ...rowLine(request, row) };
  }
}

function cpuLine({ model, columns }: LineRequest, { reading }: Row, slot: number): Partial<BodyLine> {
  const name = strings.cpu.replace('{cpu}', String(model.schema.possibleCpus[slot] ?? slot));
  return {
    level: 'cpu',
    classes: '',
    key: [{ name: '', text: name, hex: false }],
    cells: reading === undefined ? [] : cellsOf(model, reading, columns, slot),
  };
}

function rowLine({ model, columns, history, unfolded, plotted }: LineRequest, row: Row): Partial<BodyLine> {
  const { reading } = row;
  const key = model.keyParts(row.key);
  return {
    name: key.map(({ text }) => text).join(' '),
    key,
    cells: reading === undefined ? [] : cellsOf(model, reading, columns),
    trend: columns.some(({ kind }) => kind === 'trend') ? trendPath(history, historyLength) : '',
    classes: `${reading === undefined ? 'gone' : ''} ${plotted ? 'plotted' : ''}`,
    expanded: model.slots > 1 ? unfolded : undefined,
    selected: plotted,
  };
}
