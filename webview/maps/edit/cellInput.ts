import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import type { SetRequest } from '../data/mapEditor.ts';
import { strings } from '../strings.ts';
import { type CellPlace, cellRequest, editableText } from './encode.ts';

/** What is changed in its place: one field, of one CPU where each has its own. `box`: the cell in the page. */
export interface CellEdit extends CellPlace {
  box: DOMRect;
}

/** An input over a cell. Enter fires `save`, Escape and leaving it fire `cancel`. */
@customElement('xdp-cell-input')
export class CellInput extends LitElement {
  @property({ attribute: false }) edit: CellEdit | undefined;
  @state() private wrong = '';

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        position: fixed;
        z-index: 5;
      }
      input {
        width: 100%;
        height: 22px;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .wrong {
        position: absolute;
        top: 22px;
        right: 0;
        width: max-content;
        max-width: 260px;
        padding: 2px 6px;
        color: var(--vscode-inputValidation-errorForeground, var(--vscode-foreground));
        background: var(--vscode-inputValidation-errorBackground, var(--vscode-editorWidget-background));
        border: 1px solid var(--vscode-inputValidation-errorBorder);
      }
    `,
  ];

  protected override firstUpdated(): void {
    const input = this.renderRoot.querySelector('input');
    input?.focus();
    input?.select();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { edit } = this;
    const now = edit?.row.reading?.now;
    if (edit === undefined || now === undefined) return nothing;
    const { box, field, slot, model } = edit;
    this.style.left = `${Math.max(0, box.left - 24)}px`;
    this.style.top = `${box.top}px`;
    this.style.width = `${box.width + 24}px`;
    const label = field.path === '' ? strings.columns.value : field.path;
    return html`<input
        aria-label=${label}
        aria-invalid=${this.wrong === '' ? 'false' : 'true'}
        spellcheck="false"
        .value=${editableText(field, now, now.base + slot * model.slot)}
        @keydown=${this.onKey}
        @blur=${this.cancel}
      />${this.wrong === '' ? nothing : html`<div class="wrong" role="alert">${this.wrong}</div>`}`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === 'Escape') this.cancel();
    if (event.key === 'Enter') this.save((event.target as HTMLInputElement).value);
  };

  private save(text: string): void {
    const { edit } = this;
    if (edit === undefined) return;
    try {
      this.dispatchEvent(new CustomEvent<SetRequest>('save', { detail: cellRequest(edit, text) }));
    } catch (error) {
      this.wrong = error instanceof Error ? error.message : String(error);
    }
  }

  private readonly cancel = (): void => {
    this.dispatchEvent(new CustomEvent('cancel'));
  };
}
