import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { type Place, samePlace } from '../../extension/core/verifier/steps/changes.ts';
import type { Held } from '../../extension/core/verifier/steps/machineState.ts';
import { valueWords } from '../../extension/core/verifier/steps/words.ts';
import { fill } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import type { Moment, MomentFrame, MomentRow } from './moment.ts';
import { strings } from './strings.ts';

/** Registers and stack at a step, in words, with what the step changed. Fires `place-chosen` (detail: the place). */
@customElement('xdp-state-pane')
export class StatePane extends LitElement {
  @property({ attribute: false }) moment: Moment | undefined;
  @property({ attribute: false }) chosen: Place | undefined;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      h2,
      h3 {
        margin: 0;
        padding: 4px 12px;
        font-size: 11px;
        font-weight: 600;
        color: var(--vscode-descriptionForeground);
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      h2 .code {
        font-family: var(--vscode-editor-font-family, monospace);
        font-weight: normal;
      }
      .failed {
        color: var(--vscode-foreground);
      }
      .row {
        display: grid;
        grid-template-columns: 6ch 1fr;
        column-gap: 8px;
        padding: 1px 12px;
        border-left: 2px solid transparent;
        cursor: pointer;
      }
      .row:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .row.changed {
        border-left-color: var(--vscode-editorGutter-modifiedBackground, var(--vscode-charts-yellow));
        background: color-mix(in srgb, var(--vscode-charts-yellow, #cca700) 10%, transparent);
      }
      .row[aria-selected='true'] {
        background: var(--vscode-list-inactiveSelectionBackground);
        color: var(--vscode-list-inactiveSelectionForeground, var(--vscode-foreground));
      }
      .row:focus-visible {
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
      .name {
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        font-weight: 600;
      }
      .changed .name::after {
        content: ' ●';
        font-size: 8px;
        vertical-align: 2px;
        color: var(--vscode-editorGutter-modifiedBackground, var(--vscode-charts-yellow));
      }
      .value {
        overflow-wrap: anywhere;
        min-width: 0;
      }
      .more {
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
        line-height: 15px;
      }
      .row[aria-selected='true'] .more {
        color: inherit;
      }
      .dead .words {
        color: var(--vscode-descriptionForeground);
      }
      .none {
        padding: 4px 12px;
        color: var(--vscode-descriptionForeground);
      }
      :host-context(.vscode-high-contrast) .row[aria-selected='true'] {
        outline: 1px solid var(--vscode-contrastActiveBorder, var(--vscode-focusBorder));
        outline-offset: -1px;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { moment } = this;
    if (moment === undefined) return html``;
    const { step, when, refs } = moment;
    const frames = moment.frames.filter(({ runs, rows }) => runs || rows.length > 0);
    const [before, text] = fill(when === 'failed' ? strings.atFailure : strings.after, {
      insn: step.insn,
      text: '\u0000',
    }).split('\u0000');
    return html`<h2 class=${when === 'failed' ? 'failed' : ''} title=${step.text}>
        ${before}<span class="code">${step.text}</span>${text}
      </h2>
      <div role="listbox" aria-label=${strings.state} @keydown=${this.onKey}>
        ${frames.map((frame) => this.renderFrame(frame, frames.length > 1))}
      </div>
      ${frames.every(({ rows }) => rows.length === 0) ? html`<p class="none">${strings.none}</p>` : nothing}
      ${refs.length > 0 ? html`<p class="none">${fill(strings.refs, { refs: refs.join(', ') })}</p>` : nothing}`;
  }

  private renderFrame({ depth, runs, rows }: MomentFrame, named: boolean): TemplateResult {
    const title = fill(runs ? strings.frame : strings.caller, { frame: depth });
    return html`<div role="group" aria-label=${named ? title : strings.state}>
      ${named ? html`<h3 aria-hidden="true">${title}</h3>` : nothing} ${rows.map((row) => this.renderRow(row))}
    </div>`;
  }

  private renderRow({ place, held, change, why, dead }: MomentRow): TemplateResult {
    const name = place.kind === 'register' ? `r${place.register}` : `fp${place.offset}`;
    const isChosen = this.chosen !== undefined && samePlace(this.chosen, place);
    const isFirst = this.chosen === undefined && name === this.firstName();
    const doubt = held === undefined ? undefined : doubtOf(held);
    return html`<div
      class="row ${change === undefined ? '' : 'changed'} ${dead ? 'dead' : ''}"
      role="option"
      data-place="${place.frame}:${name}"
      tabindex=${isChosen || isFirst ? 0 : -1}
      aria-selected=${isChosen ? 'true' : 'false'}
      title=${held?.text ?? nothing}
      @click=${() => this.choose(place)}
    >
      <span class="name">${name}</span>
      <span class="value">
        <span class="words">${held === undefined ? strings.nothing : valueWords(held.text)}</span>
        ${dead && held !== undefined ? html`<span class="more">· ${strings.dead}</span>` : nothing}
        ${held?.known === 'derived' ? html`<span class="more" title=${strings.derivedTitle}>· ${strings.derived}</span>` : nothing}
        ${
          change?.before === undefined || held === undefined
            ? nothing
            : html`<div class="more">${fill(strings.was, { words: valueWords(change.before.text) })}</div>`
        }
        ${why === undefined ? nothing : html`<div class="more">${strings[why]}</div>`}
        ${isChosen && held !== undefined ? html`<div class="more mono">${held.text}</div>` : nothing}
        ${doubt === undefined ? nothing : html`<div class="more">${doubt}</div>`}
      </span>
    </div>`;
  }

  private firstName(): string | undefined {
    const place = this.moment?.frames[0]?.rows[0]?.place;
    return place === undefined ? undefined : place.kind === 'register' ? `r${place.register}` : `fp${place.offset}`;
  }

  private choose(place: Place): void {
    this.dispatchEvent(new CustomEvent<Place>('place-chosen', { detail: place }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const options = Array.from(this.renderRoot.querySelectorAll<HTMLElement>('[role=option]'));
    const at = options.findIndex((option) => option === event.target);
    if (event.key === 'Enter' || event.key === ' ') options[at]?.click();
    else if (step !== undefined) options[at + step]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function doubtOf({ known }: Held): string | undefined {
  switch (known) {
    case 'printed':
    case 'derived':
      return undefined;
    case 'atLeast':
      return strings.atLeast;
    case 'maybe':
      return strings.maybe;
  }
}
