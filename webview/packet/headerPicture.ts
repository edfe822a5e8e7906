import { css, html, LitElement, nothing, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { type GridCell, headerGrid } from '../../extension/core/packet/grid.ts';
import type { BuiltField, BuiltLayer, FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { fieldText } from '../../extension/core/packet/value.ts';
import { fill } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import { byteCount } from './byteCount.ts';
import { type DraftProblem, specOf } from './draft.ts';
import type { FieldInput } from './fieldInput.ts';
import './fieldInput.ts';
import { inputText, isListKind } from './fieldText.ts';
import type { LayerHover } from './layerForm.ts';
import { strings } from './strings.ts';

/** Bytes of one field that are drawn: an IPv6 address. */
const maxBytes = 16;

/** The page's policy allows no style attributes: a rule for every place and width of a cell. */
const places = Array.from(
  { length: 32 },
  (_, i) => `.c${i} { grid-column-start: ${i + 1}; } .s${i + 1} { grid-column-end: span ${i + 1}; }`,
).join('\n');

/** One header as its RFC draws it: 32 bits wide, the values in the cells. Fires `layer-hover` (detail: LayerHover). */
@customElement('xdp-header-picture')
export class HeaderPicture extends LitElement {
  @property({ attribute: false }) layer: Layer | undefined;
  @property({ attribute: false }) built: BuiltLayer | undefined;
  /** Index of the field whose bytes are pointed at. */
  @property({ attribute: false }) lit: number | undefined;
  @property({ attribute: false }) edit: (field: string, value: FieldValue | undefined) => DraftProblem | undefined =
    () => undefined;
  /** Name of the field that is being edited. */
  @state() private open: string | undefined;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        padding: 0 0 8px 20px;
        container-type: inline-size;
      }
      .ruler,
      .row {
        display: grid;
        grid-template-columns: repeat(32, minmax(0, 1fr));
      }
      .ruler {
        font-size: 9px;
        line-height: 12px;
        color: var(--vscode-descriptionForeground);
        font-variant-numeric: tabular-nums;
        text-align: center;
        user-select: none;
      }
      .ruler span {
        visibility: hidden;
      }
      .ruler .byte {
        visibility: visible;
      }
      @container (min-width: 460px) {
        .ruler span {
          visibility: visible;
        }
      }
      .picture {
        border: 1px solid var(--xdp-line);
        border-width: 1px 0 0 1px;
        --xdp-line: var(--vscode-contrastBorder, var(--vscode-editorWidget-border, var(--vscode-widget-border, #8885)));
      }
      .cell {
        min-width: 0;
        min-height: 34px;
        margin: 0;
        padding: 1px 3px;
        border: 1px solid var(--xdp-line);
        border-width: 0 1px 1px 0;
        border-radius: 0;
        background: none;
        color: var(--vscode-descriptionForeground);
        font: inherit;
        text-align: center;
        overflow: hidden;
        cursor: pointer;
      }
      .cell:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .cell.continued {
        min-height: 12px;
      }
      .cell.more {
        border-bottom-style: dotted;
      }
      .cell .name,
      .cell .value {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .cell .name {
        font-size: 10px;
        line-height: 13px;
      }
      .cell .value {
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        line-height: 17px;
        color: var(--vscode-foreground);
      }
      .cell.manual .value {
        color: var(--vscode-textLink-foreground);
        font-weight: 600;
      }
      .cell.wrong .value {
        text-decoration: underline wavy var(--vscode-editorWarning-foreground);
        text-underline-offset: 3px;
      }
      .cell.lit {
        background: var(--vscode-editor-findMatchHighlightBackground);
      }
      .cell[aria-expanded='true'] {
        background: var(--vscode-list-activeSelectionBackground);
        color: var(--vscode-list-activeSelectionForeground);
      }
      .cell[aria-expanded='true'] .value {
        color: inherit;
      }
      .editor {
        padding: 6px 8px 8px;
        border: 1px solid var(--vscode-focusBorder);
        background: var(--vscode-editorWidget-background);
        margin: 2px 0 2px -1px;
        max-width: 460px;
      }
      .editor + .row {
        border-top: 1px solid var(--xdp-line);
      }
      .editor.list {
        max-width: none;
      }
    `,
    unsafeCSS(places),
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { built } = this;
    if (built === undefined) return nothing;
    const grid = headerGrid(built, { maxBytes });
    return html`<div class="ruler" aria-hidden="true">
        ${Array.from({ length: 32 }, (_, bit) => html`<span class="c${bit} s1 ${bit % 8 === 0 ? 'byte' : ''}">${bit}</span>`)}
      </div>
      <div class="picture" role="group" aria-label=${strings.picture} @keydown=${this.onKey}>
        ${grid.map((cells) => this.renderRow(built, cells))}
      </div>`;
  }

  private renderRow(built: BuiltLayer, cells: readonly GridCell[]): TemplateResult {
    const opened = cells.find(({ field, part, parts }) => field === this.open && part === parts - 1);
    const field = built.fields.find(({ name }) => name === opened?.field);
    return html`<div class="row">${cells.map((cell) => this.renderCell(built, cell))}</div>
      ${field === undefined ? nothing : this.renderEditor(built, field)}`;
  }

  private renderCell(built: BuiltLayer, { field: name, column, bits, part, parts }: GridCell): TemplateResult {
    const index = built.fields.findIndex((field) => field.name === name);
    const field = built.fields[index];
    const spec = field === undefined ? undefined : specOf(built.name, field);
    if (field === undefined || spec === undefined) return html`<span class="cell c${column} s${bits}"></span>`;
    const manual = this.layer?.fields[name] !== undefined;
    const value = this.textOf(field);
    const cut = field.bitLength > maxBytes * 8 && part === parts - 1;
    const classes = [
      'cell',
      `c${column}`,
      `s${bits}`,
      manual ? 'manual' : '',
      field.wrong === undefined ? '' : 'wrong',
      this.lit === index ? 'lit' : '',
      part > 0 ? 'continued' : '',
      part < parts - 1 || cut ? 'more' : '',
    ].join(' ');
    const how = field.wrong === undefined ? (manual ? strings.byHand : strings.auto) : this.wrongText(field);
    const first = part === 0;
    return html`<button
      class=${classes}
      type="button"
      data-field=${name}
      tabindex=${first ? 0 : -1}
      aria-hidden=${first ? nothing : 'true'}
      aria-expanded=${this.open === name ? 'true' : 'false'}
      aria-label="${spec.label} ${value === '' ? strings.empty : value}, ${how}"
      title="${spec.label}: ${value} (${how})\n${spec.help}\n${spec.rfc}"
      @click=${() => this.toggle(name)}
      @pointerenter=${() => this.hover(index)}
      @pointerleave=${() => this.hover(undefined)}
      @focus=${() => this.hover(index)}
    >${
      first
        ? html`<span class="name">${spec.label}</span> <span class="value">${value}</span>`
        : cut
          ? html`<span class="name">${fill(strings.moreBytes, { count: byteCount(field.bitLength / 8 - maxBytes) })}</span>`
          : nothing
    }</button>`;
  }

  private textOf(field: BuiltField): string {
    const spec = specOf(this.built?.name ?? '', field);
    if (spec === undefined) return '';
    return field.value instanceof Uint8Array && field.value.length === 0 ? '' : inputText(spec, field.value);
  }

  private wrongText(field: BuiltField): string {
    const spec = specOf(this.built?.name ?? '', field);
    return spec === undefined || field.wrong === undefined
      ? ''
      : fill(strings.shouldBe, { value: fieldText(spec, field.wrong) });
  }

  private renderEditor(built: BuiltLayer, field: BuiltField): TemplateResult {
    const spec = specOf(built.name, field);
    const list = spec !== undefined && (isListKind(spec.kind) || spec.kind === 'bytes');
    return html`<div class="editor ${list ? 'list' : ''}">
      <xdp-field-input
        .spec=${spec}
        .built=${field}
        .layer=${built.name}
        .manual=${this.layer?.fields[field.name] !== undefined}
        .edit=${(value: FieldValue | undefined) => this.edit(field.name, value)}
        data-field=${field.name}
      ></xdp-field-input>
    </div>`;
  }

  private toggle(field: string): void {
    this.open = this.open === field ? undefined : field;
    if (this.open === undefined) return;
    void this.updateComplete.then(() => {
      const input = this.renderRoot.querySelector<FieldInput>('xdp-field-input');
      void input?.updateComplete.then(() => input.focusControl());
    });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && this.open !== undefined) {
      const name = this.open;
      this.open = undefined;
      event.stopPropagation();
      void this.updateComplete.then(() =>
        this.cells()
          .find((cell) => cell.dataset['field'] === name)
          ?.focus(),
      );
      return;
    }
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    const cells = this.cells();
    const at = cells.indexOf(event.target as HTMLElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    cells[at + step]?.focus();
  };

  private cells(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('button.cell:not(.continued)')];
  }

  private hover(field: number | undefined): void {
    this.dispatchEvent(new CustomEvent<LayerHover>('layer-hover', { detail: { field } }));
  }
}
