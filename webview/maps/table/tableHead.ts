import { html, nothing, type TemplateResult } from 'lit';
import { fill, formatPeriod } from '../../common/format.ts';
import type { Order } from '../data/reader.ts';
import { strings } from '../strings.ts';
import type { Column, Window } from './columns.ts';
import { type GridLayout, startsGroup } from './gridLayout.ts';

interface HeadRequest {
  layout: GridLayout;
  inSight: Window;
  order: Order | undefined;
  /** Between the last two readings. */
  periodMs: number | undefined;
  /** Place of the active cell when it is in the head, keys first; else -1. */
  active: number;
  sort: (by: string, descendingFirst: boolean) => void;
  showIdle: () => void;
}

/** The lines above the rows: the keys' names when they are stacked, the fields, the columns. */
export function renderHead(request: HeadRequest): TemplateResult {
  const { layout, inSight } = request;
  const { columns, groups } = layout.columns;
  const total = `width: ${layout.total}px`;
  const skipped = sum(layout.widths.slice(0, inSight.first));
  const keys = layout.stacked ? [] : renderKeys(request);
  const labels = columns.slice(inSight.first, inSight.last).map((column, at) => {
    const index = inSight.first + at;
    return renderLabel(request, column, index);
  });
  const blank = layout.stacked
    ? nothing
    : html`<td class="key blank" role="presentation" .style=${`width: ${layout.keysWidth}px`}></td>`;
  return html`${layout.stacked ? renderStackedKeys(request) : nothing}
    ${
      groups.length === 0
        ? nothing
        : html`<tr class="groups" role="row" .style=${total}>${blank}${renderGroups(request)}</tr>`
    }
    <tr class="labels" role="row" .style=${total}>
      ${keys}${skipped === 0 ? nothing : html`<td class="skip" role="presentation" .style=${`width: ${skipped}px`}></td>`}${labels}
    </tr>`;
}

function renderGroups({ layout }: HeadRequest): TemplateResult[] {
  let at = 0;
  return layout.columns.groups.map(({ label, span }, index) => {
    const width = sum(layout.widths.slice(at, at + span));
    const place = layout.keyWidths.length + at + 1;
    at += span;
    if (label === '') {
      return html`<td class="group starts" role="presentation" .style=${`width: ${width}px`}></td>`;
    }
    return html`<th class="group ${index === 0 && layout.stacked ? '' : 'starts'}" role="columnheader" aria-colindex=${place}
      aria-colspan=${span} .style=${`width: ${width}px`}><span class="group-label">${label}</span></th>`;
  });
}

/** The names of the key's fields, in the order in which the lines above the numbers give them. */
function renderStackedKeys(request: HeadRequest): TemplateResult {
  const { layout, active } = request;
  return html`<tr role="row" .style=${`width: ${layout.total}px`}>
    <th class="legend" role="columnheader" aria-colindex="1" aria-sort=${sortState(request.order, 'key')}
      id=${active >= 0 && active < layout.keyWidths.length ? 'active-cell' : nothing} .style=${`width: ${layout.total}px`}>
      <span class="stacked-label">${sortButton(request, layout.keyNames.join(' · '), 'key', false)}</span>
    </th>
  </tr>`;
}

function renderKeys(request: HeadRequest): TemplateResult[] {
  const { layout, active } = request;
  let left = 0;
  return layout.keyNames.map((name, part) => {
    const width = layout.keyWidths[part] ?? 0;
    const style = `left: ${left}px; width: ${width}px`;
    left += width;
    const path = layout.model.keyFields[part]?.path ?? '';
    const by = path === '' ? 'key' : path.startsWith('[') ? `key${path}` : `key.${path}`;
    return html`<th class="key" role="columnheader" aria-colindex=${part + 1} aria-sort=${sortState(request.order, by)}
      id=${active === part ? 'active-cell' : nothing} .style=${style}>${sortButton(request, name, by, false)}</th>`;
  });
}

function renderLabel(request: HeadRequest, column: Column, index: number): TemplateResult {
  const { layout } = request;
  const place = layout.keyWidths.length + index;
  const field = layout.model.valueFields[column.field];
  const starts = startsGroup(layout.columns, index) && (index > 0 || !layout.stacked);
  const className = `${field?.numeric === false ? 'text' : ''} ${starts ? 'starts' : ''}`;
  return html`<th role="columnheader" class=${className} aria-colindex=${place + 1}
    aria-sort=${column.sortBy === undefined ? nothing : sortState(request.order, column.sortBy)}
    id=${request.active === place ? 'active-cell' : nothing} .style=${`width: ${layout.widths[index] ?? 0}px`}>
    ${renderLabelContent(request, column)}
  </th>`;
}

function renderLabelContent(request: HeadRequest, column: Column): TemplateResult {
  if (column.kind === 'idle') {
    return html`<button tabindex="-1" title=${strings.showIdle} @click=${request.showIdle}>${column.label}</button>`;
  }
  if (column.sortBy === undefined) return html`<span>${column.label}</span>`;
  return sortButton(request, column.label, column.sortBy, true, column);
}

function hintOf(column: Column): string {
  return column.kind === 'imbalance' ? strings.imbalanceHint : column.kind === 'delta' ? strings.deltaHint : '';
}

function sortState(order: Order | undefined, by: string): 'none' | 'ascending' | 'descending' {
  if (order?.by !== by) return 'none';
  return order.descending ? 'descending' : 'ascending';
}

function sortButton(
  { order, periodMs, sort }: HeadRequest,
  label: string,
  by: string,
  descendingFirst: boolean,
  column?: Column,
): TemplateResult {
  const state = sortState(order, by);
  const title =
    column?.kind === 'rate' && periodMs !== undefined
      ? fill(strings.rateOver, { period: formatPeriod(periodMs) })
      : [column === undefined ? '' : hintOf(column), fill(strings.sortBy, { column: label })]
          .filter(Boolean)
          .join('. ');
  const arrow =
    state === 'none'
      ? nothing
      : html`<span class="arrow" aria-hidden="true">${state === 'descending' ? '↓' : '↑'}</span>`;
  return html`<button tabindex="-1" title=${title} @click=${() => sort(by, descendingFirst)}>${label}${arrow}</button>`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
