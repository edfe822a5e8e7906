import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { fill, formatPeriod } from './format.ts';
import type { KeyPart, MapModel, Page, Sort } from './mapModel.ts';
import { mapTableStyles } from './mapTableStyles.ts';
import { strings } from './strings.ts';
import { type Cell, cellsOf } from './tableCells.ts';
import { buildColumns, type Column, type Columns, visibleWindow, type Window } from './tableColumns.ts';
import { TextMeasure } from './textWidth.ts';
import { baseStyles } from './theme.ts';

const rowHeight = 22;
const padding = 17;
const narrow = 480;

interface Row {
  index: number;
  key: KeyPart[];
  cells: Cell[];
}

/**
 * A map's entries, live: a row per key, per field its sum, its rate and a column per CPU. Draws only the rows and columns
 * that are in sight. Where keys would take half of the width they stand on a line of their own above the numbers.
 */
@customElement('xdp-map-table')
export class MapTable extends LitElement {
  @property({ attribute: false }) model: MapModel | undefined;
  @property({ attribute: false }) page: Page | undefined;
  @property({ type: Boolean }) showIdle = false;
  @property() filter = '';
  @property() label = '';
  @state() private sort: Sort | undefined;
  @state() private viewport = { width: 0, height: 0, left: 0, top: 0 };

  private readonly measure = new TextMeasure();
  private readonly resize = new ResizeObserver(() => this.look());
  private active: boolean[] = [];
  private widths = new Map<string, number>();
  private keyWidths: number[] = [];
  private stacked = false;
  /** Which of the two flash animations this page uses; none when only the view moved. */
  private flash: 'flash-a' | 'flash-b' | '' = '';
  private parity = false;
  private order: Uint32Array | undefined;
  private announced = -1;

  static override styles = [baseStyles, mapTableStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const newFont = this.measure.useFontOf(this);
    if (changed.has('model')) {
      this.active = [];
      this.sort = undefined;
    }
    if (changed.has('model') || newFont) {
      this.widths = new Map();
      this.keyWidths = [];
    }
    const { model, page } = this;
    this.flash = '';
    if (changed.has('page') && model !== undefined && page !== undefined) {
      const active = model.activeSlots(page);
      // A CPU that has counted once stays in sight.
      this.active = active.map((now, slot) => now || this.active[slot] === true);
      this.parity = !this.parity;
      this.flash = this.parity ? 'flash-a' : 'flash-b';
    }
    if (model !== undefined && page !== undefined) this.order = model.order(page, this.sort, this.filter);
  }

  protected override updated(): void {
    this.look();
    if (this.shown === this.announced) return;
    this.announced = this.shown;
    this.dispatchEvent(new CustomEvent('shown'));
  }

  /** Takes the scroller's size and place, which decide what is drawn. */
  private readonly look = (): void => {
    const scroller = this.renderRoot.querySelector('.scroller');
    const width = this.clientWidth;
    const height = scroller?.clientHeight ?? this.clientHeight;
    const left = scroller?.scrollLeft ?? 0;
    const top = scroller?.scrollTop ?? 0;
    const old = this.viewport;
    if (old.width !== width || old.height !== height || old.left !== left || old.top !== top) {
      this.viewport = { width, height, left, top };
    }
  };

  /** How many entries pass the filter; `shown` is fired when it changes. */
  get shown(): number {
    return this.order?.length ?? this.page?.count ?? 0;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { model, page } = this;
    if (model === undefined || page === undefined || this.viewport.width === 0) return nothing;
    const layout = buildColumns({
      fields: model.valueFields,
      cpus: model.perCpu ? model.schema.possibleCpus : undefined,
      active: this.active,
      showIdle: this.showIdle,
      totalsFirst: this.viewport.width < narrow,
      labels: {
        sum: strings.sum,
        rate: strings.rate,
        value: strings.value,
        cpu: (cpu) => fill(strings.cpu, { cpu }),
        idle: (count) => (count === 1 ? strings.idleCpu : fill(strings.idleCpus, { count })),
      },
    });
    const rows = this.rowsInSight(model, page);
    this.widenKeys(rows);
    const keyWidth = this.keyWidths.reduce((sum, width) => sum + width, 0);
    this.stacked = keyWidth > this.viewport.width / 2;

    const estimated = layout.columns.map((column) => this.widthOf(column, layout));
    const fixed = this.stacked ? 0 : keyWidth;
    const span = visibleWindow(estimated, this.viewport.left, Math.max(0, this.viewport.width - fixed), 200);
    const columns = layout.columns.slice(span.first, span.last);
    for (const row of rows) row.cells = cellsOf(model, page, row.index, columns);
    this.widen(columns, rows);
    const widths = layout.columns.map((column) => this.widthOf(column, layout));
    return this.renderTable({ layout, span, columns, rows, widths, fixed });
  }

  private get entryHeight(): number {
    return this.stacked ? 2 * rowHeight : rowHeight;
  }

  private rowsInSight(model: MapModel, page: Page): Row[] {
    const { first, last } = this.rowWindow();
    const rows: Row[] = [];
    for (let at = first; at < last; at++) {
      const index = this.order === undefined ? at : (this.order[at] ?? 0);
      rows.push({ index, key: model.keyParts(page, index), cells: [] });
    }
    return rows;
  }

  private rowWindow(): Window {
    const first = Math.max(0, Math.floor(this.viewport.top / this.entryHeight) - 4);
    // The scroller grows with its rows up to the room there is, so the height of the first drawing is a guess.
    const height = Math.max(this.viewport.height, 440);
    const last = Math.min(this.shown, first + Math.ceil(height / this.entryHeight) + 8);
    return { first: Math.min(first, last), last };
  }

  private widenKeys(rows: readonly Row[]): void {
    for (const { key } of rows) {
      key.forEach(({ name, text }, part) => {
        const label = key.length === 1 && name === '' ? strings.key : name;
        const wide = Math.max(this.measure.width(text), this.measure.width(label) + 14) + padding;
        this.keyWidths[part] = Math.ceil(Math.max(this.keyWidths[part] ?? 0, wide));
      });
    }
  }

  private widen(columns: readonly Column[], rows: readonly Row[]): void {
    columns.forEach((column, at) => {
      const id = idOf(column);
      for (const row of rows) {
        const wide = Math.ceil(this.measure.width(row.cells[at]?.text ?? '') + padding);
        if (wide > (this.widths.get(id) ?? 0)) this.widths.set(id, Math.min(wide, 480));
      }
    });
  }

  /** A column is as wide as what it held, its label, and its share of its group's label. */
  private widthOf(column: Column, { columns, groups }: Columns): number {
    let at = columns.indexOf(column);
    let share = 0;
    for (const group of groups) {
      if (at < group.span) {
        share = (this.measure.width(group.label) + padding) / group.span;
        break;
      }
      at -= group.span;
    }
    const sortable = column.kind === 'cpu' || column.kind === 'idle' ? 0 : 14;
    const label = this.measure.width(column.label) + padding + sortable;
    return Math.ceil(Math.max(label, share, this.widths.get(idOf(column)) ?? 0));
  }

  private renderTable(view: TableView): TemplateResult {
    const { layout, widths, fixed } = view;
    const { first, last } = this.rowWindow();
    const total = widths.reduce((sum, width) => sum + width, fixed);
    const keyColumns = this.stacked ? [] : this.keyWidths;
    const all = keyColumns.length + layout.columns.length;
    const before = first * this.entryHeight;
    const after = (this.shown - last) * this.entryHeight;
    return html`<div class="scroller" tabindex="0" role="region" aria-label=${this.label} @scroll=${this.look}
      .style=${`--viewport: ${this.viewport.width}px; --sticky-left: ${fixed + 8}px`}>
      <table aria-label=${this.label} aria-rowcount=${this.shown + this.headLines(layout) + 1} aria-colcount=${all}
        .style=${`width: ${total}px`}>
        <colgroup>
          ${keyColumns.map((width) => html`<col .style=${`width: ${width}px`} />`)}
          ${widths.map((width) => html`<col .style=${`width: ${width}px`} />`)}
        </colgroup>
        <thead>${this.renderHead(view)}</thead>
        <tbody>
          ${spacer(before, all)} ${view.rows.map((row, at) => this.renderRow(view, row, first + at))} ${spacer(after, all)}
        </tbody>
      </table>
    </div>`;
  }

  /** How many rows the head has above the column labels. */
  private headLines({ groups }: Columns): number {
    return (this.stacked ? 1 : 0) + (groups.length > 0 ? 1 : 0);
  }

  private renderHead({ layout, columns, span }: TableView): TemplateResult {
    const { groups } = layout;
    const key = this.stacked ? nothing : this.renderKeyHead(this.headLines(layout) + 1);
    const labels = html`${skipCells(span.first, 'th')}${columns.map((column, at) =>
      this.renderLabel(column, startsGroup(layout, span.first + at)),
    )}${skipCells(layout.columns.length - span.last, 'th')}`;
    const names = groups.map(
      ({ label, span: width }, at) =>
        html`<th class="group ${at === 0 && this.stacked ? '' : 'starts'}" scope="colgroup" colspan=${width}>
          <span class="group-label">${label}</span>
        </th>`,
    );
    return html`${this.stacked ? this.renderStackedHead(layout) : nothing}
      ${groups.length === 0 ? html`<tr>${key}${labels}</tr>` : html`<tr>${key}${names}</tr><tr>${labels}</tr>`}`;
  }

  /** The names of the key's fields, in the order in which the lines above the numbers give them. */
  private renderStackedHead({ columns }: Columns): TemplateResult {
    const names = (this.model?.keyFields ?? []).map(({ path }) => (path === '' ? strings.key : path));
    return html`<tr>
      <th class="legend" scope="col" colspan=${columns.length} aria-sort=${this.sortState('key', 0)}>
        <span class="stacked-label">${this.sortButton(names.join(' · '), 'key', 0)}</span>
      </th>
    </tr>`;
  }

  private renderKeyHead(lines: number): TemplateResult[] {
    const fields = this.model?.keyFields ?? [];
    return fields.map((field, part) => {
      const label = field.path === '' ? strings.key : field.path;
      return html`<th class="key" scope="col" rowspan=${lines} aria-sort=${this.sortState('key', 0)}
        .style=${`left: ${this.leftOf(part)}px`}>
        ${this.sortButton(label, 'key', 0)}
      </th>`;
    });
  }

  private leftOf(part: number): number {
    return this.keyWidths.slice(0, part).reduce((sum, width) => sum + width, 0);
  }

  private renderLabel(column: Column, starts: boolean): TemplateResult {
    const field = this.model?.valueFields[column.field];
    const className = `${field?.numeric === false ? 'text' : ''} ${starts ? 'starts' : ''}`;
    if (column.kind === 'idle') {
      return html`<th scope="col" class=${className}>
        <button title=${strings.showIdle} @click=${() => this.dispatchEvent(new CustomEvent('show-idle'))}>${column.label}</button>
      </th>`;
    }
    if (column.kind === 'cpu')
      return html`<th scope="col" class=${className} title=${column.label}>${column.label}</th>`;
    const by = column.kind === 'rate' ? 'rate' : 'sum';
    return html`<th scope="col" class=${className} aria-sort=${this.sortState(by, column.field)}>
      ${this.sortButton(column.label, by, column.field)}
    </th>`;
  }

  private sortState(by: Sort['by'], field: number): 'none' | 'ascending' | 'descending' {
    const { sort } = this;
    if (sort?.by !== by || sort.field !== field) return 'none';
    return sort.descending ? 'descending' : 'ascending';
  }

  private sortButton(label: string, by: Sort['by'], field: number): TemplateResult {
    const order = this.sortState(by, field);
    const previous = this.page?.previous;
    const period = previous === undefined ? undefined : formatPeriod((this.page?.atMs ?? 0) - previous.atMs);
    const title =
      by === 'rate' && period !== undefined
        ? fill(strings.rateOver, { period })
        : fill(strings.sortBy, { column: label });
    const arrow =
      order === 'none'
        ? nothing
        : html`<span class="arrow" aria-hidden="true">${order === 'descending' ? '↓' : '↑'}</span>`;
    return html`<button title=${title} @click=${() => this.sortOn(by, field)}>${label}${arrow}</button>`;
  }

  /** Numbers largest first, keys smallest first; a third press gives back the map's own order. */
  private sortOn(by: Sort['by'], field: number): void {
    const { sort } = this;
    const descendingFirst = by !== 'key';
    if (sort?.by !== by || sort.field !== field) this.sort = { by, field, descending: descendingFirst };
    else if (sort.descending === descendingFirst) this.sort = { by, field, descending: !descendingFirst };
    else this.sort = undefined;
  }

  private renderRow(view: TableView, row: Row, position: number): TemplateResult {
    const { layout, span, columns } = view;
    const name = row.key.map(({ text }) => text).join(' ');
    const rowIndex = position + this.headLines(layout) + 2;
    const cells = html`${skipCells(span.first, 'td')}${columns.map((column, at) =>
      this.renderCell(
        column,
        row.cells[at],
        startsGroup(layout, span.first + at) && (at + span.first > 0 || !this.stacked),
      ),
    )}${skipCells(layout.columns.length - span.last, 'td')}`;
    if (!this.stacked) {
      return html`<tr class="entry" aria-rowindex=${rowIndex} data-key=${name}>
        ${row.key.map(
          ({ text, hex }, part) =>
            html`<th scope="row" class="key ${hex ? 'mono' : ''}" title=${text} .style=${`left: ${this.leftOf(part)}px`}>${text}</th>`,
        )}${cells}
      </tr>`;
    }
    const parts = row.key.map(({ text, hex }) => html`<span class="part ${hex ? 'mono' : ''}">${text}</span>`);
    const title = row.key.map(({ name: field, text }) => (field === '' ? text : `${field} ${text}`)).join(', ');
    return html`<tr class="stacked-key" aria-rowindex=${rowIndex}>
        <th scope="rowgroup" colspan=${layout.columns.length}><span class="stacked-label" title=${title}>${parts}</span></th>
      </tr>
      <tr class="entry" data-key=${name}>${cells}</tr>`;
  }

  private renderCell(column: Column, cell: Cell | undefined, starts: boolean): TemplateResult {
    if (cell === undefined || column.kind === 'idle') return html`<td class=${starts ? 'starts' : ''}></td>`;
    const field = this.model?.valueFields[column.field];
    const classes = [
      field?.numeric === false ? (field.layout.kind === 'bytes' ? 'text mono' : 'text') : '',
      cell.zero ? 'zero' : '',
      cell.heat > 0 ? `heat-${cell.heat}` : '',
      cell.changed ? this.flash : '',
      starts ? 'starts' : '',
    ];
    const cpu = column.kind === 'cpu' ? this.model?.schema.possibleCpus[column.slot] : undefined;
    return html`<td
      class=${classes.filter((name) => name !== '').join(' ')}
      data-column=${column.kind}
      data-field=${field?.path ?? ''}
      data-cpu=${cpu ?? nothing}
      data-value=${cell.raw === '' ? nothing : cell.raw}
      title=${field?.numeric === false ? cell.text : nothing}
    ><span>${cell.text}</span></td>`;
  }
}

interface TableView {
  layout: Columns;
  span: Window;
  columns: readonly Column[];
  rows: readonly Row[];
  widths: readonly number[];
  /** Pixels that the key columns take. */
  fixed: number;
}

function idOf(column: Column): string {
  return `${column.kind} ${column.field} ${column.slot}`;
}

function startsGroup({ groups }: Columns, index: number): boolean {
  let at = 0;
  for (const { span } of groups) {
    if (at === index) return true;
    at += span;
  }
  return groups.length === 0 && index === 0;
}

/** Stands for columns that are out of sight. */
function skipCells(count: number, tag: 'td' | 'th'): TemplateResult | typeof nothing {
  if (count <= 0) return nothing;
  return tag === 'td'
    ? html`<td class="skip" colspan=${count} aria-hidden="true"></td>`
    : html`<th class="skip" colspan=${count} aria-hidden="true"></th>`;
}

/** Stands for rows that are out of sight. */
function spacer(height: number, columns: number): TemplateResult | typeof nothing {
  if (height <= 0) return nothing;
  return html`<tr class="spacer" aria-hidden="true"><td colspan=${columns} .style=${`height: ${height}px`}></td></tr>`;
}
