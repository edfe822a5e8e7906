import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { actionName } from '../../extension/core/xdp.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { exactLayers } from '../../extension/core/packet/exact.ts';
import type { FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { readPasted } from '../../extension/core/packet/pasted.ts';
import { readPcap } from '../../extension/core/packet/pcap.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { referencesOf } from '../../extension/core/packet/references.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { fill } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { type Draft, type DraftProblem, draftOf, specOf, withField, withLayerMoved, withoutLayer } from './draft.ts';
import { headers } from './headers.ts';
import type { LayerAction, LayerHover, LayerView } from './layerForm.ts';
import './layerForm.ts';
import './packetList.ts';
import type { ListedPacket } from './packetList.ts';
import './packetTools.ts';
import type { ManyPackets } from './packetTools.ts';
import { strings } from './strings.ts';

export interface FieldPlace {
  layer: number;
  field: number;
}

export interface FieldPointed {
  place: FieldPlace | undefined;
}

/** A capture file that was opened. */
export interface OpenedCapture {
  name: string;
  bytes: Uint8Array;
}

interface List {
  title: string;
  packets: readonly ListedPacket[];
}

/**
 * The packet as a form: what can be done to it, one expression line, and a section per layer, as fields or as the RFC's
 * picture. Fires `draft`, `field-pointed`, `folded`, `view`, `open-capture`, `save-capture` (detail: the bytes of a pcapng) and
 * `add-tests` (detail: the layers of each).
 */
@customElement('xdp-packet-editor')
export class PacketEditor extends LitElement {
  @property({ attribute: false }) draft: Draft | undefined;
  @property({ attribute: false }) pointed: FieldPlace | undefined;
  @property({ attribute: false }) capture: OpenedCapture | undefined;
  @property() view: LayerView = 'fields';
  /** What a program returned for this very packet, where one ran on it. */
  @property({ attribute: false }) verdict: number | undefined;
  /** Whether packets of a list can become tests. */
  @property({ type: Boolean }) tests = false;
  /** Whether packets can be run here: fires `run-all` (detail: their bytes). */
  @property({ type: Boolean }) runs = false;
  @state() private list: List | undefined;
  @state() private used: number | undefined;
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
      .views {
        display: flex;
        align-items: center;
        gap: 8px;
        margin: 8px 0 4px;
      }
      .views .segment {
        display: inline-flex;
        border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        border-radius: 3px;
        overflow: hidden;
      }
      .views button {
        font: inherit;
        font-size: 11px;
        line-height: 18px;
        padding: 0 8px;
        border: 0;
        background: none;
        color: var(--vscode-descriptionForeground);
        cursor: pointer;
      }
      .views button[aria-pressed='true'] {
        background: var(--vscode-inputOption-activeBackground);
        color: var(--vscode-inputOption-activeForeground);
        box-shadow: inset 0 -2px 0 0 var(--vscode-inputOption-activeBorder, transparent);
      }
      .help {
        position: sticky;
        bottom: 0;
        min-height: 48px;
        padding: 4px 0 8px;
        background: var(--vscode-editor-background);
        border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        font-size: 12px;
        color: var(--vscode-descriptionForeground);
      }
      .help strong {
        color: var(--vscode-foreground);
        font-weight: 600;
      }
      .help a {
        color: var(--vscode-textLink-foreground);
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
        padding-left: 6px;
        border-left: 2px solid var(--vscode-errorForeground);
        margin-top: 4px;
        overflow-wrap: anywhere;
        white-space: pre-line;
      }
      .empty {
        color: var(--vscode-descriptionForeground);
        padding: 8px 0;
        border-top: 1px solid var(--vscode-widget-border, transparent);
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues<this>): void {
    // The packet was changed elsewhere: what was half-typed here is over.
    if (changed.has('draft') && this.typed !== undefined && this.draft !== this.ownDraft) {
      this.typed = undefined;
      this.problem = undefined;
    }
    if (changed.has('capture') && this.capture !== undefined) this.readCapture(this.capture);
  }

  private ownDraft: Draft | undefined;
  /** The last field that was pointed at: its help stays, so that its link can be reached. */
  private explained: FieldPlace | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const { draft } = this;
    if (draft === undefined) return nothing;
    return html`<xdp-packet-tools
        .draft=${draft}
        @layers=${(event: CustomEvent<readonly Layer[]>) => this.report(this.take(event.detail))}
        @many=${(event: CustomEvent<ManyPackets>) => this.listMany(event.detail)}
        @open-capture=${() => this.dispatchEvent(new CustomEvent('open-capture'))}
        @save-packet=${() => this.save([draft.built.bytes], this.verdict)}
      ></xdp-packet-tools>
      ${this.renderList()}
      ${this.renderExpression(draft)}
      <div class="views" role="group" aria-label=${strings.view}>
        <span class="segment">
          ${this.renderView('fields', strings.viewFields, strings.viewFieldsTitle)}
          ${this.renderView('picture', strings.viewPicture, strings.viewPictureTitle)}
        </span>
      </div>
      <div class="layers">
        ${draft.layers.length === 0 ? html`<div class="empty">${strings.noLayers}</div>` : nothing}
        ${draft.layers.map((layer, at) => this.renderLayer(draft, layer, at))}
      </div>
      ${this.renderHelp(draft)}`;
  }

  private renderView(view: LayerView, label: string, title: string): TemplateResult {
    return html`<button
      type="button"
      title=${title}
      aria-pressed=${this.view === view ? 'true' : 'false'}
      @click=${() => this.dispatchEvent(new CustomEvent<LayerView>('view', { detail: view }))}
    >${label}</button>`;
  }

  private renderList(): TemplateResult | typeof nothing {
    const { list } = this;
    if (list === undefined) return nothing;
    const chosen = (indices: readonly number[]): Uint8Array[] => indices.flatMap((at) => list.packets[at]?.bytes ?? []);
    return html`<xdp-packet-list
      heading=${list.title}
      .packets=${list.packets}
      .selected=${this.used}
      ?tests=${this.tests}
      ?runs=${this.runs}
      @run-all=${(event: CustomEvent<number[]>) => this.dispatchEvent(new CustomEvent('run-all', { detail: chosen(event.detail) }))}
      @use=${(event: CustomEvent<number>) => this.use(list, event.detail)}
      @save=${(event: CustomEvent<number[]>) => this.save(chosen(event.detail))}
      @add-tests=${(event: CustomEvent<number[]>) =>
        this.dispatchEvent(new CustomEvent('add-tests', { detail: chosen(event.detail).map(exactLayers) }))}
      @close=${() => (this.list = undefined)}
    ></xdp-packet-list>`;
  }

  private listMany({ title, packets, notes }: ManyPackets): void {
    this.used = undefined;
    this.list = {
      title,
      packets: packets.map((layers, at) => ({ bytes: buildPacket(layers).bytes, note: notes?.[at] ?? '' })),
    };
  }

  private readCapture({ name, bytes }: OpenedCapture): void {
    this.used = undefined;
    try {
      const packets = readPcap(bytes).map(({ data, originalLength, xdpAction }): ListedPacket => {
        const cut = originalLength > data.length ? fill(strings.cutOff, { count: originalLength }) : '';
        return { bytes: data, note: xdpAction === undefined ? cut : [actionName(xdpAction), cut].join(' ').trim() };
      });
      this.list = { title: fill(strings.packetsOf, { name }), packets };
      this.problem = undefined;
    } catch (error) {
      this.problem = describe(toErrorData(error));
    }
  }

  private use(list: List, index: number): void {
    const packet = list.packets[index];
    if (packet === undefined) return;
    this.used = index;
    this.report(this.take(exactLayers(packet.bytes)));
  }

  private save(packets: readonly Uint8Array[], xdpAction?: number): void {
    const detail = writePcapng(packets.map((data) => ({ data, ...(xdpAction === undefined ? {} : { xdpAction }) })));
    this.dispatchEvent(new CustomEvent<Uint8Array>('save-capture', { detail }));
  }

  /** What the pointed field is, and where that is written. */
  private renderHelp(draft: Draft): TemplateResult {
    if (this.pointed !== undefined) this.explained = this.pointed;
    const layer = this.explained === undefined ? undefined : draft.built.layers[this.explained.layer];
    const field = this.explained === undefined ? undefined : layer?.fields[this.explained.field];
    const spec = layer === undefined || field === undefined ? undefined : specOf(layer.name, field);
    if (spec === undefined || layer === undefined) return html`<div class="help">${strings.helpNone}</div>`;
    return html`<div class="help">
      <strong>${headers.get(layer.name)?.label ?? layer.name}: ${spec.label}</strong> — ${spec.help}
      ${referencesOf(spec.rfc).map(({ text, url }) => (url === undefined ? html` <span>${text}</span>` : html` <a href=${url}>${text}</a>`))}
    </div>`;
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
      .view=${this.view}
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

  private readonly onExpression = (event: Event): void => {
    this.typed = (event.target as HTMLTextAreaElement).value;
    if (this.parse() === undefined) this.problem = undefined;
  };

  /** Returns why the expression is not a packet. Half-typed ones are only reported when the line is left. */
  private parse(): string | undefined {
    if (this.typed === undefined) return undefined;
    try {
      const packets = packetsOfText(this.typed.trim());
      if (packets.length > 1) this.listMany({ title: strings.packetsPasted, packets });
      const problem = this.take(packets[0] ?? []);
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
function packetsOfText(text: string): readonly (readonly Layer[])[] {
  return text === '' ? [[]] : readPasted(text).packets;
}

function describe({ message, fix }: { message: string; fix?: string | undefined }): string {
  return translated(fix === undefined ? message : `${message}\n${fix}`);
}
