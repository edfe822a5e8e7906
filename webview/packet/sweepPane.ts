import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { compiledHeaders } from '../../extension/core/packet/compile.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { sweep, sweepable } from '../../extension/core/packet/sweep.ts';
import { fill, formatInteger } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { type Draft, specOf } from './draft.ts';
import { headers } from './headers.ts';
import { paneStyles } from './paneStyles.ts';
import { strings } from './strings.ts';

/** Packets that a sweep made, and the value that each has. */
export interface Swept {
  packets: readonly (readonly Layer[])[];
  notes: readonly string[];
}

/** One field over a range of values. Fires `packets` (detail: Swept). */
@customElement('xdp-sweep-pane')
export class SweepPane extends LitElement {
  @property({ attribute: false }) draft: Draft | undefined;
  /** `layer.field` by position and name. */
  @state() private chosen = '';
  @state() private from = '1';
  @state() private to = '64';
  @state() private step = '1';

  static override styles = [
    baseStyles,
    inputStyles,
    paneStyles,
    css`
      .pane {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 4px 8px;
      }
      label {
        display: flex;
        flex-direction: column;
        font-size: 11px;
        line-height: 16px;
        color: var(--vscode-descriptionForeground);
      }
      label .select,
      label input {
        font-size: 13px;
      }
      label input {
        width: 130px;
      }
      label.short input {
        width: 56px;
      }
      .error {
        flex: 1 0 100%;
      }
      button.link {
        height: 24px;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { draft } = this;
    if (draft === undefined) return nothing;
    const made = this.make(draft);
    return html`<div class="pane">
      <label>${strings.sweepField}<span class="select"><select @change=${(event: Event) => (this.chosen = (event.target as HTMLSelectElement).value)}>
        ${draft.built.layers.map((layer, at) => this.renderLayer(layer.name, at, draft))}
      </select></span></label>
      ${this.input(strings.sweepFrom, this.from, '', (value) => (this.from = value))}
      ${this.input(strings.sweepTo, this.to, '', (value) => (this.to = value))}
      ${this.input(strings.sweepStep, this.step, 'short', (value) => (this.step = value))}
      <button class="link" type="button" ?disabled=${!Array.isArray(made)} @click=${() => this.give(made)}>
        ${Array.isArray(made) ? fill(strings.sweepMake, { count: formatInteger(made.length) }) : strings.sweepMakeNone}
      </button>
      ${typeof made === 'string' ? html`<div class="error" role="status">${made}</div>` : nothing}
    </div>`;
  }

  private renderLayer(name: string, at: number, draft: Draft): TemplateResult | typeof nothing {
    const compiled = compiledHeaders().get(name);
    const fields = (draft.built.layers[at]?.fields ?? []).filter((field) =>
      compiled?.fields.some((each) => each.name === field.name && sweepable(each)),
    );
    if (fields.length === 0) return nothing;
    return html`<optgroup label=${headers.get(name)?.label ?? name}>
      ${fields.map((field) => html`<option value="${at}.${field.name}" .selected=${this.place(draft) === `${at}.${field.name}`}>${specOf(name, field)?.label ?? field.name}</option>`)}
    </optgroup>`;
  }

  private input(label: string, value: string, className: string, take: (value: string) => void): TemplateResult {
    return html`<label class=${className}>${label}<input
      spellcheck="false"
      autocomplete="off"
      .value=${value}
      @input=${(event: Event) => take((event.target as HTMLInputElement).value)}
    /></label>`;
  }

  /** The field that is chosen; at first the time to live, where there is one. */
  private place(draft: Draft): string {
    if (this.chosen !== '') return this.chosen;
    const at = draft.built.layers.findIndex(({ name }) => name === 'IP' || name === 'IPv6');
    const field = draft.built.layers[at]?.name === 'IP' ? 'ttl' : 'hlim';
    if (at >= 0) return `${at}.${field}`;
    return `0.${draft.built.layers[0]?.fields[0]?.name ?? ''}`;
  }

  private make(draft: Draft): (readonly Layer[])[] | string {
    const [layer = '0', field = ''] = this.place(draft).split('.');
    try {
      return sweep(draft.layers, {
        layer: Number(layer),
        field,
        from: this.from.trim(),
        to: this.to.trim(),
        step: Number(this.step),
      });
    } catch (error) {
      const { message, fix } = toErrorData(error);
      return translated(fix === undefined ? message : `${message} ${fix}`);
    }
  }

  private give(made: (readonly Layer[])[] | string): void {
    if (!Array.isArray(made) || this.draft === undefined) return;
    const [layer = '0', field = ''] = this.place(this.draft).split('.');
    const notes = made.map((packet) => {
      const value = packet[Number(layer)]?.fields[field];
      return fill(strings.sweptValue, { field, value: typeof value === 'number' ? value : String(value as string) });
    });
    this.dispatchEvent(new CustomEvent<Swept>('packets', { detail: { packets: made, notes } }));
  }
}
