import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { type Place, placeName } from '../../extension/core/verifier/steps/changes.ts';
import type { Station, Trail } from '../../extension/core/verifier/steps/origin.ts';
import { placeOfStep, type PlaceTable } from '../../extension/core/verifier/steps/places.ts';
import type { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { readValue } from '../../extension/core/verifier/values.ts';
import { valueWords } from '../../extension/core/verifier/steps/words.ts';
import { fill } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { stationStrings, strings } from './strings.ts';

/** Where a value came from, station by station, latest first. Fires `step-chosen` (detail: the step). */
@customElement('xdp-trail-pane')
export class TrailPane extends LitElement {
  @property({ attribute: false }) log: StepLog | undefined;
  @property({ attribute: false }) places: PlaceTable | undefined;
  @property({ attribute: false }) chosen: Place | undefined;
  @property({ attribute: false }) trail: Trail | undefined;
  @property({ attribute: false }) selected = 0;

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: block;
        padding: 4px 12px 8px;
      }
      h2 {
        margin: 0 0 4px;
        font-size: 11px;
        font-weight: 600;
        color: var(--vscode-descriptionForeground);
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        position: relative;
        padding: 0 0 4px 16px;
      }
      /* A line with a dot at each station: the way of the value. */
      li::before {
        content: '';
        position: absolute;
        left: 3px;
        top: 6px;
        width: 7px;
        height: 7px;
        border-radius: 50%;
        background: var(--vscode-charts-blue, var(--vscode-focusBorder));
      }
      li:not(:last-child)::after {
        content: '';
        position: absolute;
        left: 6px;
        top: 13px;
        bottom: -6px;
        width: 1px;
        background: var(--vscode-charts-blue, var(--vscode-focusBorder));
      }
      button {
        font: inherit;
        color: inherit;
        background: none;
        border: 0;
        padding: 0 4px;
        margin: 0 -4px;
        width: 100%;
        text-align: left;
        cursor: pointer;
        border-radius: 2px;
      }
      button:hover {
        background: var(--vscode-list-hoverBackground);
      }
      button[aria-current='true'] {
        background: var(--vscode-list-inactiveSelectionBackground);
        color: var(--vscode-list-inactiveSelectionForeground, var(--vscode-foreground));
      }
      .more {
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
        line-height: 15px;
        overflow-wrap: anywhere;
      }
      button[aria-current='true'] .more {
        color: inherit;
      }
      code {
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
      }
      p {
        margin: 0;
        color: var(--vscode-descriptionForeground);
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { log, chosen, trail } = this;
    if (log === undefined || chosen === undefined || trail === undefined) return html`<p>${strings.chooseHint}</p>`;
    return html`<h2>${fill(strings.trail, { place: placeName(chosen) })}</h2>
      ${trail.stations.length === 0 ? html`<p>${strings.trailNone}</p>` : nothing}
      <ol>
        ${trail.stations.map((station) => this.renderStation(log, station))}
      </ol>
      ${trail.isCut ? html`<p>${strings.trailCut}</p>` : nothing}`;
  }

  private renderStation(log: StepLog, station: Station): TemplateResult {
    const { text, insn } = log.step(station.step);
    const line = placeOfStep(log, station.step, this.places)?.line;
    return html`<li>
      <button
        aria-current=${station.step === this.selected ? 'true' : 'false'}
        @click=${() => this.dispatchEvent(new CustomEvent<number>('step-chosen', { detail: station.step }))}
      >
        <div><code>${placeName(station.place)}</code> ${stationWords(log, station)}</div>
        <div class="more">
          ${line === undefined ? '' : `${fill(strings.line, { line })} · `}<code>${insn}: ${text}</code>
        </div>
        ${station.value === undefined ? nothing : html`<div class="more">${valueWords(station.value.text)}</div>`}
      </button>
    </li>`;
  }
}

function stationWords(log: StepLog, { kind, from, step }: Station): string {
  const { instruction } = log.step(step);
  const values = {
    function: instruction.kind === 'call' ? instruction.name : '',
    from: from === undefined ? '' : placeName(from),
    base: instruction.kind === 'load' ? baseWords(log, step, instruction.base) : strings.memory,
  };
  const template = kind === 'arithmetic' && from !== undefined ? stationStrings.arithmeticWith : stationStrings[kind];
  return fill(template, values);
}

/** What an address points into. */
function baseWords(log: StepLog, step: number, register: number): string {
  const held = log.before(step).frames.at(-1)?.registers[register];
  if (held === undefined) return strings.memory;
  const { type } = readValue(held.text);
  return type === 'pkt' ? strings.packet : type === 'scalar' ? strings.memory : valueWords(held.text);
}
