import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { type WrittenPacket, writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { type PacketSummary, summarize } from '../../extension/core/packet/summary.ts';
import { xdpActions } from '../../extension/core/xdp.ts';
import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import './mapChanges.ts';
import { toneOf } from './runResult.ts';
import { strings } from './strings.ts';
import { toneStyles } from './toneStyles.ts';

export type SequenceOutcome = Extract<ToPacketPanel, { kind: 'sequence' }>;
type Row = SequenceOutcome['rows'][number];

/** Rows that are laid out; the filter by verdict finds the others. */
const maxRows = 500;

/**
 * What each of many packets did, as a table. Fires `use` (detail: the packet's bytes) when one is chosen, and
 * `save` (detail: a pcapng with the verdicts). */
@customElement('xdp-sequence-result')
export class SequenceResult extends LitElement {
  @property({ attribute: false }) result: SequenceOutcome | undefined;
  @state() private only: string | undefined;
  private summaries = new Map<number, PacketSummary>();

  static override styles = [
    baseStyles,
    inputStyles,
    toneStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .heading {
        display: flex;
        justify-content: space-between;
      }
      .counts {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
        margin: 4px 0 8px;
      }
      .counts button {
        padding: 1px 8px;
        border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        border-radius: 10px;
        background: none;
        color: var(--vscode-foreground);
        font: inherit;
        cursor: pointer;
      }
      .counts button[aria-pressed='true'] {
        background: var(--vscode-list-activeSelectionBackground);
        color: var(--vscode-list-activeSelectionForeground);
      }
      .scroll {
        overflow: auto;
        max-height: 420px;
      }
      table {
        border-collapse: collapse;
        width: 100%;
      }
      th,
      td {
        padding: 1px 12px 1px 0;
        text-align: left;
        font-weight: normal;
        white-space: nowrap;
      }
      thead th {
        position: sticky;
        top: 0;
        background: var(--vscode-editor-background);
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
      }
      .num {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      tbody tr:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .action {
        border-left: 3px solid var(--tone);
        padding-left: 6px;
      }
      td {
        vertical-align: top;
      }
      .bad {
        color: var(--vscode-errorForeground);
        white-space: normal;
        min-width: 200px;
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('result')) return;
    this.summaries = new Map();
    this.only = undefined;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { result } = this;
    if (result === undefined) return nothing;
    const rows = result.rows.map((row, index) => ({ row, index }));
    const shown = this.only === undefined ? rows : rows.filter(({ row }) => verdictOf(row) === this.only);
    const count = formatInteger(result.rows.length);
    const heading =
      result.name === undefined
        ? fill(strings.sequence, { count })
        : fill(strings.sequenceOf, { count, name: result.name });
    return html`<p class="heading">${heading}
        <button class="link" type="button" title=${strings.saveVerdictsTitle} @click=${this.save}>${strings.saveVerdicts}</button></p>
      ${this.renderCounts(result)}
      <div class="scroll"><table>
        <thead><tr>
          <th scope="col" class="num">#</th><th scope="col">${strings.packet}</th><th scope="col" class="num">${strings.bytes}</th>
          <th scope="col">${strings.verdict}</th><th scope="col">${strings.after}</th>
        </tr></thead>
        <tbody>${shown.slice(0, maxRows).map(({ row, index }) => this.renderRow(row, index))}</tbody>
      </table></div>
      ${shown.length > maxRows ? html`<p class="muted">${fill(strings.more, { count: formatInteger(shown.length - maxRows) })}</p>` : nothing}
      <xdp-map-changes .maps=${result.maps}></xdp-map-changes>`;
  }

  private readonly save = (): void => {
    const packets = (this.result?.rows ?? []).map(({ packetIn, action }): WrittenPacket => {
      const retval = xdpActions.findIndex((name) => name === action);
      return { data: packetIn, ...(retval < 0 ? {} : { xdpAction: retval }) };
    });
    this.dispatchEvent(new CustomEvent('save', { detail: writePcapng(packets) }));
  };

  /** How many packets had which verdict; pressing one shows only those. */
  private renderCounts({ rows }: SequenceOutcome): TemplateResult {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(verdictOf(row), (counts.get(verdictOf(row)) ?? 0) + 1);
    const chip = (label: string, count: number, only: string | undefined): TemplateResult =>
      html`<button
        type="button"
        aria-pressed=${this.only === only ? 'true' : 'false'}
        @click=${() => (this.only = only)}
      >${label} ${formatInteger(count)}</button>`;
    return html`<div class="counts">
      ${chip(strings.allPackets, rows.length, undefined)} ${[...counts].map(([verdict, count]) => chip(verdict, count, verdict))}
    </div>`;
  }

  private renderRow(row: Row, index: number): TemplateResult {
    const { source, destination, protocol, info } = this.summaryOf(row, index);
    const verdict = verdictOf(row);
    return html`<tr data-action=${verdict}>
      <td class="num muted">${index + 1}</td>
      <td title=${fill(strings.usePacket, { number: index + 1 })}>
        <button class="link" type="button" @click=${() => this.dispatchEvent(new CustomEvent('use', { detail: row.packetIn }))}>${protocol === '' ? strings.bytes : protocol}</button>
        ${source === '' ? nothing : html`${source} → ${destination}`} <span class="muted">${info}</span>
        ${row.problem === undefined ? nothing : html`<div class="bad">${translated(row.problem)}</div>`}
      </td>
      <td class="num">${formatInteger(row.packetIn.length)}</td>
      <td><span class="action ${toneOf(verdict)}">${verdict}</span></td>
      <td>${outText(row)}</td>
    </tr>`;
  }

  private summaryOf(row: Row, index: number): PacketSummary {
    const known = this.summaries.get(index) ?? summarize(dissect(row.packetIn));
    this.summaries.set(index, known);
    return known;
  }
}

function verdictOf({ action }: Row): string {
  return action ?? strings.notRun;
}

function outText({ packetIn, packetOut }: Row): string {
  if (packetOut === undefined) return '';
  const same = packetIn.length === packetOut.length && packetIn.every((byte, index) => byte === packetOut[index]);
  return same ? strings.unchanged : fill(strings.changedTo, { count: formatInteger(packetOut.length) });
}
