import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-toolbar-button/index.js';
import type { MapSummary } from '../../extension/protocol/webview.ts';
import { fill, formatInteger, formatPeriod } from './format.ts';
import { MapModel, Page } from './mapModel.ts';
import { type MapSchemaMessage, type MapsStore, pollIntervals } from './mapsStore.ts';
import type { MapTable } from './mapTable.ts';
import './mapTable.ts';
import './notice.ts';
import { strings } from './strings.ts';
import { baseStyles, inputStyles } from './theme.ts';

/** From so many entries on a filter is worth its line. */
const filterFrom = 12;

/** The live counters: which map, how often, its table, and what to do when there is none. Both webviews show it. */
@customElement('xdp-live-maps')
export class LiveMaps extends LitElement {
  @property({ attribute: false }) store: MapsStore | undefined;
  /** With a heading it stands among other things, and says in one line that there is nothing to show. */
  @property() heading = '';
  @state() private filter = '';
  private stop: (() => void) | undefined;
  private model: MapModel | undefined;
  private modelOf: MapSchemaMessage | undefined;
  private page: Page | undefined;

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        min-width: 0;
        container-type: inline-size;
        background: var(--xdp-surface, var(--vscode-editor-background));
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 4px;
        align-items: center;
        padding: 4px 8px;
      }
      h2 {
        margin: 0 8px 0 0;
        font-size: 13px;
        font-weight: 600;
        white-space: nowrap;
      }
      .map {
        flex: 1 1 112px;
        max-width: 280px;
      }
      .map select {
        width: 100%;
      }
      .tools {
        display: flex;
        align-items: center;
        gap: 4px;
        margin-left: auto;
      }
      .interval {
        width: 76px;
      }
      .filter {
        flex: 1 1 100%;
      }
      @container (min-width: 560px) {
        .filter {
          flex: 1 1 120px;
          max-width: 280px;
          order: 1;
        }
        .tools {
          order: 2;
        }
      }
      xdp-map-table {
        flex: 0 1 auto;
        min-height: 0;
      }
      .status {
        display: flex;
        flex-wrap: wrap;
        gap: 0 12px;
        padding: 4px 8px;
        color: var(--vscode-descriptionForeground);
        font-size: 12px;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = this.store?.subscribe(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop?.();
  }

  protected override willUpdate(): void {
    const { store } = this;
    if (store?.schema !== this.modelOf) {
      this.modelOf = store?.schema;
      this.model = store?.schema === undefined ? undefined : new MapModel(store.schema);
      this.page = undefined;
      this.filter = '';
    }
    const { model } = this;
    if (store?.page === undefined || model === undefined) this.page = undefined;
    else if (this.page?.raw.values !== store.page.values || this.page.atMs !== store.page.atMs) {
      this.page = new Page(model, store.page, store.previous);
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { store } = this;
    if (store === undefined) return nothing;
    return html`${this.renderProblem(store)}${this.renderContent(store)}`;
  }

  private renderProblem({ problem }: MapsStore): TemplateResult | typeof nothing {
    if (problem === undefined) return nothing;
    const { action } = problem;
    return html`<xdp-notice
      compact
      kind="error"
      message=${problem.message}
      fix=${problem.fix ?? ''}
      button=${action?.title ?? ''}
      @action=${() => action !== undefined && this.store?.act(action.command)}
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
    return html`${this.renderBar(store, store.maps)}${this.renderMap(store)}`;
  }

  private renderBar(store: MapsStore, maps: readonly MapSummary[]): TemplateResult {
    const groups = [...new Set(maps.map(({ group }) => group))];
    const idle = this.idleCount();
    return html`<div class="bar" role="toolbar" aria-label=${strings.map}>
      ${this.renderHeading()}
      <span class="select map">
        <select
          aria-label=${strings.map}
          title=${store.selected === undefined ? '' : `${store.selected.name} (${store.selected.type}), ${store.selected.group}`}
          @change=${(event: Event) => store.select(Number((event.target as HTMLSelectElement).value))}
        >
          ${groups.map(
            (group) =>
              html`<optgroup label=${group}>
                ${maps
                  .filter((map) => map.group === group)
                  .map(
                    ({ id, name, type }) =>
                      html`<option value=${id} title=${type} .selected=${id === store.selected?.id}>${name}</option>`,
                  )}
              </optgroup>`,
          )}
        </select>
      </span>
      <span class="tools">
        ${
          idle > 0
            ? html`<vscode-toolbar-button
                icon=${store.showIdle ? 'fold' : 'unfold'}
                label=${store.showIdle ? strings.hideIdle : strings.showIdle}
                title=${store.showIdle ? strings.hideIdle : strings.showIdle}
                @click=${() => store.setShowIdle(!store.showIdle)}
              ></vscode-toolbar-button>`
            : nothing
        }
        <vscode-toolbar-button
          icon=${store.paused ? 'play' : 'debug-pause'}
          label=${store.paused ? strings.resume : strings.pause}
          title=${store.paused ? strings.resume : strings.pause}
          @click=${() => store.setPaused(!store.paused)}
        ></vscode-toolbar-button>
        <span class="select interval">
          <select
            aria-label=${strings.interval}
            title=${strings.interval}
            @change=${(event: Event) => store.setInterval(Number((event.target as HTMLSelectElement).value))}
          >
            ${pollIntervals.map(
              (ms) => html`<option value=${ms} .selected=${ms === store.intervalMs}>${formatPeriod(ms)}</option>`,
            )}
          </select>
        </span>
      </span>
      ${
        (this.page?.count ?? 0) >= filterFrom
          ? html`<input
              class="filter"
              type="search"
              aria-label=${strings.filter}
              placeholder=${strings.filterPlaceholder}
              .value=${this.filter}
              @input=${(event: Event) => (this.filter = (event.target as HTMLInputElement).value)}
            />`
          : nothing
      }
    </div>`;
  }

  private renderHeading(): TemplateResult | typeof nothing {
    return this.heading === '' ? nothing : html`<h2>${this.heading}</h2>`;
  }

  /** CPUs that have not counted anything, in the page that is shown. */
  private idleCount(): number {
    const { model, page } = this;
    if (model === undefined || page === undefined || !model.perCpu) return 0;
    return model.activeSlots(page).filter((active) => !active).length;
  }

  private renderMap(store: MapsStore): TemplateResult {
    const { model, page } = this;
    if (store.gone !== undefined) {
      const message = fill(strings.gone, { map: store.selected?.name ?? '' });
      return html`<xdp-notice kind="info" message=${message} fix=${store.gone}></xdp-notice>`;
    }
    if (model === undefined || page === undefined) {
      return html`<xdp-notice kind="empty" message=${strings.waiting}></xdp-notice>`;
    }
    if (page.count === 0) {
      const { type } = model.schema;
      const template = /hash|lpm_trie/.test(type) ? strings.emptyHash : strings.emptyOther;
      return html`<xdp-notice kind="empty" message=${fill(template, { type: type.replaceAll('_', ' ') })}></xdp-notice>`;
    }
    return html`<xdp-map-table
        .model=${model}
        .page=${page}
        .filter=${this.filter}
        .showIdle=${store.showIdle}
        label=${fill(strings.tableLabel, { map: model.schema.name })}
        @show-idle=${() => store.setShowIdle(true)}
        @shown=${() => this.requestUpdate()}
      ></xdp-map-table>
      ${this.shownBy(page) === 0 ? html`<xdp-notice kind="empty" message=${fill(strings.noMatch, { filter: this.filter })}></xdp-notice>` : nothing}
      ${this.renderStatus(store, model, page)}`;
  }

  private shownBy(page: Page): number {
    const table = this.renderRoot.querySelector<MapTable>('xdp-map-table');
    return this.filter === '' ? page.count : (table?.shown ?? page.count);
  }

  private renderStatus(store: MapsStore, model: MapModel, page: Page): TemplateResult {
    const count = formatInteger(page.count);
    const shown = this.shownBy(page);
    const all =
      page.count === 1 ? strings.entry : fill(page.truncated ? strings.truncated : strings.entries, { count });
    const entries = shown < page.count ? fill(strings.shown, { shown: formatInteger(shown), all }) : all;
    const cpus = model.perCpu
      ? fill(strings.activeCpus, { active: model.slots - this.idleCount(), count: model.slots })
      : undefined;
    const rates =
      page.previous === undefined || model.numericFields.length === 0
        ? undefined
        : fill(strings.rates, { period: formatPeriod(page.atMs - page.previous.atMs) });
    const parts = [model.schema.type, entries, cpus, store.paused ? strings.paused : rates].filter(
      (part) => part !== undefined,
    );
    return html`<div class="status">
      ${parts.map((part) => html`<span>${part}</span>`)}
      ${model.schema.value === undefined && model.schema.key === undefined ? html`<span>${strings.noTypes}</span>` : nothing}
    </div>`;
  }
}
