import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { baseStyles } from '../common/theme.ts';
import { type MapChange, rowsOfChange } from './mapChangeRows.ts';
import { strings } from './strings.ts';

/** How many CPUs are told apart in one line. */
const shownCpus = 4;

/** The map entries that a run changed, by map. */
@customElement('xdp-map-changes')
export class MapChanges extends LitElement {
  @property({ attribute: false }) maps: readonly MapChange[] = [];

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      h3 {
        margin: 12px 0 4px;
        font-size: 13px;
        font-weight: 600;
      }
      p {
        margin: 12px 0 4px;
      }
      .scroll {
        overflow-x: auto;
      }
      table {
        border-collapse: collapse;
      }
      th,
      td {
        padding: 1px 12px 1px 0;
        text-align: left;
        font-weight: normal;
        vertical-align: top;
        white-space: nowrap;
      }
      thead th {
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
      }
      .num {
        text-align: right;
      }
      .map {
        color: var(--vscode-descriptionForeground);
      }
      tbody tr + tr th:not(.map) {
        padding-left: 12px;
      }
      .old {
        color: var(--vscode-descriptionForeground);
      }
    `,
  ];

  protected override render(): TemplateResult {
    const maps = this.maps
      .map((change) => ({ name: change.map, rows: rowsOfChange(change) }))
      .filter(({ rows }) => rows.length > 0);
    if (maps.length === 0) return html`<p class="muted">${strings.noMaps}</p>`;
    return html`<h3>${strings.maps}</h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">${strings.key}</th><th scope="col">${strings.field}</th>
              <th scope="col" class="num">${strings.before}</th><th scope="col" class="num">${strings.after}</th><td></td>
            </tr>
          </thead>
          ${maps.map(
            ({ name, rows }) =>
              html`<tbody>
                <tr><th scope="rowgroup" colspan="5" class="map">${name}</th></tr>
                ${rows.map(
                  ({ key, field, before, after, cpus }, at) =>
                    html`<tr data-map=${name} data-key=${key} data-field=${field} data-before=${before} data-after=${after}>
                      <th scope="row">${rows[at - 1]?.key === key ? html`<span class="visually-hidden">${key}</span>` : key}</th>
                      <td>${field === '' ? strings.value : field}</td>
                      <td class="num old">${before}</td>
                      <td class="num">${after}</td>
                      <td class="muted num">${cpus.slice(0, shownCpus).join(', ')}${cpus.length > shownCpus ? html`<span title=${cpus.join('\n')}> …</span>` : nothing}</td>
                    </tr>`,
                )}
              </tbody>`,
          )}
        </table>
      </div>`;
  }
}
