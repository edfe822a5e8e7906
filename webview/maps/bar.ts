import { translated } from '../../extension/core/text/language.ts';
import { html, nothing, type TemplateResult } from 'lit';
import type { MapSummary } from '../../extension/protocol/webview.ts';
import { fill, formatPeriod } from '../common/format.ts';
import { type MapsStore, pollIntervals, type ShownColumns } from './data/mapsStore.ts';
import './menuButton.ts';
import type { MenuItem } from './menuButton.ts';
import { strings } from './strings.ts';

/** From so many entries on a filter is worth its line. */
const filterFrom = 12;

interface BarRequest {
  store: MapsStore;
  maps: readonly MapSummary[];
  heading: TemplateResult | typeof nothing;
  filter: string;
  setFilter: (filter: string) => void;
  /** What can be done with the map and its rows. */
  actions: readonly MenuItem[];
}

/** Which map, how often, what of it. */
export function renderBar({ store, maps, heading, filter, setFilter, actions }: BarRequest): TemplateResult {
  const { reader } = store;
  const filtered = filter !== '' || (reader?.arranged?.total ?? 0) >= filterFrom;
  return html`<div class="bar" role="toolbar" aria-label=${strings.map}>
    ${heading}
    <span class="select map">${renderMaps(store, maps)}</span>
    <span class="tools">
      ${store.selected?.shows === 'events' ? nothing : renderPace(store)}
      <xdp-menu-button icon="ellipsis" label=${strings.more} .items=${actions}></xdp-menu-button>
    </span>
    ${filtered ? renderFilter(store, filter, setFilter) : nothing}
  </div>`;
}

/** Whether, how often and what is read. Events come by themselves. */
function renderPace(store: MapsStore): TemplateResult {
  return html`${toolButton(store.paused ? 'play' : 'debug-pause', store.paused ? strings.resume : strings.pause, () => store.setPaused(!store.paused))}
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
    ${
      store.reader === undefined
        ? nothing
        : html`<xdp-menu-button icon="list-selection" label=${strings.showColumns} .items=${columnItems(store)}></xdp-menu-button>`
    }`;
}

/** Columns that this map can have. */
function columnItems(store: MapsStore): MenuItem[] {
  const model = store.reader?.rows.model;
  const numeric = (model?.numericFields.length ?? 0) > 0;
  const perCpu = model?.perCpu === true;
  const item = (name: keyof ShownColumns, label: string, there: boolean): MenuItem[] =>
    there
      ? [{ label, checked: store.columns[name], act: () => store.setColumns({ [name]: !store.columns[name] }) }]
      : [];
  return [
    ...item('delta', strings.columnDelta, numeric),
    ...item('trend', strings.columnTrend, numeric),
    ...item('spread', strings.columnSpread, perCpu && numeric),
    ...item('cpus', strings.columnCpus, perCpu),
    ...item('idle', strings.columnIdle, perCpu),
  ];
}

function toolButton(icon: string, label: string, act: () => void): TemplateResult {
  return html`<vscode-toolbar-button icon=${icon} label=${label} title=${label} @click=${act}></vscode-toolbar-button>`;
}

function renderMaps(store: MapsStore, maps: readonly MapSummary[]): TemplateResult {
  const groups = [...new Set(maps.map(({ group }) => group))];
  const { selected } = store;
  return html`<select
    aria-label=${strings.map}
    title=${selected === undefined ? '' : `${selected.name} (${selected.type}), ${selected.group}`}
    @change=${(event: Event) => store.select(Number((event.target as HTMLSelectElement).value))}
  >
    ${
      selected === undefined
        ? html`<option value="" disabled .selected=${true}>${store.over?.name ?? ''}</option>`
        : nothing
    }
    ${groups.map(
      (group) =>
        html`<optgroup label=${group}>
          ${maps
            .filter((map) => map.group === group)
            .map(
              ({ id, name, type, unused }) =>
                html`<option value=${id} title=${type} .selected=${id === selected?.id}>${unused === undefined ? name : fill(strings.unusedName, { map: name })}</option>`,
            )}
        </optgroup>`,
    )}
  </select>`;
}

function renderFilter(store: MapsStore, filter: string, setFilter: (filter: string) => void): TemplateResult {
  const wrong = store.reader?.filterProblem;
  return html`<span class="filter">
    <input
      type="search"
      aria-label=${strings.filter}
      aria-invalid=${wrong === undefined ? 'false' : 'true'}
      aria-describedby=${wrong === undefined ? nothing : 'filter-problem'}
      placeholder=${strings.filterPlaceholder}
      spellcheck="false"
      .value=${filter}
      @input=${(event: Event) => setFilter((event.target as HTMLInputElement).value)}
    />
    ${
      wrong === undefined
        ? nothing
        : html`<span class="wrong" id="filter-problem" role="alert">${wrongPart(filter, wrong)}${translated(wrong.message)} ${translated(wrong.fix ?? '')}</span>`
    }
  </span>`;
}

/** The part of the filter that is wrong, as it was typed. */
function wrongPart(
  filter: string,
  { offset, length }: { offset?: number | undefined; length?: number | undefined },
): TemplateResult | typeof nothing {
  const part = offset === undefined ? '' : filter.slice(offset, offset + (length ?? 1));
  return part.trim() === '' ? nothing : html`<code>${part}</code> `;
}
