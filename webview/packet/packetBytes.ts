import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { parseHex } from '../../extension/core/packet/hex.ts';
import { fill, hexText } from '../common/format.ts';
import '../common/hexPane.ts';
import type { ByteMark, ByteRange, HexEdit } from '../common/hexPane.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { byteCount } from './byteCount.ts';
import { bytesOf, type Draft } from './draft.ts';
import { strings } from './strings.ts';

/** The packet's bytes: typed over in place, pasted, or edited as text. Fires `bytes` (detail: Uint8Array) and `byte-hover`. */
@customElement('xdp-packet-bytes')
export class PacketBytes extends LitElement {
  @property({ attribute: false }) draft: Draft | undefined;
  @property({ attribute: false }) highlight: ByteRange | undefined;
  /** The name of what is highlighted. */
  @property() pointed = '';
  /** Text that is being edited; undefined while the pane is shown. */
  @state() private text: string | undefined;
  @state() private problem: string | undefined;

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .head {
        display: flex;
        align-items: baseline;
        gap: 12px;
        margin-bottom: 4px;
      }
      h2 {
        margin: 0;
        font-size: 13px;
        font-weight: 600;
      }
      .count {
        flex: 1 1 0;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .tools {
        flex: none;
        display: flex;
        gap: 12px;
      }
      textarea {
        width: 100%;
        min-height: 88px;
        resize: vertical;
        field-sizing: content;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
      }
      .error {
        padding-left: 6px;
        border-left: 2px solid var(--vscode-errorForeground);
        overflow-wrap: anywhere;
      }
      .warnings {
        margin: 4px 0 0;
        padding: 0;
        list-style: none;
        overflow-wrap: anywhere;
      }
      .warnings li {
        margin-bottom: 2px;
        padding-left: 6px;
        border-left: 2px solid var(--vscode-editorWarning-foreground);
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const built = this.draft?.built;
    if (built === undefined) return nothing;
    const editing = this.text !== undefined;
    return html`<div class="head">
        <h2 title=${strings.hexHelp}>${strings.bytes}</h2>
        <span class="muted count">${this.pointed === '' ? byteCount(built.bytes.length) : this.pointed}</span>
        <span class="tools">
          <button class="link" type="button" @click=${this.copy}>${strings.copyHex}</button>
          <button class="link" type="button" @click=${editing ? this.finish : this.startText}>
            ${editing ? strings.doneHex : strings.editHex}
          </button>
        </span>
      </div>
      ${
        editing
          ? html`<textarea
              aria-label=${strings.hexLabel}
              title=${strings.hexHelp}
              spellcheck="false"
              aria-invalid=${this.problem === undefined ? 'false' : 'true'}
              .value=${this.text ?? ''}
              @input=${this.onText}
            ></textarea>`
          : html`<xdp-hex-pane
              editable
              label=${strings.hexLabel}
              .bytes=${built.bytes}
              .marks=${this.wrongMarks(built)}
              .highlight=${this.highlight}
              @hex-edit=${(event: CustomEvent<HexEdit>) => this.give(event.detail.bytes)}
              @hex-paste=${(event: CustomEvent<string>) => this.take(event.detail)}
            ></xdp-hex-pane>`
      }
      ${this.problem === undefined ? nothing : html`<div class="error" role="alert">${this.problem}</div>`}
      ${
        built.warnings.length === 0
          ? nothing
          : html`<ul class="warnings">${built.warnings.map((warning) => html`<li>${translated(warning)}</li>`)}</ul>`
      }`;
  }

  private wrongMarks(built: Draft['built']): ByteMark[] {
    return built.layers.flatMap(({ fields }) =>
      fields
        .filter(({ wrong }) => wrong !== undefined)
        .map((field): ByteMark => ({ kind: 'wrong', ...bytesOf(field) })),
    );
  }

  private readonly startText = (): void => {
    const bytes = this.draft?.built.bytes ?? new Uint8Array();
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += 16) lines.push(hexText(bytes.subarray(at, at + 16), ' '));
    this.text = lines.join('\n');
  };

  private readonly finish = (): void => {
    this.text = undefined;
    this.problem = undefined;
  };

  private readonly onText = (event: Event): void => {
    this.text = (event.target as HTMLTextAreaElement).value;
    this.take(this.text);
  };

  private take(text: string): void {
    try {
      this.give(parseHex(text));
      this.problem = undefined;
    } catch (error) {
      this.problem = fill(strings.badHex, { problem: translated(toErrorData(error).message) });
    }
  }

  private give(bytes: Uint8Array): void {
    this.problem = undefined;
    this.dispatchEvent(new CustomEvent<Uint8Array>('bytes', { detail: bytes }));
  }

  private readonly copy = (): void => {
    navigator.clipboard.writeText(hexText(this.draft?.built.bytes ?? new Uint8Array())).catch((error: unknown) => {
      this.problem = String(error);
    });
  };
}
