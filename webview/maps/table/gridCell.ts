import type { Column } from './columns.ts';
import { trendSize } from './trend.ts';

/** An element with what was written to it last: asking the browser for it takes longer than writing. */
export interface CellView {
  element: HTMLElement;
  text: Text;
  /** The text, or the trend's path. */
  shown: string;
  /** Its column's, and what readings change about it. */
  classes: string;
  look: Look;
  raw: string;
  /** What it has in its attributes, with its place among all columns. */
  column: Column | undefined;
  place: number;
  holds: 'text' | 'trend';
  /** Made when there is a trend. */
  trend: SVGPathElement | undefined;
}

/** How a number looks: heat (0 to 5) × 4, 2 when it is zero, 1 when it has just changed. */
export type Look = number;
export const changedLook = 1;
const lookClasses = Array.from(
  { length: 24 },
  (_, look) =>
    `${(look & 2) === 0 ? '' : ' zero'}${look < 4 ? '' : ` heat-${look >> 2}`}${(look & changedLook) === 0 ? '' : ' changed'}`,
);

const svg = 'http://www.w3.org/2000/svg';

export function newCell(tag: 'th' | 'td', role: string): CellView {
  const element = document.createElement(tag);
  element.setAttribute('role', role);
  const text = document.createTextNode('');
  // Only keys need a box of their own, which stays in sight in a line that scrolls.
  if (tag === 'td') {
    element.append(text);
  } else {
    const span = document.createElement('span');
    span.append(text);
    element.append(span);
  }
  return {
    element,
    text,
    shown: '',
    classes: '',
    look: 0,
    raw: '',
    column: undefined,
    place: -1,
    holds: 'text',
    trend: undefined,
  };
}

function trendIn(cell: HTMLElement): SVGPathElement {
  const { width, height } = trendSize;
  const picture = document.createElementNS(svg, 'svg');
  picture.setAttribute('width', String(width));
  picture.setAttribute('height', String(height));
  picture.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svg, 'path');
  picture.append(path);
  cell.replaceChildren(picture);
  return path;
}

export function copyOfCell(cell: CellView, element: HTMLElement | undefined): CellView {
  if (element === undefined) throw new Error('a line without a cell that it has');
  const trend = element.querySelector('path') ?? undefined;
  const text = (element.querySelector('span:not(.fold)') ?? element).firstChild;
  return { ...cell, element, trend, text: text instanceof Text ? text : cell.text };
}

export function setText(cell: CellView, text: string): void {
  if (cell.shown === text) return;
  cell.shown = text;
  if (cell.holds === 'text') {
    cell.text.data = text;
  } else {
    cell.trend ??= trendIn(cell.element);
    cell.trend.setAttribute('d', text);
  }
}

export function setLook(cell: CellView, classes: string, look: Look): void {
  if (cell.look === look && cell.classes === classes) return;
  cell.look = look;
  cell.classes = classes;
  cell.element.className = classes + (lookClasses[look] ?? '');
}

export function setColumn(
  cell: CellView,
  column: Column,
  place: number,
  { paths, cpus }: { paths: readonly string[]; cpus: readonly number[] },
): void {
  if (cell.column === column && cell.place === place) return;
  cell.column = column;
  cell.place = place;
  const { dataset } = cell.element;
  cell.element.setAttribute('aria-colindex', String(place));
  dataset['column'] = column.kind;
  dataset['field'] = paths[column.field] ?? '';
  const cpu = column.kind === 'cpu' ? cpus[column.slot] : undefined;
  if (cpu !== undefined) dataset['cpu'] = String(cpu);
  else delete dataset['cpu'];
}
