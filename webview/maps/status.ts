import { html, nothing, type TemplateResult } from 'lit';
import { fill, formatInteger, formatPeriod } from '../common/format.ts';
import type { MapsStore } from './data/mapsStore.ts';
import type { Reader } from './data/reader.ts';
import { strings } from './strings.ts';

/** The line below the table: what it is, how much of it is shown, and over what time rates are. */
export function renderStatus(store: MapsStore, reader: Reader): TemplateResult {
  const { model, active, periodMs } = reader.rows;
  const cpus = model.perCpu
    ? fill(strings.activeCpus, { active: active.filter(Boolean).length, count: model.slots })
    : undefined;
  const rates =
    periodMs === undefined || model.numericFields.length === 0
      ? undefined
      : fill(strings.rates, { period: formatPeriod(periodMs) });
  const parts = [
    model.schema.type,
    entriesText(reader),
    cpus,
    store.selected?.frozen === true ? strings.frozen : undefined,
    store.paused ? strings.paused : rates,
    reader.isStale ? strings.ordering : undefined,
    store.snapshots?.failure === '' ? undefined : store.snapshots?.failure,
  ].filter((part) => part !== undefined);
  const { outcome } = store.editor ?? {};
  return html`<div class="status">
    <span role="status" class="outcome">${outcome?.kind === 'done' ? outcome.text : ''}</span>
    ${parts.map((part) => html`<span>${part}</span>`)}
    ${model.schema.value === undefined && model.schema.key === undefined ? html`<span>${strings.noTypes}</span>` : nothing}
  </div>`;
}

function entriesText({ arranged }: Reader): string | undefined {
  if (arranged === undefined) return undefined;
  const { total, rows } = arranged;
  const all = total === 1 ? strings.entry : fill(strings.entries, { count: formatInteger(total) });
  return rows < total ? fill(strings.shown, { shown: formatInteger(rows), all }) : all;
}
