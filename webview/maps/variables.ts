import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { formatInteger, formatRate } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import type { CellEdit } from './edit/cellInput.ts';
import type { Leaf } from './data/leaves.ts';
import type { MapModel } from './data/mapModel.ts';
import type { Row } from './data/rowCache.ts';
import { strings } from './strings.ts';

/** Is a map the global data of an object, whose one entry holds its variables? */
export function holdsVariables({ schema }: MapModel): boolean {
  const { type, maxEntries, value } = schema;
  return type === 'array' && maxEntries === 1 && value?.kind === 'struct' && value.name.startsWith('.');
}

/** Global data as named variables, a line each. Fires `edit` with the variable that is to be changed. */
@customElement('xdp-variables')
export class Variables extends LitElement {
  @property({ attribute: false }) model: MapModel | undefined;
  @property({ attribute: false }) row: Row | undefined;
  @property({ type: Boolean }) frozen = false;
  @property() label = '';

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        flex: 0 1 auto;
        min-height: 0;
        overflow: auto;
      }
      table {
        border-collapse: collapse;
      }
      th,
      td {
        padding: 0 8px;
        line-height: 22px;
        font-weight: normal;
        text-align: left;
        vertical-align: top;
      }
      thead th {
        position: sticky;
        top: 0;
        color: var(--vscode-descriptionForeground);
        background: var(--xdp-surface, var(--vscode-editor-background));
        border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      }
      .num {
        text-align: right;
        white-space: nowrap;
      }
      td span {
        display: inline-block;
        max-width: 480px;
        overflow-wrap: anywhere;
      }
      button {
        font: inherit;
        color: inherit;
        background: none;
        border: 0;
        padding: 0 2px;
        margin: 0 -2px;
        text-align: inherit;
        cursor: text;
      }
      tr:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .changed {
        color: color-mix(in srgb, var(--vscode-charts-blue) 45%, var(--vscode-foreground));
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { model, row } = this;
    if (model === undefined || row?.reading === undefined) return nothing;
    return html`<table aria-label=${this.label}>
      <thead><tr>
        <th scope="col">${strings.variable}</th><th scope="col" class="num">${strings.columns.value}</th><th scope="col" class="num">${strings.columns.rate}</th>
      </tr></thead>
      <tbody>${model.valueFields.map((field) => this.renderVariable(model, row, field))}</tbody>
    </table>`;
  }

  private renderVariable(model: MapModel, row: Row, field: Leaf): TemplateResult | typeof nothing {
    const { reading } = row;
    if (reading === undefined) return nothing;
    const rate = field.numeric ? model.rate(reading, field) : undefined;
    const text = field.numeric ? formatInteger(model.number(reading.now, field, 0)) : model.text(reading.now, field, 0);
    const className = `${field.numeric ? 'num' : ''} ${model.changed(reading, field, 0) ? 'changed' : ''}`;
    const edit = (event: Event): void => {
      const box = ((event.currentTarget as HTMLElement).closest('td') ?? this).getBoundingClientRect();
      this.dispatchEvent(new CustomEvent<CellEdit>('edit', { detail: { model, row, field, slot: 0, box } }));
    };
    return html`<tr data-variable=${field.path}>
      <th scope="row">${field.path}</th>
      <td class=${className}>${
        this.frozen
          ? html`<span>${text}</span>`
          : html`<button title=${strings.editEntry} @click=${edit}><span>${text}</span></button>`
      }</td>
      <td class="num">${rate === undefined || rate === 0 ? nothing : formatRate(rate)}</td>
    </tr>`;
  }
}
