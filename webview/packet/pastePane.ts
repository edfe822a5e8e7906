import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { readPasted } from '../../extension/core/packet/pasted.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { paneStyles } from './paneStyles.ts';
import { strings } from './strings.ts';

/** Packets as text of any usual form. Fires `packets` (detail: layers of each). */
@customElement('xdp-paste-pane')
export class PastePane extends LitElement {
  @state() private problem: string | undefined;

  static override styles = [
    baseStyles,
    inputStyles,
    paneStyles,
    css`
      textarea {
        display: block;
        width: 100%;
        min-height: 96px;
        max-height: 320px;
        resize: vertical;
        field-sizing: content;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        margin: 4px 0;
      }
    `,
  ];

  protected override firstUpdated(): void {
    this.area?.focus();
  }

  private get area(): HTMLTextAreaElement | null {
    return this.renderRoot.querySelector('textarea');
  }

  protected override render(): TemplateResult {
    return html`<div class="pane">
      <p class="muted" id="help">${strings.pasteHelp}</p>
      <textarea
        aria-label=${strings.pasteLabel}
        aria-describedby="help"
        spellcheck="false"
        aria-invalid=${this.problem === undefined ? 'false' : 'true'}
        @keydown=${(event: KeyboardEvent) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && this.read(event)}
      ></textarea>
      <button class="link" type="button" @click=${this.read}>${strings.pasteRead}</button>
      ${this.problem === undefined ? nothing : html`<div class="error" role="alert">${this.problem}</div>`}
    </div>`;
  }

  private readonly read = (event: Event): void => {
    event.stopPropagation();
    const { area } = this;
    try {
      this.dispatchEvent(new CustomEvent('packets', { detail: readPasted(area?.value ?? '').packets }));
    } catch (error) {
      const { message, fix, details } = toErrorData(error);
      this.problem = fix === undefined ? translated(message) : `${translated(message)} ${translated(fix)}`;
      const position = details?.['position'];
      if (typeof position !== 'number') return;
      area?.focus();
      area?.setSelectionRange(position, position + 1);
    }
  };
}
