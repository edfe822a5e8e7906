import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { looksLikeHex, parseHex } from '../../extension/core/packet/hex.ts';
import { headers } from '../../extension/core/packet/headers/table.ts';
import type { FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import {
  type Draft,
  type DraftProblem,
  draftOf,
  draftOfBytes,
  withField,
  withLayerAdded,
  withLayerMoved,
  withoutLayer,
} from './draft.ts';
import type { LayerAction, LayerHover } from './layerForm.ts';
import './layerForm.ts';
import { strings } from './strings.ts';

export interface FieldPlace {
  layer: number;
  field: number;
}

export interface FieldPointed {
  place: FieldPlace | undefined;
}

/** What people build most; the rest stands behind it in the menu. */
const common = ['Ether', 'Dot1Q', 'ARP', 'IP', 'IPv6', 'TCP', 'UDP', 'ICMP', 'ICMPv6EchoRequest', 'Raw'];

/** The packet as a form: one expression line, and a section per layer. Fires `draft` and `field-pointed`. */
@customElement('xdp-packet-editor')
export class PacketEditor extends LitElement {
  @property({ attribute: false }) draft: Draft | undefined;
  @property({ attribute: false }) pointed: FieldPlace | undefined;
  /** What is being typed into the expression line. */
  @state() private typed: string | undefined;
  @state() private problem: string | undefined;
  /** Scapy names of the layers that are folded. */
  @property({ attribute: false }) folded: ReadonlySet<string> = new Set();

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: block;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        margin-bottom: 8px;
      }
      textarea {
        display: block;
        width: 100%;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        padding: 4px 6px;
        resize: vertical;
        min-height: 44px;
        field-sizing: content;
        max-height: 160px;
        overflow-wrap: anywhere;
      }
      .expression {
        margin-bottom: 8px;
      }
      .error {
        color: var(--vscode-errorForeground);
        margin-top: 4px;
        overflow-wrap: anywhere;
        white-space: pre-line;
      }
      .layers {
        border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        margin-bottom: 8px;
      }
      .empty {
        color: var(--vscode-descriptionForeground);
        padding: 8px 0;
        border-top: 1px solid var(--vscode-widget-border, transparent);
      }
      .select select {
        width: 160px;
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues<this>): void {
    // The packet was changed elsewhere: what was half-typed here is over.
    if (changed.has('draft') && this.typed !== undefined && this.draft !== this.ownDraft) {
      this.typed = undefined;
      this.problem = undefined;
    }
  }

  private ownDraft: Draft | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const { draft } = this;
    if (draft === undefined) return nothing;
    return html`<div class="line">${this.renderTemplates()}${this.renderAdd()}</div>
      ${this.renderExpression(draft)}
      <div class="layers">
        ${draft.layers.length === 0 ? html`<div class="empty">${strings.noLayers}</div>` : nothing}
        ${draft.layers.map((layer, at) => this.renderLayer(draft, layer, at))}
      </div>`;
  }

  private renderTemplates(): TemplateResult {
    return html`<span class="select">
      <select aria-label=${strings.template} title=${strings.templateTitle} @change=${this.onTemplate}>
        <option value="" selected>${strings.template}</option>
        ${packetTemplates.map(({ name }, at) => html`<option value=${at}>${name}</option>`)}
      </select>
    </span>`;
  }

  private renderAdd(): TemplateResult {
    const others = [...headers.values()].filter(({ name, role }) => role !== 'option' && !common.includes(name));
    const option = (name: string): TemplateResult =>
      html`<option value=${name}>${headers.get(name)?.label ?? name}</option>`;
    return html`<span class="select">
      <select aria-label=${strings.addLayer} @change=${this.onAdd}>
        <option value="" selected>${strings.addLayer}</option>
        <optgroup label=${strings.layersCommon}>${common.map(option)}</optgroup>
        <optgroup label=${strings.layersMore}>${others.map(({ name }) => option(name))}</optgroup>
      </select>
    </span>`;
  }

  private renderExpression(draft: Draft): TemplateResult {
    return html`<div class="expression">
      <textarea
        aria-label=${strings.expression}
        title=${strings.expressionHelp}
        rows="2"
        spellcheck="false"
        aria-invalid=${this.problem === undefined ? 'false' : 'true'}
        .value=${this.typed ?? (draft.layers.length === 0 ? '' : formatScapy(draft.layers, { keepGiven: true }))}
        @input=${this.onExpression}
        @blur=${this.onExpressionLeft}
        @keydown=${this.onExpressionKey}
      ></textarea>
      ${this.problem === undefined ? nothing : html`<div class="error" role="alert">${this.problem}</div>`}
    </div>`;
  }

  private renderLayer(draft: Draft, layer: Layer, at: number): TemplateResult {
    return html`<xdp-layer-form
      .layer=${layer}
      .built=${draft.built.layers[at]}
      .folded=${this.folded.has(layer.name)}
      .first=${at === 0}
      .last=${at === draft.layers.length - 1}
      .lit=${this.pointed?.layer === at ? this.pointed.field : undefined}
      .edit=${(field: string, value: FieldValue | undefined) => this.take(withField(draft.layers, at, field, value))}
      data-layer=${layer.name}
      @layer-action=${(event: CustomEvent<LayerAction>) => this.act(event.detail, layer, at)}
      @layer-hover=${({ detail: { field } }: CustomEvent<LayerHover>) =>
        this.point(field === undefined ? undefined : { layer: at, field })}
    ></xdp-layer-form>`;
  }

  private act(action: LayerAction, layer: Layer, at: number): void {
    const layers = this.draft?.layers ?? [];
    switch (action) {
      case 'fold': {
        const folded = new Set(this.folded);
        if (!folded.delete(layer.name)) folded.add(layer.name);
        this.dispatchEvent(new CustomEvent<ReadonlySet<string>>('folded', { detail: folded }));
        return;
      }
      case 'up':
        this.report(this.take(withLayerMoved(layers, at, at - 1)));
        return;
      case 'down':
        this.report(this.take(withLayerMoved(layers, at, at + 1)));
        return;
      case 'remove':
        this.point(undefined);
        this.report(this.take(withoutLayer(layers, at)));
        return;
    }
  }

  private readonly onAdd = (event: Event): void => {
    const select = event.target as HTMLSelectElement;
    const name = select.value;
    select.value = '';
    if (name !== '') this.report(this.take(withLayerAdded(this.draft?.layers ?? [], name)));
  };

  private readonly onTemplate = (event: Event): void => {
    const select = event.target as HTMLSelectElement;
    const template = select.value === '' ? undefined : packetTemplates[Number(select.value)];
    select.value = '';
    if (template !== undefined) this.report(this.take(template.layers));
  };

  private readonly onExpression = (event: Event): void => {
    this.typed = (event.target as HTMLTextAreaElement).value;
    if (this.parse() === undefined) this.problem = undefined;
  };

  /** Returns why the expression is not a packet. Half-typed ones are only reported when the line is left. */
  private parse(): string | undefined {
    if (this.typed === undefined) return undefined;
    try {
      const problem = this.take(layersOfText(this.typed.trim()));
      return problem === undefined ? undefined : describe(problem);
    } catch (error) {
      return describe(toErrorData(error));
    }
  }

  private readonly onExpressionLeft = (): void => {
    this.problem = this.parse();
    if (this.problem === undefined) this.typed = undefined;
  };

  private readonly onExpressionKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      this.typed = undefined;
      this.problem = undefined;
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
      // One expression is one line, however it is wrapped.
      event.preventDefault();
      this.onExpressionLeft();
    }
  };

  private take(layers: readonly Layer[]): DraftProblem | undefined {
    const result = draftOf(layers);
    if (!result.ok) return result.problem;
    this.ownDraft = result.draft;
    this.dispatchEvent(new CustomEvent<Draft>('draft', { detail: result.draft }));
    return undefined;
  }

  private report(problem: DraftProblem | undefined): void {
    this.problem = problem === undefined ? undefined : describe(problem);
    if (problem === undefined) this.typed = undefined;
  }

  private point(place: FieldPlace | undefined): void {
    this.dispatchEvent(new CustomEvent<FieldPointed>('field-pointed', { detail: { place } }));
  }
}

/** People paste bytes wherever a packet is asked for. */
function layersOfText(text: string): readonly Layer[] {
  if (text === '') return [];
  return looksLikeHex(text) ? draftOfBytes(parseHex(text)).layers : parseScapy(text);
}

function describe({ message, fix }: { message: string; fix?: string | undefined }): string {
  return fix === undefined ? message : `${message}\n${fix}`;
}
