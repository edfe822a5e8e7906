import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '../common/notice.ts';
import { fill } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import './columnMenu.ts';
import { liveMapsStyles } from './liveMapsStyles.ts';
import type { Order, Reader } from './data/reader.ts';
import type { MapsStore } from './data/mapsStore.ts';
import { renderBar } from './bar.ts';
import { renderStatus } from './status.ts';
import { strings } from './strings.ts';
import './table/mapTable.ts';
import type { MapTable } from './table/mapTable.ts';

/** The live view of maps: which map, how often, its table, and what to do when there is none. Both webviews show it. */
@customElement('xdp-live-maps')
export class LiveMaps extends LitElement {
  @property({ attribute: false }) store: MapsStore | undefined;
  /** With a heading it stands among other things, and says in one line that there is nothing to show. */
  @property() heading = '';
  /** As typed; the reader has it once it is meant to be used. */
  @state() private filter = '';
  private stop: (() => void) | undefined;
  private reader: Reader | undefined;

  static override styles = [baseStyles, inputStyles, liveMapsStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = this.store?.subscribe(() => this.onChange());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop?.();
  }

  private onChange(): void {
    this.requestUpdate();
    this.table?.refresh();
  }

  private get table(): MapTable | null {
    return this.renderRoot.querySelector<MapTable>('xdp-map-table');
  }

  protected override willUpdate(): void {
    const reader = this.store?.reader;
    if (reader === this.reader) return;
    this.reader = reader;
    this.filter = '';
  }

  protected override render(): TemplateResult | typeof nothing {
    const { store } = this;
    if (store === undefined) return nothing;
    return html`${this.renderProblem(store)}${this.renderContent(store)}`;
  }

  private renderProblem(store: MapsStore): TemplateResult | typeof nothing {
    const refused = store.reader?.failure;
    const problem = store.problem ?? refused;
    if (problem === undefined) return nothing;
    const action = 'action' in problem ? problem.action : undefined;
    return html`<xdp-notice
      compact
      kind="error"
      message=${problem.message}
      fix=${problem.fix ?? ''}
      button=${action?.title ?? ''}
      @action=${() => action !== undefined && store.act(action.command)}
    ></xdp-notice>`;
  }

  private renderContent(store: MapsStore): TemplateResult | typeof nothing {
    if (store.maps === undefined) return nothing;
    if (store.maps.length === 0 && this.heading !== '') {
      return html`<div class="bar">
        ${this.renderHeading()}<span class="muted">${store.attached > 0 ? strings.noMaps : strings.noneShort}</span>
        <vscode-button secondary @click=${() => store.act('attach')}>${strings.noneButton}</vscode-button>
      </div>`;
    }
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
    })}${this.renderMap(store)}`;
  }

  private renderHeading(): TemplateResult | typeof nothing {
    return this.heading === '' ? nothing : html`<h2>${this.heading}</h2>`;
  }

  private setFilter(filter: string): void {
    this.filter = filter;
    this.store?.reader?.arrange({ filter: filter.trim() });
  }

  private renderMap(store: MapsStore): TemplateResult {
    const { reader } = store;
    if (store.gone !== undefined) {
      const message = fill(strings.gone, { map: store.selected?.name ?? '' });
      return html`<xdp-notice kind="info" message=${message} fix=${store.gone}></xdp-notice>`;
    }
    if (reader === undefined || (reader.arranged === undefined && reader.rowCount === 0)) {
      if (reader?.failure !== undefined) return html``;
      return html`<xdp-notice kind="empty" message=${strings.waiting}></xdp-notice>`;
    }
    const { schema } = reader.rows.model;
    if (reader.arranged?.total === 0) {
      const template = /hash|lpm_trie/.test(schema.type) ? strings.emptyHash : strings.emptyOther;
      const message = fill(template, { type: schema.type.replaceAll('_', ' ') });
      return html`<xdp-notice kind="empty" message=${message}></xdp-notice>`;
    }
    return html`<xdp-map-table
        .reader=${reader}
        .show=${store.columns}
        label=${fill(strings.tableLabel, { map: schema.name })}
        @show-idle=${() => store.setColumns({ idle: true })}
        @sort=${({ detail: order }: CustomEvent<Order | undefined>) => reader.arrange({ order })}
      ></xdp-map-table>
      ${reader.arranged?.rows === 0 ? html`<xdp-notice kind="empty" message=${fill(strings.noMatch, { filter: this.filter })}></xdp-notice>` : nothing}
      ${renderStatus(store, reader)}`;
  }
}
