import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-icon/index.js';
import type { BuiltField, BuiltLayer, FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { fill } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import { byteCount } from './byteCount.ts';
import { type DraftProblem, specOf } from './draft.ts';
import './fieldInput.ts';
import './headerPicture.ts';
import { isListKind } from './fieldText.ts';
import { headers } from './headers.ts';
import { strings } from './strings.ts';

/** Index of the field that is pointed at. */
export interface LayerHover {
  field: number | undefined;
}

export type LayerAction = 'up' | 'down' | 'remove' | 'fold';
export type LayerView = 'fields' | 'picture';

/** One layer: its name, what can be done with it, and its fields. Fires `layer-action` and `layer-hover` (detail: LayerHover). */
@customElement('xdp-layer-form')
export class LayerForm extends LitElement {
  @property({ attribute: false }) layer: Layer | undefined;
  @property({ attribute: false }) built: BuiltLayer | undefined;
  @property({ type: Boolean }) folded = false;
  @property({ type: Boolean }) first = false;
  @property({ type: Boolean }) last = false;
  @property() view: LayerView = 'fields';
  /** Index of the field whose bytes are pointed at. */
  @property({ attribute: false }) lit: number | undefined;
  @property({ attribute: false }) edit: (field: string, value: FieldValue | undefined) => DraftProblem | undefined =
    () => undefined;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        container-type: inline-size;
        border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      }
      header {
        display: flex;
        align-items: center;
        gap: 4px;
        height: 26px;
      }
      .fold {
        display: flex;
        align-items: center;
        gap: 4px;
        flex: 1 1 auto;
        min-width: 0;
        height: 22px;
        padding: 0;
        border: 0;
        background: none;
        color: inherit;
        font: inherit;
        text-align: left;
        cursor: pointer;
      }
      .fold .name {
        font-weight: 600;
        white-space: nowrap;
      }
      .fold .summary {
        flex: 1 1 0;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        color: var(--vscode-descriptionForeground);
      }
      .fold .place {
        margin-left: auto;
        white-space: nowrap;
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
        font-variant-numeric: tabular-nums;
      }
      .tool {
        display: flex;
        padding: 3px;
        border: 0;
        border-radius: 5px;
        background: none;
        color: var(--vscode-icon-foreground);
        cursor: pointer;
        opacity: 0.7;
      }
      .tool:hover:not(:disabled),
      .tool:focus-visible {
        background: var(--vscode-toolbar-hoverBackground);
        opacity: 1;
      }
      .tool:disabled {
        opacity: 0.25;
        cursor: default;
      }
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(140px, 1fr));
        gap: 4px 12px;
        padding: 0 0 8px 20px;
      }
      .wide {
        grid-column: span 2;
      }
      .full {
        grid-column: 1 / -1;
      }
      @container (max-width: 330px) {
        .wide {
          grid-column: 1 / -1;
        }
        .fields {
          padding-left: 0;
        }
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { layer, built } = this;
    if (layer === undefined || built === undefined) return nothing;
    const spec = headers.get(layer.name);
    const label = spec?.label ?? layer.name;
    const title = [spec?.help, spec?.rfc, strings.layerKeys]
      .filter((part) => part !== undefined && part !== '')
      .join('\n');
    return html`<header>
        <button
          class="fold"
          type="button"
          aria-expanded=${this.folded ? 'false' : 'true'}
          title=${title}
          aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown Delete"
          @click=${() => this.act('fold')}
          @keydown=${this.onKey}
        >
          <vscode-icon name=${this.folded ? 'chevron-right' : 'chevron-down'}></vscode-icon>
          <span class="name">${label}</span>
          <span class="summary mono">${this.folded ? summaryOf(layer) : nothing}</span>
          <span class="place">${byteCount(built.length)}</span>
        </button>
        ${this.tool('arrow-up', fill(strings.moveUp, { layer: label }), 'up', this.first)}
        ${this.tool('arrow-down', fill(strings.moveDown, { layer: label }), 'down', this.last)}
        ${this.tool('close', fill(strings.removeLayer, { layer: label }), 'remove', false)}
      </header>
      ${this.folded ? nothing : this.renderFields(layer, built)}`;
  }

  private renderFields(layer: Layer, built: BuiltLayer): TemplateResult {
    // Bytes that no header describes have no picture.
    if (this.view === 'picture' && headers.get(layer.name)?.role !== 'payload') {
      return html`<xdp-header-picture
        .layer=${layer}
        .built=${built}
        .lit=${this.lit}
        .edit=${this.edit}
        @layer-hover=${(event: CustomEvent<LayerHover>) => this.hover(event.detail.field)}
      ></xdp-header-picture>`;
    }
    return html`<div class="fields">${built.fields.map((field, at) => this.renderField(layer, field, at))}</div>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Delete') this.act('remove');
    else if (event.altKey && event.key === 'ArrowUp' && !this.first) this.act('up');
    else if (event.altKey && event.key === 'ArrowDown' && !this.last) this.act('down');
    else return;
    event.preventDefault();
  };

  private renderField(layer: Layer, field: BuiltField, at: number): TemplateResult | typeof nothing {
    const spec = specOf(layer.name, field);
    if (spec === undefined) return nothing;
    const list = spec.kind === 'bytes' || isListKind(spec.kind) || spec.kind.endsWith('List');
    const wide = spec.kind === 'ipv6' || (spec.flags?.length ?? 0) > 5 || (spec.flags ?? []).join('').length > 9;
    return html`<xdp-field-input
      class=${list ? 'full' : wide ? 'wide' : ''}
      .spec=${spec}
      .built=${field}
      .layer=${layer.name}
      .manual=${layer.fields[field.name] !== undefined}
      .lit=${this.lit === at}
      .edit=${(value: FieldValue | undefined) => this.edit(field.name, value)}
      data-field=${field.name}
      @field-hover=${(event: CustomEvent<boolean>) => this.hover(event.detail ? at : undefined)}
    ></xdp-field-input>`;
  }

  private tool(icon: string, label: string, action: LayerAction, disabled: boolean): TemplateResult {
    return html`<button class="tool" type="button" aria-label=${label} title=${label} ?disabled=${disabled} @click=${() => this.act(action)}>
      <vscode-icon name=${icon}></vscode-icon>
    </button>`;
  }

  private act(action: LayerAction): void {
    this.dispatchEvent(new CustomEvent<LayerAction>('layer-action', { detail: action }));
  }

  private hover(field: number | undefined): void {
    this.dispatchEvent(new CustomEvent<LayerHover>('layer-hover', { detail: { field } }));
  }
}

/** What was set by hand, as Scapy writes it. */
function summaryOf(layer: Layer): string {
  const text = formatScapy([layer]);
  return text.slice(text.indexOf('(') + 1, -1);
}
