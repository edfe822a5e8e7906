import { fill } from '../../common/format.ts';
import type { MapModel } from '../data/mapModel.ts';
import { strings } from '../strings.ts';
import { buildColumns, type Column, type ColumnChoice, type Columns, visibleWindow, type Window } from './columns.ts';
import type { BodyLayout, BodyLine } from './gridBody.ts';
import type { GridPlace } from './gridKeys.ts';
import { TextMeasure } from './textWidth.ts';
import { trendSize } from './trend.ts';
import type { WidthClasses } from './widthClasses.ts';

const lineHeight = 22;
const padding = 17;
const narrow = 480;
/** Wider texts end in an ellipsis. */
const maxWidth = 480;
/** Browsers end at 2^25 pixels; a longer table scrolls in proportion. */
export const maxBodyHeight = 30_000_000;
/** Lines beyond the viewport that are drawn. */
const spareLines = 1;
/** The place of the fold's arrow. */
const foldWidth = 16;

export interface GridLayout {
  model: MapModel;
  columns: Columns;
  widths: readonly number[];
  keyNames: readonly string[];
  keyWidths: readonly number[];
  /** What the key columns take beside the others; 0 when they are stacked. */
  keysWidth: number;
  stacked: boolean;
  rowHeight: number;
  headLines: number;
  headHeight: number;
  total: number;
  columnCount: number;
  viewportWidth: number;
  active: readonly boolean[];
  show: ColumnChoice;
}

interface LayoutRequest {
  model: MapModel;
  active: readonly boolean[];
  show: ColumnChoice;
  width: number;
}

/** How wide columns are: as wide as the widest text they ever had. Measured on a canvas, so nothing is laid out for it. */
export class GridMeasure {
  private readonly text = new TextMeasure();
  private widths = new Map<string, number>();
  private keyWidths: number[] = [];

  /** Takes the font of an element; true when it is another one than before. */
  useFontOf(element: Element): boolean {
    if (!this.text.useFontOf(element)) return false;
    this.forget();
    return true;
  }

  forget(): void {
    this.widths = new Map();
    this.keyWidths = [];
  }

  layout({ model, active, show, width }: LayoutRequest): GridLayout {
    const columns = buildColumns({
      fields: model.valueFields,
      cpus: model.perCpu ? model.schema.possibleCpus : undefined,
      active,
      show,
      totalsFirst: width < narrow,
      labels: {
        ...strings.columns,
        cpu: (cpu) => fill(strings.cpu, { cpu }),
        idle: (count) => (count === 1 ? strings.idleCpu : fill(strings.idleCpus, { count })),
      },
    });
    const keyNames = model.keyFields.map(({ path }) => (path === '' ? strings.key : path));
    const fold = model.slots > 1 ? foldWidth : 0;
    const keyWidths = keyNames.map(
      (name, at) =>
        Math.max(this.keyWidths[at] ?? 0, Math.ceil(this.text.width(name) + padding + 14)) + (at === 0 ? fold : 0),
    );
    const keys = keyWidths.reduce((sum, each) => sum + each, 0);
    const stacked = keys > width / 2 && columns.columns.length > 0;
    const widths = columns.columns.map((column) => this.widthOf(column, columns));
    const numbers = widths.reduce((sum, each) => sum + each, 0);
    const keysWidth = stacked ? 0 : keys;
    const headLines = 1 + (columns.groups.length > 0 ? 1 : 0) + (stacked ? 1 : 0);
    return {
      model,
      columns,
      widths,
      keyNames,
      keyWidths,
      keysWidth,
      stacked,
      rowHeight: stacked ? 2 * lineHeight : lineHeight,
      headLines,
      headHeight: headLines * lineHeight + 1,
      total: Math.max(keysWidth + numbers, stacked ? width : 0),
      columnCount: keyWidths.length + columns.columns.length,
      viewportWidth: width,
      active: [...active],
      show,
    };
  }

  /** The same after texts became wider. */
  again({ model, active, show, viewportWidth: width }: GridLayout): GridLayout {
    return this.layout({ model, active, show, width });
  }

  columnsInSight(layout: GridLayout, viewport: { left: number; width: number }): Window {
    const length = Math.max(0, viewport.width - layout.keysWidth);
    return visibleWindow(layout.widths, viewport.left, length, lineHeight);
  }

  bodyLayout(layout: GridLayout, { first, last }: Window, widths: WidthClasses): BodyLayout {
    const { model } = layout;
    const skipped = layout.widths.slice(0, first).reduce((sum, width) => sum + width, 0);
    const columns = layout.columns.columns.slice(first, last);
    return {
      columns,
      widths: layout.widths.slice(first, last),
      classes: columns.map(({ field }, at) => {
        const starts = startsGroup(layout.columns, first + at) && (first + at > 0 || !layout.stacked);
        const found = model.valueFields[field];
        const text = found === undefined || found.numeric ? '' : found.layout.kind === 'bytes' ? 'text mono' : 'text';
        const width = widths.classOf(layout.widths[first + at] ?? 0);
        return `${width} ${at === 0 ? widths.skipping(skipped) : ''} ${starts ? `${text} starts` : text}`;
      }),
      cpus: model.schema.possibleCpus,
      paths: model.valueFields.map(({ path }) => path),
      firstColumn: layout.keyWidths.length + first + 1,
      keyWidths: layout.keyWidths,
      keyClasses: layout.stacked ? ['stacked'] : layout.keyWidths.map((width) => widths.classOf(width)),
      stacked: layout.stacked,
      rowHeight: layout.rowHeight,
      total: layout.total,
      tree: model.slots > 1,
      headLines: layout.headLines,
    };
  }

  /** Answers whether a column must be wider for these lines. */
  widen(lines: readonly BodyLine[], body: BodyLayout, layout: GridLayout): boolean {
    let wider = false;
    const widest = Math.max(this.text.width('0'), this.text.width('+'));
    for (const { level, key, cells } of lines) {
      if (level === 'row') {
        key.forEach(({ text }, part) => {
          const width = Math.ceil(Math.min(maxWidth, this.text.width(text) + padding));
          if (width <= (this.keyWidths[part] ?? 0)) return;
          this.keyWidths[part] = width;
          wider ||= width > (layout.keyWidths[part] ?? 0) - (part === 0 && layout.model.slots > 1 ? foldWidth : 0);
        });
      }
      cells.forEach(({ text }, at) => {
        const column = body.columns[at];
        if (column === undefined || text === '') return;
        const id = idOf(column);
        const known = this.widths.get(id) ?? 0;
        // Most numbers need no measuring.
        const numeric = layout.model.valueFields[column.field]?.numeric === true;
        if (numeric && text.length * widest + padding <= known) return;
        const width = Math.ceil(Math.min(maxWidth, this.text.width(text) + padding));
        if (width <= known) return;
        // A counter that outgrew its column grows on: room for three digits more, since every row is made anew for it.
        this.widths.set(id, known === 0 ? width : Math.min(maxWidth, width + 24));
        wider ||= width > (body.widths[at] ?? 0);
      });
    }
    return wider;
  }

  /** A column is as wide as what it held, its label, and its share of its group's label. */
  private widthOf(column: Column, { columns, groups }: Columns): number {
    let at = columns.indexOf(column);
    let share = 0;
    for (const group of groups) {
      if (at < group.span) {
        share = (this.text.width(group.label) + padding) / group.span;
        break;
      }
      at -= group.span;
    }
    const label = this.text.width(column.label) + padding + (column.sortBy === undefined ? 0 : 14);
    const trend = column.kind === 'trend' ? trendSize.width + padding : 0;
    return Math.ceil(Math.max(label, share, trend, this.widths.get(idOf(column)) ?? 0));
  }
}

/** All CPUs' columns of a field are as wide as the widest: else each that grows makes every row anew, one after the other. */
function idOf({ kind, field }: Column): string {
  return `${kind} ${field}`;
}

export function startsGroup({ groups }: Columns, index: number): boolean {
  let at = 0;
  for (const { span } of groups) {
    if (at === index) return true;
    at += span;
  }
  return groups.length === 0 && index === 0;
}

/** Which lines to draw; `shift`: pixels between where they would stand and where they do, in a table that is too high. */
export function visibleLines(
  { top, height }: { top: number; height: number },
  rowHeight: number,
  total: number,
  headHeight: number,
): { first: number; last: number; shift: number } {
  const full = total * rowHeight;
  const scale = full <= maxBodyHeight ? 1 : (full - height + headHeight) / (maxBodyHeight - height + headHeight);
  const offset = top * scale;
  const first = Math.max(0, Math.floor(offset / rowHeight) - spareLines);
  const last = Math.min(total, Math.ceil((offset + height - headHeight) / rowHeight) + spareLines);
  return { first: Math.min(first, last), last, shift: Math.round(top - offset) };
}

/** Where to scroll so that a cell is in sight; undefined where it is. */
export function scrollOf(
  { line, column }: GridPlace,
  layout: GridLayout,
  viewport: { top: number; left: number; width: number; height: number },
  total: number,
): { top?: number; left?: number } {
  const to: { top?: number; left?: number } = {};
  const full = total * layout.rowHeight;
  const scale = full <= maxBodyHeight ? 1 : full / maxBodyHeight;
  const start = (line * layout.rowHeight) / scale;
  if (line >= 0 && start < viewport.top) to.top = start;
  else if (line >= 0 && start + layout.rowHeight + layout.headHeight > viewport.top + viewport.height) {
    to.top = start + layout.rowHeight + layout.headHeight - viewport.height;
  }
  const at = column - layout.keyWidths.length;
  if (at < 0) return { ...to, left: 0 };
  const left = layout.widths.slice(0, at).reduce((sum, width) => sum + width, 0);
  const right = left + (layout.widths[at] ?? 0);
  const room = viewport.width - layout.keysWidth;
  if (left < viewport.left) to.left = left;
  else if (right > viewport.left + room) to.left = right - room;
  return to;
}
