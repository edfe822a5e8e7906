import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { baseStyles } from './theme.ts';

/**
 * What happened, why, and what to do next. `compact` is one line above content that stays; otherwise it fills the
 * empty place where content would be; `flush` leaves the space around it to whoever shows it. Fires `action` when its button is pressed.
 */
@customElement('xdp-notice')
export class Notice extends LitElement {
  @property() kind: 'info' | 'warning' | 'error' | 'empty' = 'info';
  @property() message = '';
  @property() fix = '';
  @property() button = '';
  @property({ type: Boolean, reflect: true }) compact = false;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        padding: 16px 20px;
        overflow-wrap: anywhere;
      }
      :host([flush]) {
        padding: 0;
      }
      :host([compact]) {
        padding: 4px 8px;
        border-bottom: 1px solid var(--vscode-widget-border, transparent);
        background: var(--vscode-editorWidget-background);
      }
      .line {
        display: flex;
        gap: 8px;
        align-items: flex-start;
      }
      .line vscode-icon {
        flex: none;
        margin-top: 1px;
      }
      p {
        margin: 0;
        white-space: pre-line;
      }
      .fix {
        color: var(--vscode-descriptionForeground);
        margin-top: 4px;
      }
      .error vscode-icon {
        color: var(--vscode-errorForeground);
      }
      .warning vscode-icon {
        color: var(--vscode-editorWarning-foreground, var(--vscode-foreground));
      }
      .info vscode-icon {
        color: var(--vscode-editorInfo-foreground, var(--vscode-foreground));
      }
      vscode-button {
        margin-top: 12px;
      }
      :host(:not([compact])) vscode-button {
        width: 100%;
        max-width: 300px;
      }
      :host([compact]) vscode-button {
        margin-top: 4px;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const icon = this.kind === 'empty' ? 'info' : this.kind;
    return html`<div class="line ${this.kind}" role=${this.kind === 'error' ? 'alert' : 'status'}>
      ${this.kind === 'empty' ? nothing : html`<vscode-icon name=${icon}></vscode-icon>`}
      <div>
        <p>${translated(this.message)}</p>
        ${this.fix === '' ? nothing : html`<p class="fix">${translated(this.fix)}</p>`}
        ${
          this.compact && this.button !== ''
            ? html`<vscode-button secondary @click=${this.onPress}>${this.button}</vscode-button>`
            : nothing
        }
      </div>
    </div>
    ${
      !this.compact && this.button !== ''
        ? html`<vscode-button @click=${this.onPress}>${this.button}</vscode-button>`
        : nothing
    }`;
  }

  private readonly onPress = (): void => {
    this.dispatchEvent(new CustomEvent('action'));
  };
}
