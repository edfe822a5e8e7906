import type { KeyPart } from '../data/mapModel.ts';
import type { Cell } from './cells.ts';
import type { Column } from './columns.ts';
import { type CellView, changedLook, copyOfCell, newCell, setColumn, setLook, setText } from './gridCell.ts';

/** Where things stand; one object until something of it changes. */
export interface BodyLayout {
  /** The columns in sight. */
  columns: readonly Column[];
  widths: readonly number[];
  /** [column]: what its cells look like whatever they say, their widths and what is out of sight before them too. */
  classes: readonly string[];
  /** CPU numbers of the slots. */
  cpus: readonly number[];
  paths: readonly string[];
  /** Place of the first column in sight among all columns, keys included; 1-based for ARIA. */
  firstColumn: number;
  keyWidths: readonly number[];
  /** [key]: as `classes`. */
  keyClasses: readonly string[];
  /** Keys on a line of their own above the numbers. */
  stacked: boolean;
  rowHeight: number;
  /** Pixels of the whole row. */
  total: number;
  /** Rows can be unfolded. */
  tree: boolean;
  /** Lines of the head, for ARIA. */
  headLines: number;
}

export interface BodyLine {
  line: number;
  /** Pixels from the top of the body. */
  top: number;
  /** Empty: not read yet. */
  name: string;
  key: readonly KeyPart[];
  cells: readonly Cell[];
  /** Of the row's first number; for `trend`. */
  trend: string;
  /** A CPU's line, or a note's, under its row. */
  level: 'row' | 'cpu' | 'note';
  /** undefined: cannot be unfolded. */
  expanded: boolean | undefined;
  classes: string;
  /** Place of the active cell, keys first; -1 when it is not in this line. */
  active: number;
  selected: boolean;
}

interface LineView {
  element: HTMLElement;
  /** Pixels. */
  top: number;
  layout: BodyLayout | undefined;
  keys: CellView[];
  cells: CellView[];
  fold: HTMLElement | undefined;
  attributes: Map<string, string>;
  active: Element | undefined;
}

/** What a cell shows that has no reading. */
const nothing: Cell = { text: '', raw: '', changed: false, heat: 0, zero: false };

/**
 * The rows in sight. Written by hand and not as a template: at ten readings a second only the texts that changed are touched,
 * and every row is laid out by itself.
 */
export class GridBody {
  private readonly body: HTMLElement;
  private readonly shown = new Map<number, LineView>();
  private readonly spare: LineView[] = [];

  constructor(body: HTMLElement) {
    this.body = body;
  }

  /** Exactly these lines, from the top. `flash`: mark what changed. */
  draw(lines: readonly BodyLine[], layout: BodyLayout, flash: boolean): void {
    const wanted = new Set(lines.map(({ line }) => line));
    for (const [line, view] of this.shown) {
      if (wanted.has(line)) continue;
      this.shown.delete(line);
      this.spare.push(view);
      view.active?.removeAttribute('id');
      view.active = undefined;
    }
    let above: LineView | undefined;
    for (const line of lines) {
      let view = this.shown.get(line.line);
      if (view === undefined) {
        view = this.spare.pop() ?? this.newLine(above);
        this.shown.set(line.line, view);
        view.element.hidden = false;
      }
      if (view.layout !== layout) this.build(view, layout);
      this.fill(view, line, layout, flash);
      above = view;
    }
    for (const view of this.spare) view.element.hidden = true;
  }

  /** Ends the flash of what changed. */
  settle(): void {
    for (const { cells, layout } of this.shown.values()) {
      cells.forEach((cell, at) => setLook(cell, layout?.classes[at] ?? '', cell.look & ~changedLook));
    }
  }

  /** The element of a cell that is drawn; `column` counts the keys first. */
  cellAt(line: number, column: number): HTMLElement | undefined {
    const view = this.shown.get(line);
    const layout = view?.layout;
    if (view === undefined || layout === undefined) return undefined;
    return this.cellOf(view, layout, column)?.element;
  }

  /** What a cell says, a number without grouping. */
  textAt(line: number, column: number): string {
    const view = this.shown.get(line);
    if (view?.layout === undefined) return '';
    const cell = this.cellOf(view, view.layout, column);
    return cell === undefined || cell.holds === 'trend' ? '' : cell.raw || cell.shown;
  }

  private cellOf(view: LineView, layout: BodyLayout, column: number): CellView | undefined {
    if (column < layout.keyWidths.length) return view.keys[layout.stacked ? 0 : column];
    return view.cells[column + 1 - layout.firstColumn];
  }

  /** A copy of the line above where there is one: the browser makes that in a fraction of the time that its parts take. */
  private newLine(above: LineView | undefined): LineView {
    if (above !== undefined) {
      const copy = copyOf(above);
      this.body.append(copy.element);
      return copy;
    }
    const element = document.createElement('tr');
    element.setAttribute('role', 'row');
    this.body.append(element);
    return {
      element,
      top: Number.NaN,
      layout: undefined,
      keys: [],
      cells: [],
      fold: undefined,
      attributes: new Map(),
      active: undefined,
    };
  }

  /** Cells stay what they are and get other columns: making hundreds of elements takes longer than a frame while one scrolls. */
  private build(view: LineView, layout: BodyLayout): void {
    const { element } = view;
    if (view.layout?.stacked !== layout.stacked || view.layout.keyWidths.length !== layout.keyWidths.length) {
      this.buildKeys(view, layout);
    }
    view.layout = layout;
    element.style.width = `${layout.total}px`;
    element.style.height = `${layout.rowHeight}px`;
    if (!layout.stacked) {
      let left = 0;
      view.keys.forEach((key, at) => {
        if (at > 0) key.element.style.left = `${left}px`;
        left += layout.keyWidths[at] ?? 0;
      });
    }
    turn(view, layout.columns);
    layout.columns.forEach((column, at) => {
      const cell = this.cellFor(view, at, column.kind === 'trend' ? 'trend' : 'text');
      setColumn(cell, column, layout.firstColumn + at, layout);
    });
    for (const { element: left } of view.cells.splice(layout.columns.length)) left.remove();
  }

  private buildKeys(view: LineView, layout: BodyLayout): void {
    view.element.replaceChildren();
    view.cells = [];
    view.active = undefined;
    view.keys = (layout.stacked ? [layout.total] : layout.keyWidths).map((_, at) => {
      const key = newCell('th', 'rowheader');
      key.element.setAttribute('aria-colindex', String(at + 1));
      view.element.append(key.element);
      return key;
    });
    view.fold = document.createElement('span');
    view.fold.className = 'fold';
    view.keys[0]?.element.prepend(view.fold);
  }

  private cellFor(view: LineView, at: number, holds: CellView['holds']): CellView {
    const known = view.cells[at];
    if (known?.holds === holds) return known;
    const cell = { ...newCell('td', 'gridcell'), holds };
    if (known === undefined) view.element.append(cell.element);
    else known.element.replaceWith(cell.element);
    view.cells[at] = cell;
    return cell;
  }

  private fill(view: LineView, line: BodyLine, layout: BodyLayout, flash: boolean): void {
    if (view.top !== line.top) {
      view.top = line.top;
      view.element.style.transform = `translateY(${line.top}px)`;
    }
    const level = line.level === 'row' ? 'entry' : line.level;
    setAttribute(view, 'class', `${level} ${layout.stacked ? 'stacked' : ''} ${line.classes}`);
    setAttribute(view, 'aria-rowindex', String(line.line + layout.headLines + 1));
    setAttribute(view, 'data-key', line.level === 'row' ? line.name : undefined);
    setAttribute(view, 'aria-expanded', line.expanded === undefined ? undefined : String(line.expanded));
    setAttribute(view, 'aria-level', layout.tree ? (line.level === 'row' ? '1' : '2') : undefined);
    setAttribute(view, 'aria-selected', line.selected ? 'true' : undefined);
    this.fillKeys(view, line, layout);
    view.cells.forEach((cell, at) => {
      const { text, raw, zero, heat, changed } = line.cells[at] ?? nothing;
      setText(cell, cell.holds === 'text' ? text : line.trend);
      cell.raw = raw;
      setLook(cell, layout.classes[at] ?? '', heat * 4 + (zero ? 2 : 0) + (changed && flash ? 1 : 0));
    });
    this.mark(view, line, layout);
  }

  private fillKeys(view: LineView, line: BodyLine, layout: BodyLayout): void {
    const parts = layout.stacked ? [joined(line.key)] : line.key;
    view.keys.forEach((cell, at) => {
      const part = parts[at];
      const text = part?.text ?? '';
      if (cell.shown !== text) cell.element.title = text;
      setText(cell, text);
      setLook(cell, `key ${layout.keyClasses[at] ?? ''} ${part?.hex === true ? 'mono' : ''}`, 0);
    });
    if (view.fold !== undefined) {
      const icon = line.expanded === undefined ? '' : line.expanded ? 'open' : 'closed';
      if (view.fold.dataset['state'] !== icon) view.fold.dataset['state'] = icon;
    }
  }

  /** The one cell that the keyboard is at has the id that the grid names as its active one. */
  private mark(view: LineView, line: BodyLine, layout: BodyLayout): void {
    const active = line.active < 0 ? undefined : this.cellOf(view, layout, line.active)?.element;
    if (view.active === active) return;
    view.active?.removeAttribute('id');
    view.active = active;
    if (active !== undefined) active.id = 'active-cell';
  }
}

/** Scrolled sideways: most columns are still in sight, and keep their cells. Those that left are put where others came. */
function turn({ element, cells }: LineView, columns: readonly Column[]): void {
  const left = cells.findIndex(({ column }) => column === columns[0]);
  if (left > 0) {
    const gone = cells.splice(0, left);
    element.append(...gone.map((cell) => cell.element));
    cells.push(...gone);
    return;
  }
  const came = columns.findIndex((column) => column === cells[0]?.column);
  if (came <= 0 || came >= cells.length) return;
  const gone = cells.splice(-came);
  cells[0]?.element.before(...gone.map((cell) => cell.element));
  cells.unshift(...gone);
}

function copyOf(line: LineView): LineView {
  const element = line.element.cloneNode(true) as HTMLElement;
  element.querySelector('#active-cell')?.removeAttribute('id');
  const copies = Array.from(element.children as HTMLCollectionOf<HTMLElement>);
  const keys = line.keys.map((key, at) => copyOfCell(key, copies[at]));
  return {
    element,
    top: line.top,
    layout: line.layout,
    keys,
    cells: line.cells.map((cell, at) => copyOfCell(cell, copies[keys.length + at])),
    fold: element.querySelector<HTMLElement>('.fold') ?? undefined,
    attributes: new Map(line.attributes),
    active: undefined,
  };
}

function joined(parts: readonly KeyPart[]): KeyPart {
  return {
    name: '',
    text: parts.map(({ text }) => text).join(' · '),
    hex: parts.length === 1 && parts[0]?.hex === true,
  };
}

function setAttribute(view: LineView, name: string, value: string | undefined): void {
  if (view.attributes.get(name) === value) return;
  if (value === undefined) {
    view.attributes.delete(name);
    view.element.removeAttribute(name);
    return;
  }
  view.attributes.set(name, value);
  view.element.setAttribute(name, value);
}
