import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-icon/index.js';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { type PacketSummary, summarize } from '../../extension/core/packet/summary.ts';
import { fill, formatInteger } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { strings } from './strings.ts';

export interface ListedPacket {
  bytes: Uint8Array;
  /** What else is to be said of it, such as its verdict. */
  note?: string;
}

interface Row extends PacketSummary {
  index: number;
  length: number;
  note: string;
}

/** Rows that are laid out; the filter finds the others. */
const maxRows = 500;

/**
 * Many packets in a table, as capture tools show them. Fires `use` (detail: index), `save`, `run-all` and `add-tests` (detail: indices
 * of what the filter leaves) and `close`.
 */
@customElement('xdp-packet-list')
export class PacketList extends LitElement {
  @property() heading = '';
  @property({ attribute: false }) packets: readonly ListedPacket[] = [];
  @property({ attribute: false }) selected: number | undefined;
  /** Whether packets can become tests here. */
  @property({ type: Boolean }) tests = false;
  /** Whether packets can be run here. */
  @property({ type: Boolean }) runs = false;
  @state() private filter = '';
  private rows: Row[] = [];

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: block;
        margin-bottom: 12px;
        border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      }
      header {
        display: flex;
        align-items: center;
        gap: 4px 12px;
        padding: 4px 8px;
        background: var(--vscode-editorWidget-background);
      }
      h2 {
        flex: 0 1 auto;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        margin: 0;
        font-size: 13px;
        font-weight: 600;
        white-space: nowrap;
      }
      header button {
        flex: none;
      }
      header input {
        flex: 0 1 110px;
        margin-left: auto;
      }
      .scroll {
        max-height: 210px;
        overflow: auto;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 12px;
      }
      th {
        position: sticky;
        top: 0;
        background: var(--vscode-editor-background);
        text-align: left;
        font-weight: 600;
        padding: 2px 8px;
        white-space: nowrap;
      }
      td {
        padding: 1px 8px;
        white-space: nowrap;
        max-width: 220px;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      td.info {
        max-width: 420px;
      }
      tbody tr {
        cursor: pointer;
      }
      tbody tr:hover {
        background: var(--vscode-list-hoverBackground);
      }
      tbody tr[aria-selected='true'] {
        background: var(--vscode-list-activeSelectionBackground);
        color: var(--vscode-list-activeSelectionForeground);
      }
      td button {
        all: unset;
        cursor: pointer;
        font-variant-numeric: tabular-nums;
      }
      td button:focus-visible {
        outline: 1px solid var(--vscode-focusBorder);
      }
      .close {
        display: flex;
        padding: 3px;
        border: 0;
        border-radius: 5px;
        background: none;
        color: var(--vscode-icon-foreground);
        cursor: pointer;
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('packets')) return;
    this.filter = '';
    this.rows = this.packets.map(({ bytes, note }, index) => ({
      ...summarize(dissect(bytes)),
      index,
      length: bytes.length,
      note: note ?? '',
    }));
  }

  private get shown(): Row[] {
    const wanted = this.filter.trim().toLowerCase();
    if (wanted === '') return this.rows;
    return this.rows.filter((row) =>
      `${row.source} ${row.destination} ${row.protocol} ${row.info} ${row.note}`.toLowerCase().includes(wanted),
    );
  }

  protected override render(): TemplateResult {
    const { shown } = this;
    const notes = this.rows.some(({ note }) => note !== '');
    return html`<header>
        <h2>${this.heading}</h2>
        <span class="muted">${shown.length === this.rows.length ? formatInteger(shown.length) : fill(strings.packetsShown, { shown: formatInteger(shown.length), count: formatInteger(this.rows.length) })}</span>
        <input aria-label=${strings.filterPackets} placeholder=${strings.filterPackets} spellcheck="false" .value=${this.filter} @input=${(event: Event) => (this.filter = (event.target as HTMLInputElement).value)} />
        ${this.runs ? html`<button class="link" type="button" title=${strings.runListedTitle} @click=${() => this.fire('run-all')}>${strings.runListed}</button>` : nothing}
        ${this.tests ? html`<button class="link" type="button" title=${strings.addTestsTitle} @click=${() => this.fire('add-tests')}>${strings.addTests}</button>` : nothing}
        <button class="link" type="button" title=${strings.saveCaptureTitle} @click=${() => this.fire('save')}>${strings.saveCapture}</button>
        <button class="close" type="button" aria-label=${strings.closeList} title=${strings.closeList} @click=${() => this.dispatchEvent(new CustomEvent('close'))}><vscode-icon name="close"></vscode-icon></button>
      </header>
      <div class="scroll" tabindex="-1">
        <table>
          <thead><tr>
            <th class="num" scope="col">${strings.columnNumber}</th><th scope="col">${strings.columnSource}</th><th scope="col">${strings.columnDestination}</th>
            <th scope="col">${strings.columnProtocol}</th><th class="num" scope="col">${strings.columnLength}</th><th scope="col">${strings.columnInfo}</th>${notes ? html`<th scope="col">${strings.columnNote}</th>` : nothing}
          </tr></thead>
          <tbody>${shown.slice(0, maxRows).map((row) => this.renderRow(row, notes))}</tbody>
        </table>
      </div>`;
  }

  private renderRow(row: Row, notes: boolean): TemplateResult {
    const use = (): void => void this.dispatchEvent(new CustomEvent<number>('use', { detail: row.index }));
    return html`<tr aria-selected=${row.index === this.selected ? 'true' : 'false'} @click=${use}>
      <td class="num"><button type="button" aria-label=${fill(strings.usePacket, { number: row.index + 1 })} @keydown=${this.onKey}>${row.index + 1}</button></td>
      <td class="mono">${row.source}</td><td class="mono">${row.destination}</td><td>${row.protocol}</td>
      <td class="num">${formatInteger(row.length)}</td><td class="info" title=${row.info}>${row.info}</td>${notes ? html`<td>${row.note}</td>` : nothing}
    </tr>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const buttons = [...this.renderRoot.querySelectorAll<HTMLElement>('td button')];
    const next = buttons[buttons.indexOf(event.target as HTMLElement) + step];
    next?.focus();
    next?.click();
  };

  private fire(kind: 'save' | 'add-tests' | 'run-all'): void {
    this.dispatchEvent(new CustomEvent<number[]>(kind, { detail: this.shown.map(({ index }) => index) }));
  }
}
