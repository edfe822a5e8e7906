import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { baseStyles } from '../../common/theme.ts';
import type { MapModel } from '../data/mapModel.ts';
import type { Order, Reader } from '../data/reader.ts';
import type { Row } from '../data/rowCache.ts';
import { ActiveCell } from './activeCell.ts';
import { bodyLine } from './bodyLine.ts';
import type { Column, ColumnChoice } from './columns.ts';
import { GridBody, type BodyLayout, type BodyLine } from './gridBody.ts';
import { type GridPlace, moveBy } from './gridKeys.ts';
import { type GridLayout, GridMeasure, maxBodyHeight, scrollOf, visibleLines } from './gridLayout.ts';
import { Lines, type SubLine, type Unfolded } from './lines.ts';
import { mapTableStyles } from './mapTableStyles.ts';
import { renderHead } from './tableHead.ts';
import { WidthClasses } from './widthClasses.ts';

/** How long what changed is marked. */
const flashMs = 450;

/** What a person does with a cell. `column`: undefined for the key. */
export interface CellAction {
  kind: 'edit' | 'delete' | 'plot' | 'copy';
  row: Row;
  column: Column | undefined;
  slot: number | undefined;
  /** Of the cell, in the page. */
  box: DOMRect;
  /** As the cell says it, without grouping where it is a number. */
  text: string;
}

/**
 * A map's entries, live: a row per key, per field its sum, its rate and a column per CPU. Only what is in sight is in the
 * page. Where keys would take half of the width they stand on a line of their own above the numbers.
 */
@customElement('xdp-map-table')
export class MapTable extends LitElement {
  @property({ attribute: false }) reader: Reader | undefined;
  @property({ attribute: false }) show: ColumnChoice | undefined;
  @property() label = '';
  /** Ids of rows that are plotted, and what is to be said about rows. */
  @property({ attribute: false }) plotted: ReadonlySet<string> = new Set();
  @property({ attribute: false }) notes: ReadonlyMap<string, string> = new Map();
  @state() private viewport = { width: 0, height: 0, left: 0, top: 0 };
  @state() private layout: GridLayout | undefined;

  private readonly measure = new GridMeasure();
  private readonly widths = new WidthClasses();
  /** Tells sizes when they are known: asking for them makes the browser lay out what is about to change again. */
  private readonly resize = new ResizeObserver(() => this.look());
  /** Fonts come with the page's style: asking for them at every reading would make the browser work out all styles each time. */
  private readonly fonts = new MutationObserver(() => this.takeFont());
  private body: GridBody | undefined;
  private activeNamed = false;
  private bodyLayout: { of: GridLayout; first: number; last: number; layout: BodyLayout } | undefined;
  private lines = new Lines(0, []);
  private readonly unfolded = new Set<string>();
  /** Where rows that have lines under them were seen last. */
  private readonly places = new Map<string, number>();
  private readonly active = new ActiveCell();
  private flashUntil = 0;
  private frame: number | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private lastAtMs = 0;

  static override styles = [baseStyles, mapTableStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
    this.fonts.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
    this.takeFont();
  }

  private takeFont(): void {
    if (this.measure.useFontOf(this)) this.layout = undefined;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.fonts.disconnect();
    this.resize.disconnect();
    clearTimeout(this.settling);
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }

  /** After something was read. */
  refresh(): void {
    if (!this.hasUpdated || this.reader === undefined) return;
    const atMs = this.reader.rows.at(this.reader.rows.first)?.atMs ?? 0;
    if (atMs !== this.lastAtMs) this.flash();
    this.lastAtMs = atMs;
    // A CPU that counts for the first time gets its columns, and the head is drawn anew for them.
    if (this.layout !== undefined && !this.sameActive(this.layout)) this.requestUpdate();
    this.arrangeLines();
    this.drawSoon();
  }

  /** With the next frame: what was read and what was scrolled to are laid out together, once. */
  private drawSoon(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  private flash(): void {
    this.flashUntil = performance.now() + flashMs;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.body?.settle(), flashMs);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('reader')) {
      this.layout = undefined;
      this.bodyLayout = undefined;
      this.unfolded.clear();
      this.places.clear();
      this.active.forget();
      this.measure.forget();
    }
    if (changed.has('show')) this.layout = undefined;
    this.arrangeLines();
    const { model } = this;
    if (model === undefined || this.show === undefined || this.viewport.width === 0) return;
    if (
      this.layout === undefined ||
      this.layout.viewportWidth !== this.viewport.width ||
      !this.sameActive(this.layout)
    ) {
      const active = this.reader?.rows.active ?? [];
      this.layout = this.measure.layout({ model, active, show: this.show, width: this.viewport.width });
    }
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    const root = super.createRenderRoot();
    if (root instanceof ShadowRoot) root.adoptedStyleSheets.push(this.widths.sheet);
    return root;
  }

  protected override firstUpdated(): void {
    const scroller = this.renderRoot.querySelector('.scroller');
    if (scroller !== null) this.resize.observe(scroller);
  }

  protected override updated(): void {
    this.draw();
  }

  private get model(): MapModel | undefined {
    return this.reader?.rows.model;
  }

  private sameActive({ active }: GridLayout): boolean {
    return this.reader?.rows.active.every((now, slot) => now === active[slot]) ?? true;
  }

  /** Takes the scroller's size and place, which decide what is drawn. */
  private readonly look = (): void => {
    const scroller = this.renderRoot.querySelector('.scroller');
    const width = this.clientWidth;
    // The scroller grows with its rows up to the room there is. Before it has any, the whole page may be room: rows that prove to be
    // out of sight cost less than drawing twice.
    const height = this.body === undefined ? window.innerHeight : (scroller?.clientHeight ?? 0);
    const old = this.viewport;
    if (old.width === width && old.height === height) return;
    this.viewport = { ...old, width, height };
  };

  private readonly onScroll = (event: Event): void => {
    const { scrollLeft: left, scrollTop: top } = event.currentTarget as HTMLElement;
    const sideways = left !== this.viewport.left;
    // Not through a new rendering: only the rows change, unless other columns come into sight.
    if (sideways) this.viewport = { ...this.viewport, left, top };
    else Object.assign(this.viewport, { top });
    this.drawSoon();
  };

  private arrangeLines(): void {
    const { reader, model } = this;
    if (reader === undefined || model === undefined) return;
    const unfolded: Unfolded[] = [];
    for (const id of new Set([...this.unfolded, ...this.notes.keys()])) {
      const now = reader.rows.indexOf(id);
      if (now >= 0) this.places.set(id, now);
      const index = this.places.get(id);
      if (index === undefined) continue;
      const note = this.notes.get(id);
      const lines: SubLine[] = note === undefined ? [] : [{ kind: 'note', text: note }];
      if (this.unfolded.has(id)) {
        reader.rows.active.forEach((active, slot) => {
          if (active || this.show?.idle === true) lines.push({ kind: 'cpu', slot });
        });
      }
      if (lines.length > 0) unfolded.push({ index, lines });
    }
    this.lines = new Lines(
      reader.rowCount,
      unfolded.sort((a, b) => a.index - b.index),
    );
    this.active.follow(reader.rows, this.lines);
  }

  private draw(): void {
    const { reader, model, layout } = this;
    const body = this.renderRoot.querySelector<HTMLElement>('tbody');
    if (reader === undefined || model === undefined || layout === undefined || body === null) return;
    this.body ??= new GridBody(body);
    const rowHeight = layout.rowHeight;
    const height = Math.min(this.lines.total * rowHeight, maxBodyHeight);
    if (body.style.height !== `${height}px`) body.style.height = `${height}px`;
    const { first, last, shift } = visibleLines(this.viewport, rowHeight, this.lines.total, layout.headHeight);
    reader.show(this.lines.at(first).index, this.lines.at(Math.max(first, last - 1)).index + 1);
    const bodyLayout = this.bodyLayoutFor(layout);
    const drawn: BodyLine[] = [];
    for (let line = first; line < last; line++)
      drawn.push(this.lineAt({ line, top: line * rowHeight + shift }, bodyLayout, model, reader));
    // Wider than its column: from now on that is as wide. Never narrower again, or numbers would dance. Before anything is
    // written, or the first rows would be made twice.
    if (this.measure.widen(drawn, bodyLayout, layout)) {
      this.layout = this.measure.again(layout);
      this.draw();
    } else {
      this.body.draw(drawn, bodyLayout, performance.now() < this.flashUntil);
      this.nameActive(this.body);
    }
  }

  /** The grid names its active cell while that is in the page. */
  private nameActive(body: GridBody): void {
    const { line, column } = this.active;
    const there = line < 0 || body.cellAt(line, column) !== undefined;
    if (this.activeNamed === there) return;
    this.activeNamed = there;
    const table = this.renderRoot.querySelector('table');
    if (there) table?.setAttribute('aria-activedescendant', 'active-cell');
    else table?.removeAttribute('aria-activedescendant');
  }

  private bodyLayoutFor(of: GridLayout): BodyLayout {
    const { first, last } = this.measure.columnsInSight(of, this.viewport);
    const known = this.bodyLayout;
    if (known?.of === of && known.first === first && known.last === last) return known.layout;
    const layout = this.measure.bodyLayout(of, { first, last }, this.widths);
    this.bodyLayout = { of, first, last, layout };
    return layout;
  }

  private lineAt(
    { line, top }: { line: number; top: number },
    layout: BodyLayout,
    model: MapModel,
    reader: Reader,
  ): BodyLine {
    const { index, sub } = this.lines.at(line);
    const row = reader.rows.at(index);
    return bodyLine({
      line,
      top,
      model,
      columns: layout.columns,
      row,
      sub,
      active: line === this.active.line ? this.active.column : -1,
      history: row === undefined ? [] : reader.rows.history(row.id),
      unfolded: row !== undefined && this.unfolded.has(row.id),
      plotted: row !== undefined && this.plotted.has(row.id),
    });
  }

  protected override render(): TemplateResult | typeof nothing {
    const { model, layout, reader } = this;
    if (model === undefined || reader === undefined) return nothing;
    const lines = layout?.headLines ?? 1;
    return html`<div class="scroller" @scroll=${this.onScroll}
      .style=${`--viewport: ${this.viewport.width}px; --sticky-left: ${(layout?.keysWidth ?? 0) + 8}px`}>
      <table role=${model.slots > 1 ? 'treegrid' : 'grid'} tabindex="0" aria-label=${this.label}
        aria-rowcount=${reader.rowCount + lines} aria-colcount=${layout?.columnCount ?? 1} aria-multiselectable="true"
        .style=${`width: ${layout?.total ?? 0}px`}
        @focus=${this.onFocus} @keydown=${this.onKey} @mousedown=${this.onPress} @dblclick=${this.onDoubleClick}>
        <thead role="rowgroup">${
          layout === undefined
            ? nothing
            : renderHead({
                layout,
                inSight: this.measure.columnsInSight(layout, this.viewport),
                order: reader.order,
                periodMs: reader.rows.periodMs,
                active: this.active.line < 0 ? this.active.column : -1,
                sort: (by, descendingFirst) => this.sortBy(by, descendingFirst),
                showIdle: () => this.dispatchEvent(new CustomEvent('show-idle')),
              })
        }</thead>
        <tbody role="rowgroup"></tbody>
      </table>
    </div>`;
  }

  /** Numbers largest first, keys smallest first; a third press gives back the map's own order. */
  private sortBy(by: string, descendingFirst: boolean): void {
    const order = this.reader?.order;
    let next: Order | undefined;
    if (order?.by !== by) next = { by, descending: descendingFirst };
    else if (order.descending === descendingFirst) next = { by, descending: !descendingFirst };
    this.dispatchEvent(new CustomEvent<Order | undefined>('sort', { detail: next }));
    this.requestUpdate();
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { layout } = this;
    if (layout === undefined) return;
    const page = Math.max(1, Math.floor((this.viewport.height - layout.headHeight) / layout.rowHeight) - 1);
    const to = moveBy(event, this.active, { lines: this.lines.total, columns: layout.columnCount, page });
    if (to !== undefined) {
      event.preventDefault();
      this.goTo(to);
      return;
    }
    if (this.act(event)) event.preventDefault();
  };

  private act(event: KeyboardEvent): boolean {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (this.active.line < 0) {
      if (event.key !== 'Enter' && event.key !== ' ') return false;
      this.renderRoot.querySelector<HTMLElement>('thead #active-cell button')?.click();
      return true;
    }
    const row = this.activeRow;
    if (row === undefined) return false;
    if (event.key === '+' || (event.key === 'Enter' && plain && this.columnAt(this.active.column) === undefined)) {
      return this.toggle(row.id, event.key === '+' ? 'open' : undefined);
    }
    if (event.key === '-') return this.toggle(row.id, 'closed');
    if (event.key === 'Escape' && this.notes.has(row.id)) {
      return this.dispatchEvent(new CustomEvent('dismiss-note', { detail: row.id }));
    }
    if (plain && (event.key === 'Enter' || event.key === 'F2')) return this.fire('edit');
    if (plain && event.key === ' ') return this.fire('plot');
    if (plain && event.key === 'Delete') return this.fire('delete');
    if ((event.ctrlKey || event.metaKey) && event.key === 'c') return this.fire('copy');
    return false;
  }

  /** For the buttons beside the table: what the keys do with the active row. */
  get activeRow(): Row | undefined {
    return this.reader === undefined ? undefined : this.active.row(this.reader.rows);
  }

  /** Unfolds a row into its CPUs, or folds it. */
  toggle(id: string, want?: 'open' | 'closed'): boolean {
    if ((this.model?.slots ?? 1) < 2) return false;
    const open = want === undefined ? !this.unfolded.has(id) : want === 'open';
    if (open) this.unfolded.add(id);
    else this.unfolded.delete(id);
    this.arrangeLines();
    this.draw();
    return true;
  }

  fire(kind: CellAction['kind']): boolean {
    const row = this.activeRow;
    if (row === undefined) return false;
    const { sub } = this.lines.at(this.active.line);
    const column = this.columnAt(this.active.column);
    const slot = sub?.kind === 'cpu' ? sub.slot : column?.kind === 'cpu' ? column.slot : undefined;
    const cell = this.body?.cellAt(this.active.line, this.active.column);
    const detail: CellAction = {
      kind,
      row,
      column,
      slot,
      box: (cell ?? this).getBoundingClientRect(),
      text: this.body?.textAt(this.active.line, this.active.column) ?? '',
    };
    this.dispatchEvent(new CustomEvent('cell-action', { detail }));
    return true;
  }

  focusGrid(): void {
    this.renderRoot.querySelector('table')?.focus();
  }

  private rowAt(line: number): Row | undefined {
    return line < 0 ? undefined : this.reader?.rows.at(this.lines.at(line).index);
  }

  private columnAt(place: number): Column | undefined {
    const { layout } = this;
    return layout === undefined ? undefined : layout.columns.columns[place - layout.keyWidths.length];
  }

  private goTo(place: GridPlace): void {
    const { layout, reader } = this;
    const scroller = this.renderRoot.querySelector('.scroller');
    if (layout === undefined || scroller === null || reader === undefined) return;
    this.active.choose(place, reader.rows, this.lines);
    const to = scrollOf(place, layout, this.viewport, this.lines.total);
    if (to.top !== undefined) scroller.scrollTop = to.top;
    if (to.left !== undefined) scroller.scrollLeft = to.left;
    this.requestUpdate();
    this.dispatchEvent(new CustomEvent('active-row'));
  }

  private readonly onFocus = (): void => {
    if (this.reader !== undefined) this.active.begin(this.reader.rows, this.lines);
    this.dispatchEvent(new CustomEvent('active-row'));
  };

  private readonly onPress = (event: MouseEvent): void => {
    const place = this.placeOf(event);
    if (place === undefined) return;
    const fold = (event.target as HTMLElement).closest('.fold');
    this.goTo(place);
    const row = this.rowAt(place.line);
    if (fold !== null && row !== undefined) this.toggle(row.id);
  };

  private readonly onDoubleClick = (event: MouseEvent): void => {
    if (this.placeOf(event) !== undefined) this.fire('edit');
  };

  private placeOf(event: MouseEvent): GridPlace | undefined {
    const cell = (event.target as HTMLElement).closest('tbody [aria-colindex]');
    const row = cell?.closest('[aria-rowindex]');
    if (cell === null || cell === undefined || row === null || row === undefined) return undefined;
    const line = Number(row.getAttribute('aria-rowindex')) - 1 - (this.layout?.headLines ?? 1);
    return { line, column: Number(cell.getAttribute('aria-colindex')) - 1 };
  }
}
