import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { ShownFailure } from '../../extension/protocol/verifierView.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { strings } from './strings.ts';

/** Why the program was refused, what to do, and how it came to that. Fires `station-chosen` (detail: index in the story). */
@customElement('xdp-failure-note')
export class FailureNote extends LitElement {
  @property({ attribute: false }) failure: ShownFailure | undefined;

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: block;
        padding: 8px 12px;
        border-left: 3px solid var(--vscode-editorError-foreground);
        background: var(--vscode-editorWidget-background);
        max-height: 40vh;
        overflow: auto;
      }
      p {
        margin: 0 0 4px;
      }
      .words {
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 11px;
        color: var(--vscode-descriptionForeground);
        overflow-wrap: anywhere;
      }
      ol {
        margin: 4px 0 0;
        padding-left: 20px;
      }
      li {
        padding: 1px 0;
      }
      button.link {
        text-align: left;
      }
      code {
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { failure } = this;
    if (failure === undefined) return html``;
    const { explanation, fix, story, message } = failure;
    return html`<p>${withCode(explanation)}</p>
      ${fix === undefined ? nothing : html`<p>${withCode(fix)}</p>`}
      <p class="words" title=${strings.words}>${message}</p>
      ${
        story.length === 0
          ? nothing
          : html`<ol aria-label=${strings.story}>
              ${story.map(
                ({ line, text }, index) =>
                  html`<li><button class="link" @click=${() => this.choose(index)}>${strings.line.replace('{line}', String(line))}</button>: ${withCode(text)}</li>`,
              )}
            </ol>`
      }`;
  }

  private choose(index: number): void {
    this.dispatchEvent(new CustomEvent<number>('station-chosen', { detail: index }));
  }
}

/** What stands between backticks is code. */
function withCode(text: string): (string | TemplateResult)[] {
  return text.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`));
}
