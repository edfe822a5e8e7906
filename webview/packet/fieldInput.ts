import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { FieldSpec } from '../../extension/core/packet/headers/spec.ts';
import type { BuiltField, FieldValue } from '../../extension/core/packet/model.ts';
import { parseHex } from '../../extension/core/packet/hex.ts';
import { equalValue, fieldText } from '../../extension/core/packet/value.ts';
import { fill } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import type { DraftProblem } from './draft.ts';
import {
  type BytesForm,
  bytesForm,
  bytesText,
  hasFlag,
  inputText,
  isListKind,
  toggledFlag,
  valueOfInput,
} from './fieldText.ts';
import { optionsText, valueOfOptions } from './optionText.ts';
import { strings } from './strings.ts';

let nextId = 0;

/** One field of a layer: its value, whether it is automatic, and how to change both. `field-hover` says that it is pointed at. */
@customElement('xdp-field-input')
export class FieldInput extends LitElement {
  @property({ attribute: false }) spec: FieldSpec | undefined;
  @property({ attribute: false }) built: BuiltField | undefined;
  @property() layer = '';
  /** True when the field was set by hand. */
  @property({ type: Boolean }) manual = false;
  /** Its bytes are pointed at. */
  @property({ type: Boolean, reflect: true }) lit = false;
  /** Tries a value (undefined: automatic); returns why it was not taken. */
  @property({ attribute: false }) edit: (value: FieldValue | undefined) => DraftProblem | undefined = () => undefined;
  /** What is being typed; undefined while nobody types. */
  @state() private typed: string | undefined;
  @state() private problem: string | undefined;
  @state() private form: BytesForm | undefined;
  private readonly fieldId = `f${nextId++}`;

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
        align-items: center;
        gap: 4px;
        height: 16px;
        line-height: 16px;
        font-size: 11px;
        color: var(--vscode-descriptionForeground);
      }
      label,
      .label {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        cursor: help;
      }
      .toggle {
        font: inherit;
        line-height: 14px;
        margin-left: auto;
        padding: 0 4px;
        border: 0;
        border-radius: 2px;
        background: none;
        color: var(--vscode-descriptionForeground);
        cursor: pointer;
      }
      .toggle:hover {
        background: var(--vscode-toolbar-hoverBackground);
        color: var(--vscode-foreground);
      }
      .toggle.manual {
        color: var(--vscode-textLink-foreground);
      }
      input,
      textarea {
        width: 100%;
        display: block;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
      }
      textarea {
        resize: none;
        min-height: 24px;
        field-sizing: content;
        max-height: 140px;
      }
      .default:not(:focus) {
        color: var(--vscode-input-placeholderForeground);
      }
      :host([lit]) input,
      :host([lit]) textarea,
      :host([lit]) .flags {
        background: var(--vscode-editor-findMatchHighlightBackground);
      }
      .warning,
      .warning .flags {
        border-color: var(--vscode-inputValidation-warningBorder, var(--vscode-editorWarning-foreground));
      }
      .note {
        font-size: 11px;
        line-height: 16px;
        padding-left: 4px;
        border-left: 2px solid var(--vscode-editorWarning-foreground);
        overflow-wrap: anywhere;
      }
      .note.error {
        border-left-color: var(--vscode-errorForeground);
      }
      .flags {
        display: flex;
        gap: 2px;
        height: 24px;
        align-items: center;
      }
      .flag {
        font: inherit;
        font-size: 11px;
        line-height: 18px;
        min-width: 20px;
        padding: 0 4px;
        border: 1px solid var(--vscode-input-border, var(--vscode-contrastBorder, transparent));
        border-radius: 2px;
        background: var(--vscode-input-background);
        color: var(--vscode-descriptionForeground);
        cursor: pointer;
      }
      .flag[aria-pressed='true'] {
        background: var(--vscode-inputOption-activeBackground);
        color: var(--vscode-inputOption-activeForeground);
        border-color: var(--vscode-inputOption-activeBorder);
      }
      .form {
        display: inline-flex;
        margin-left: 4px;
      }
      .form button {
        font: inherit;
        line-height: 14px;
        padding: 0 4px;
        border: 0;
        background: none;
        color: var(--vscode-descriptionForeground);
        cursor: pointer;
      }
      .form button[aria-pressed='true'] {
        color: var(--vscode-foreground);
        text-decoration: underline;
        text-underline-offset: 3px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('pointerenter', this.point);
    this.addEventListener('pointerleave', this.unpoint);
    this.addEventListener('focusin', this.point);
    this.addEventListener('focusout', this.unpoint);
  }

  /** The next change of the value is this input's own. */
  private awaited = false;

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('built');
    if (before === undefined || equalValue(before.value, this.built?.value)) return;
    // It was changed elsewhere (by undoing, for one): what was typed here is over, or leaving would bring it back.
    if (!this.awaited) this.typed = undefined;
    this.awaited = false;
  }

  /** Puts the cursor into the value. */
  focusControl(): void {
    this.renderRoot.querySelector<HTMLElement>('input, textarea, .flag')?.focus();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { spec, built } = this;
    if (spec === undefined || built === undefined) return nothing;
    const wrong = built.wrong === undefined ? undefined : fieldText(spec, built.wrong);
    const note = this.problem ?? (wrong === undefined ? undefined : fill(strings.shouldBe, { value: wrong }));
    return html`<div class="head">
        ${this.renderLabel(spec)}${spec.kind === 'bytes' ? this.renderForms(built) : nothing}${this.renderToggle(spec, built, wrong)}
      </div>
      ${this.renderControl(spec, built, wrong !== undefined)}
      ${note === undefined ? nothing : html`<div id="${this.fieldId}-note" class="note ${this.problem === undefined ? '' : 'error'}" role=${this.problem === undefined ? nothing : 'alert'}>${note}</div>`}`;
  }

  private renderLabel({ label, help, rfc, bits, kind, flags }: FieldSpec): TemplateResult {
    const title = [help, bits > 0 ? `${bits} bit` : '', rfc].filter((part) => part !== '').join('\n');
    return kind === 'flags' && flags !== undefined
      ? html`<span class="label" id="${this.fieldId}-label" title=${title}>${label}</span>`
      : html`<label for=${this.fieldId} title=${title}>${label}</label>`;
  }

  /** Computed fields say so; what was set by hand can go back. */
  private renderToggle(spec: FieldSpec, built: BuiltField, wrong: string | undefined): TemplateResult | typeof nothing {
    if (this.manual) {
      const title = wrong === undefined ? strings.makeAutomatic : fill(strings.makeAutomaticWrong, { value: wrong });
      return html`<button class="toggle manual" type="button" aria-label="${spec.label}: ${title}" title=${title} @click=${this.reset}>↺</button>`;
    }
    if (spec.auto === undefined) return nothing;
    return html`<button
      class="toggle"
      type="button"
      aria-label="${strings.auto}: ${spec.label}. ${strings.makeManual}"
      title=${strings.makeManual}
      @click=${() => this.attempt(built.value)}
    >${strings.auto}</button>`;
  }

  private renderControl(spec: FieldSpec, built: BuiltField, wrong: boolean): TemplateResult {
    if (spec.kind === 'flags' && spec.flags !== undefined && typeof built.value === 'number') {
      return this.renderFlags(spec.flags, built.value);
    }
    const text = this.typed ?? this.textOf(spec, built.value);
    const className = `${this.manual ? '' : 'default'} ${wrong ? 'warning' : ''}`;
    const described = this.problem !== undefined || wrong ? `${this.fieldId}-note` : nothing;
    const invalid = this.problem === undefined ? 'false' : 'true';
    if (spec.kind === 'bytes' || isListKind(spec.kind)) {
      return html`<textarea
        id=${this.fieldId}
        class=${className}
        rows="1"
        spellcheck="false"
        aria-invalid=${invalid}
        aria-describedby=${described}
        .value=${text}
        @input=${this.onInput}
        @blur=${this.onBlur}
        @keydown=${this.onKey}
      ></textarea>`;
    }
    const names = Object.entries(spec.names ?? {});
    return html`<input
        id=${this.fieldId}
        class=${className}
        spellcheck="false"
        autocomplete="off"
        aria-invalid=${invalid}
        aria-describedby=${described}
        list=${names.length > 0 ? `${this.fieldId}-names` : nothing}
        .value=${text}
        @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
        @input=${this.onInput}
        @blur=${this.onBlur}
        @keydown=${this.onKey}
      />${
        names.length > 0 && this.typed !== undefined
          ? html`<datalist id="${this.fieldId}-names">${names.map(([value, name]) => html`<option value=${name}>${value}</option>`)}</datalist>`
          : nothing
      }`;
  }

  private renderFlags(flags: readonly string[], value: number): TemplateResult {
    return html`<div class="flags" role="group" aria-labelledby="${this.fieldId}-label">
      ${flags.map(
        (flag, bit) =>
          html`<button
            class="flag"
            type="button"
            aria-pressed=${hasFlag(value, bit) ? 'true' : 'false'}
            @click=${() => this.attempt(toggledFlag(value, bit))}
          >${flag}</button>`,
      )}
    </div>`;
  }

  private renderForms(built: BuiltField): TemplateResult {
    const form = this.formOf(built.value);
    const button = (which: BytesForm, label: string): TemplateResult =>
      html`<button type="button" aria-pressed=${form === which ? 'true' : 'false'} @click=${() => this.useForm(which)}>${label}</button>`;
    return html`<span class="form" role="group" aria-label=${strings.bytesForm}>
      ${button('text', strings.asText)}${button('hex', strings.asHex)}
    </span>`;
  }

  private useForm(form: BytesForm): void {
    this.form = form;
    this.typed = undefined;
    this.problem = undefined;
  }

  private formOf(value: FieldValue): BytesForm {
    // Text that is not printable cannot be shown as text without losing bytes.
    if (!(value instanceof Uint8Array)) return this.form ?? 'text';
    return value.length === 0 ? (this.form ?? 'text') : bytesForm(value) === 'hex' ? 'hex' : (this.form ?? 'text');
  }

  private textOf(spec: FieldSpec, value: FieldValue): string {
    if (isListKind(spec.kind)) return optionsText(this.layer, spec.name, value);
    if (spec.kind === 'bytes' && value instanceof Uint8Array) return bytesText(value, this.formOf(value));
    return inputText(spec, value);
  }

  private valueFrom(spec: FieldSpec, text: string): FieldValue | undefined {
    if (isListKind(spec.kind)) return valueOfOptions(this.layer, spec.name, text);
    if (spec.kind !== 'bytes') return valueOfInput(spec, text);
    if (text === '') return undefined;
    return this.formOf(this.built?.value ?? '') === 'hex' ? parseHex(text) : new TextEncoder().encode(text);
  }

  private attempt(value: FieldValue | undefined): string | undefined {
    const problem = this.edit(value);
    this.awaited = problem === undefined;
    this.problem = undefined;
    return problem === undefined
      ? undefined
      : [problem.message, problem.fix].flatMap((part) => (part === undefined ? [] : [translated(part)])).join(' ');
  }

  private readonly reset = (): void => {
    this.typed = undefined;
    this.problem = this.attempt(undefined);
  };

  private readonly onInput = (event: Event): void => {
    const { value } = event.target as HTMLInputElement | HTMLTextAreaElement;
    this.typed = value;
    // Half-typed values are nobody's mistake: they are only reported when the field is left.
    this.takeTyped();
  };

  /** Returns why what was typed is not a value. */
  private takeTyped(): string | undefined {
    const { spec, typed } = this;
    if (spec === undefined || typed === undefined) return undefined;
    try {
      return this.attempt(this.valueFrom(spec, typed));
    } catch (error) {
      return translated(error instanceof Error ? error.message : String(error));
    }
  }

  private readonly onBlur = (): void => {
    const problem = this.takeTyped();
    if (problem === undefined) this.typed = undefined;
    this.problem = problem;
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || this.typed === undefined) return;
    event.stopPropagation();
    this.typed = undefined;
    this.problem = undefined;
  };

  private readonly point = (): void => this.hover(true);
  private readonly unpoint = (): void => this.hover(false);

  private hover(on: boolean): void {
    this.dispatchEvent(new CustomEvent<boolean>('field-hover', { detail: on }));
  }
}
