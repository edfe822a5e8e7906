import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../common/notice.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { renderBar } from './bar.ts';
import { editableCell } from './edit/editableCell.ts';
import type { CellEdit } from './edit/cellInput.ts';
import { holdsVariables } from './variables.ts';
import type { SetRequest } from './data/mapEditor.ts';
import type { MapsStore } from './data/mapsStore.ts';
import type { Order, Reader } from './data/reader.ts';
import type { Row } from './data/rowCache.ts';
import { liveMapsStyles } from './liveMapsStyles.ts';
import { mapActions } from './mapActions.ts';
import { PlotData } from './plot/plotData.ts';
import type { PlotPane } from './plot/plotPane.ts';
import { contentsNotice, renderOutcome, renderProblem, renderUnused } from './notices.ts';
import { renderStatus } from './status.ts';
import { strings } from './strings.ts';
import './table/mapTable.ts';
import type { CellAction, MapTable } from './table/mapTable.ts';
import { fill } from '../common/format.ts';

/** What is being edited: an entry in the form below the table, or a cell in its place. */
type Editing =
  | { kind: 'form'; row: Row | undefined; slot: number | undefined; failure: string }
  | { kind: 'cell'; edit: CellEdit };

/** So long the first rows may take before the rest of the view is loaded beside them. */
const laterMs = 100;

const noNotes: ReadonlyMap<string, string> = new Map();

/** The live view of maps: which map, how often, its table, and what to do when there is none. Both webviews show it. */
@customElement('xdp-live-maps')
export class LiveMaps extends LitElement {
  @property({ attribute: false }) store: MapsStore | undefined;
  /** With a heading it stands among other things, and says in one line that there is nothing to show. */
  @property() heading = '';
  /** As typed; the reader has it at once. */
  @state() private filter = '';
  @state() private editing: Editing | undefined;
  private stop: (() => void) | undefined;
  private later: ReturnType<typeof setTimeout> | undefined;
  private reader: Reader | undefined;
  private plot = new PlotData();
  /** The same until another row is plotted: the table is drawn anew for another one. */
  private plotted: ReadonlySet<string> = new Set();

  static override styles = [baseStyles, inputStyles, liveMapsStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = this.store?.subscribe(() => this.onChange());
    this.later = setTimeout(loadLater, laterMs);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop?.();
    clearTimeout(this.later);
  }

  private onChange(): void {
    const { reader } = this;
    if (reader !== undefined && this.plot.record(reader.rows, Date.now())) {
      this.renderRoot.querySelector<PlotPane>('xdp-plot-pane:defined')?.refresh();
    }
    if (this.later !== undefined && (reader?.rows.last ?? 0) > 0) {
      clearTimeout(this.later);
      this.later = undefined;
      // In the frame after the rows are painted.
      requestAnimationFrame(() => setTimeout(loadLater));
    }
    this.requestUpdate();
    this.table?.refresh();
    // The log is the same object with more in it.
    this.renderRoot.querySelector<LitElement>('xdp-event-stream:defined')?.requestUpdate();
  }

  private get table(): MapTable | null {
    return this.renderRoot.querySelector<MapTable>('xdp-map-table');
  }

  protected override willUpdate(): void {
    const reader = this.store?.reader;
    if (reader === this.reader) return;
    this.reader = reader;
    this.filter = reader?.filter ?? '';
    this.editing = undefined;
    this.plot = new PlotData();
    this.plotted = new Set();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { store } = this;
    if (store === undefined) return nothing;
    return html`${renderProblem(store)}${this.renderContent(store)}`;
  }

  private renderContent(store: MapsStore): TemplateResult | typeof nothing {
    if (store.maps === undefined) return nothing;
    if (store.maps.length === 0 && this.heading !== '') {
      return html`<div class="bar">
        ${this.renderHeading()}<span class="muted">${store.attached > 0 ? strings.noMaps : strings.noneShort}</span>
        <vscode-button secondary @click=${() => store.act('attach')}>${strings.noneButton}</vscode-button>
      </div>`;
    }
    if (store.maps.length === 0 && store.stays) return contentsNotice(store) ?? nothing;
    if (store.maps.length === 0) {
      return html`<xdp-notice
        kind="empty"
        message=${store.attached > 0 ? strings.noMaps : strings.none}
        button=${strings.noneButton}
        @action=${() => store.act('attach')}
      ></xdp-notice>`;
    }
    return html`${renderBar({
      store,
      maps: store.maps,
      heading: this.renderHeading(),
      filter: this.filter,
      setFilter: (filter) => this.setFilter(filter),
      actions: mapActions({
        store,
        row: this.table?.activeRow,
        isPlotted: (id) => this.plot.ids.includes(id),
        plot: (row) => this.togglePlot(row),
        edit: (row) => this.openForm(row, undefined),
        unfold: (row) => this.table?.toggle(row.id),
        canUnfold: (store.reader?.rows.model.slots ?? 1) > 1,
      }),
    })}${renderUnused(store)}${renderOutcome(store)}${this.renderMap(store)}`;
  }

  private renderHeading(): TemplateResult | typeof nothing {
    return this.heading === '' ? nothing : html`<h2>${this.heading}</h2>`;
  }

  private setFilter(filter: string): void {
    this.filter = filter;
    this.store?.arrange({ filter: filter.trim() });
  }

  private renderMap(store: MapsStore): TemplateResult {
    const { reader } = store;
    if (store.events !== undefined && store.gone === undefined) {
      return html`<xdp-event-stream .log=${store.events} map=${store.selected?.name ?? ''}></xdp-event-stream>`;
    }
    const notice = contentsNotice(store);
    if (notice !== undefined || reader === undefined) {
      const status = reader?.arranged === undefined ? nothing : renderStatus(store, reader);
      return html`${notice}${this.renderEditing(store)}${status}`;
    }
    if (holdsVariables(reader.rows.model)) return this.renderVariables(store, reader);
    return html`<xdp-map-table
        .reader=${reader}
        .show=${store.columns}
        .plotted=${this.plotted}
        .notes=${store.editor?.notes ?? noNotes}
        label=${fill(strings.tableLabel, { map: reader.rows.model.schema.name })}
        @show-idle=${() => store.setColumns({ idle: true })}
        @sort=${({ detail: order }: CustomEvent<Order | undefined>) => store.arrange({ order })}
        @cell-action=${({ detail }: CustomEvent<CellAction>) => this.onCell(detail)}
        @dismiss-note=${({ detail: id }: CustomEvent<string>) => store.editor?.dismiss(id)}
        @active-row=${() => this.requestUpdate()}
      ></xdp-map-table>
      ${reader.arranged?.rows === 0 ? html`<xdp-notice kind="empty" message=${fill(strings.noMatch, { filter: this.filter })}></xdp-notice>` : nothing}
      ${
        this.plot.ids.length === 0
          ? nothing
          : html`<xdp-plot-pane .data=${this.plot} .ids=${[...this.plot.ids]} .model=${reader.rows.model}
        @remove=${({ detail: id }: CustomEvent<string>) => this.setPlotted(id, '')}></xdp-plot-pane>`
      }
      ${this.renderSnapshots(store)}${this.renderEditing(store)}${renderStatus(store, reader)}`;
  }

  private renderSnapshots(store: MapsStore): TemplateResult | typeof nothing {
    const { snapshots } = store;
    if (snapshots?.shown === undefined) return nothing;
    return html`<xdp-snapshot-pane .snapshots=${snapshots} .shown=${snapshots.shown}
      @save=${({ detail }: CustomEvent<{ name: string; text: string }>) => store.save(detail.name, detail.text)}
      @copy=${({ detail }: CustomEvent<{ text: string }>) => store.copy(detail.text)}></xdp-snapshot-pane>`;
  }

  private renderVariables(store: MapsStore, reader: Reader): TemplateResult {
    const { model } = reader.rows;
    return html`<xdp-variables .model=${model} .row=${reader.rows.at(0)} .frozen=${store.selected?.frozen === true}
        label=${fill(strings.tableLabel, { map: model.schema.name })}
        @edit=${({ detail: edit }: CustomEvent<CellEdit>) => (this.editing = { kind: 'cell', edit })}></xdp-variables>
      ${this.renderSnapshots(store)}${this.renderEditing(store)}${renderStatus(store, reader)}`;
  }

  private renderEditing(store: MapsStore): TemplateResult | typeof nothing {
    const { editing } = this;
    if (editing === undefined) return nothing;
    if (editing.kind === 'cell') {
      return html`<xdp-cell-input .edit=${editing.edit} @cancel=${() => this.endEditing()}
        @save=${({ detail }: CustomEvent<SetRequest>) => this.saveCell(detail)}></xdp-cell-input>`;
    }
    return html`<xdp-entry-form .model=${store.reader?.rows.model} .row=${editing.row} .slotOf=${editing.slot}
      .failure=${editing.failure} @cancel=${() => this.endEditing()}
      @save=${({ detail }: CustomEvent<SetRequest>) => void this.saveForm(detail)}></xdp-entry-form>`;
  }

  private onCell(action: CellAction): void {
    const { row, column, slot, box } = action;
    const { store } = this;
    const model = store?.reader?.rows.model;
    if (store === undefined || model === undefined) return;
    switch (action.kind) {
      case 'plot':
        return this.togglePlot(row);
      case 'copy':
        return store.copy(action.text);
      case 'delete':
        void store.editor?.remove(keyOf(row));
        return;
      case 'edit': {
        if (store.selected?.frozen === true || row.reading === undefined) return;
        const inner = model.mapIn(row.reading.now);
        if (inner !== undefined) return store.openInEditor(inner.id, inner.name);
        const place = editableCell(model, column, slot);
        if (place === undefined) this.openForm(row, slot);
        else this.editing = { kind: 'cell', edit: { model, row, box, ...place } };
      }
    }
  }

  private openForm(row: Row | undefined, slot: number | undefined): void {
    this.editing = { kind: 'form', row, slot, failure: '' };
  }

  private endEditing(): void {
    if (this.editing === undefined) return;
    this.editing = undefined;
    // Back to where the keyboard was.
    void this.updateComplete.then(() => this.table?.focusGrid());
  }

  private saveCell(request: SetRequest): void {
    this.endEditing();
    // What goes wrong is said at the row.
    void this.store?.editor?.set(request);
  }

  private async saveForm(request: SetRequest): Promise<void> {
    const failure = await this.store?.editor?.set(request);
    if (this.editing?.kind !== 'form') return;
    if (failure === undefined) this.endEditing();
    else this.editing = { ...this.editing, failure };
  }

  private togglePlot(row: Row): void {
    const model = this.reader?.rows.model;
    if (model === undefined || model.numericFields.length === 0) return;
    this.setPlotted(row.id, model.keyText(row.key));
  }

  private setPlotted(id: string, name: string): void {
    this.plot.toggle(id, name);
    this.plotted = new Set(this.plot.ids);
    this.reader?.follow(this.plot.ids);
    this.requestUpdate();
  }
}

/** The browser keeps what it has: a second time costs nothing. */
function loadLater(): void {
  void import('./later.ts');
}

function keyOf({ key }: Row): Uint8Array {
  return key.bytes.slice(key.base);
}
