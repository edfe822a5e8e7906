import { t, translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { toErrorData } from '../../extension/core/errors.ts';
import { toCArray, toHex, toHexDump } from '../../extension/core/packet/hex.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { mutate, mutations } from '../../extension/core/packet/mutate.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { type Draft, withLayerAdded } from './draft.ts';
import { makeAsked, type Asked, questionOf } from './asked.ts';
import { headers } from './headers.ts';
import './pastePane.ts';
import './sweepPane.ts';
import type { Swept } from './sweepPane.ts';
import { strings } from './strings.ts';

/** Packets that were made or read at once. One of them becomes the packet of the form. */
export interface ManyPackets {
  title: string;
  packets: readonly (readonly Layer[])[];
  /** What sets each apart. */
  notes?: readonly string[];
}

/** What people build most; the rest stands behind it in the menu. */
const common = ['Ether', 'Dot1Q', 'ARP', 'IP', 'IPv6', 'TCP', 'UDP', 'ICMP', 'ICMPv6EchoRequest', 'DNS', 'Raw'];

type Pane = { kind: 'none' } | { kind: 'ask'; asked: Asked } | { kind: 'paste' } | { kind: 'sweep' };

/**
 * What can be done to the packet as a whole. Fires `layers` (detail: the new layers), `many` (detail: ManyPackets) and
 * `open-capture` and `save-packet` (as a capture).
 */
@customElement('xdp-packet-tools')
export class PacketTools extends LitElement {
  @property({ attribute: false }) draft: Draft | undefined;
  @state() private pane: Pane = { kind: 'none' };
  @state() private problem: string | undefined;
  @state() private note: string | undefined;

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
        gap: 4px 8px;
        align-items: center;
        margin-bottom: 8px;
      }
      .select select {
        width: auto;
        field-sizing: content;
      }
      .ask {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 4px 8px;
        padding: 8px;
        margin-bottom: 8px;
        border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        background: var(--vscode-editorWidget-background);
      }
      .ask strong {
        flex: 1 0 100%;
        font-weight: 600;
      }
      .ask label {
        display: flex;
        flex-direction: column;
        font-size: 11px;
        line-height: 16px;
        color: var(--vscode-descriptionForeground);
      }
      .ask label input {
        width: 96px;
        font-size: 13px;
      }
      .error {
        padding-left: 6px;
    border-left: 2px solid var(--vscode-errorForeground);
        margin-bottom: 8px;
        overflow-wrap: anywhere;
      }
      button.link {
        height: 24px;
      }
      input[type='file'] {
        display: none;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { draft } = this;
    if (draft === undefined) return nothing;
    return html`<div class="line" role="toolbar" aria-label=${strings.packet}>
        ${this.renderTemplates()}${this.renderAdd()}${this.renderChange(draft)}${this.renderCopy(draft)}
        <button class="link" type="button" title=${strings.pasteTitle} aria-expanded=${this.opened('paste')} @click=${() => this.toggle('paste')}>${strings.paste}</button>
        <button class="link" type="button" title=${strings.sweepTitle} aria-expanded=${this.opened('sweep')} @click=${() => this.toggle('sweep')}>${strings.sweep}</button>
        <button class="link" type="button" title=${strings.openCaptureTitle} @click=${() => this.dispatchEvent(new CustomEvent('open-capture'))}>${strings.openCapture}</button>
        <span class="muted" role="status">${this.note ?? ''}</span>
        <input type="file" @change=${this.onFile} />
      </div>
      ${this.renderPane(draft)}
      ${this.problem === undefined ? nothing : html`<div class="error" role="alert">${this.problem}</div>`}`;
  }

  private opened(kind: Pane['kind']): 'true' | 'false' {
    return this.pane.kind === kind ? 'true' : 'false';
  }

  private toggle(kind: 'paste' | 'sweep'): void {
    this.problem = undefined;
    this.pane = this.pane.kind === kind ? { kind: 'none' } : { kind };
  }

  private renderTemplates(): TemplateResult {
    return this.select(
      strings.template,
      strings.templateTitle,
      packetTemplates.map(({ id, name }) => html`<option value=${id}>${t(name)}</option>`),
      (id) => this.give(packetTemplates.find((template) => template.id === id)?.layers ?? []),
    );
  }

  private renderAdd(): TemplateResult {
    const others = [...headers.values()].filter(({ name, role }) => role !== 'option' && !common.includes(name));
    const option = (name: string): TemplateResult =>
      html`<option value=${name}>${headers.get(name)?.label ?? name}</option>`;
    return this.select(
      strings.addLayer,
      strings.addLayer,
      html`<optgroup label=${strings.layersCommon}>${common.map(option)}</optgroup>
        <optgroup label=${strings.layersMore}>${others.map(({ name }) => option(name))}</optgroup>`,
      (name) => this.give(withLayerAdded(this.draft?.layers ?? [], name)),
    );
  }

  private renderChange(draft: Draft): TemplateResult {
    return this.select(
      strings.change,
      strings.changeTitle,
      html`<optgroup label=${strings.changeMutations}>
          ${mutations.map(({ id, label, help, fits }) => html`<option value="m:${id}" title=${t(help)} ?disabled=${!fits(draft.built)}>${t(label)}</option>`)}
        </optgroup>
        <optgroup label=${strings.changePayload}>
          <option value="p:counter">${strings.payloadCounter}</option>
          <option value="p:random">${strings.payloadRandom}</option>
          <option value="p:zeros">${strings.payloadZeros}</option>
          <option value="p:file">${strings.payloadFile}</option>
        </optgroup>`,
      (choice) => this.onChange(choice, draft),
    );
  }

  private renderCopy(draft: Draft): TemplateResult {
    const { bytes } = draft.built;
    const forms: Record<string, () => string> = {
      scapy: () => formatScapy(draft.layers, { portable: true }),
      hex: () => toHex(bytes),
      dump: () => toHexDump(bytes),
      c: () => toCArray(bytes),
    };
    return this.select(
      strings.copyAs,
      strings.copyAs,
      html`<option value="scapy">${strings.copyScapy}</option>
        <option value="hex">${strings.copyHexDigits}</option>
        <option value="dump">${strings.copyDump}</option>
        <option value="c">${strings.copyC}</option>
        <option value="capture" title=${strings.copyCaptureTitle}>${strings.copyCapture}</option>`,
      (form) => {
        if (form === 'capture') this.dispatchEvent(new CustomEvent('save-packet'));
        else void this.copy(forms[form]?.() ?? '');
      },
    );
  }

  /** A menu: what is chosen is done, and the select shows its title again. */
  private select(label: string, title: string, options: unknown, choose: (value: string) => void): TemplateResult {
    return html`<span class="select">
      <select
        aria-label=${label}
        title=${title}
        @change=${(event: Event) => {
          const select = event.target as HTMLSelectElement;
          const { value } = select;
          select.value = '';
          if (value !== '') choose(value);
        }}
      ><option value="" selected>${label}</option>${options}</select>
    </span>`;
  }

  private renderPane(draft: Draft): TemplateResult | typeof nothing {
    switch (this.pane.kind) {
      case 'none':
        return nothing;
      case 'ask':
        return this.renderAsk(this.pane.asked);
      case 'paste':
        return html`<xdp-paste-pane @packets=${(event: CustomEvent<readonly (readonly Layer[])[]>) => this.many(strings.packetsPasted, event.detail)}></xdp-paste-pane>`;
      case 'sweep':
        return html`<xdp-sweep-pane
          .draft=${draft}
          @packets=${(event: CustomEvent<Swept>) => this.many(strings.packetsSwept, event.detail.packets, event.detail.notes)}
        ></xdp-sweep-pane>`;
    }
  }

  private renderAsk(asked: Asked): TemplateResult {
    const { title, inputs } = questionOf(asked);
    return html`<form class="ask" @submit=${this.onAsked} @keydown=${this.onAskKey}>
      <strong>${title}</strong>
      ${inputs.map(({ name, label, value }) => html`<label>${label}<input name=${name} inputmode="numeric" autocomplete="off" .value=${value} /></label>`)}
      <button class="link" type="submit">${strings.apply}</button>
      <button class="link" type="button" @click=${this.close}>${strings.cancel}</button>
    </form>`;
  }

  private readonly close = (): void => {
    this.pane = { kind: 'none' };
    this.problem = undefined;
  };

  private readonly onAskKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') this.close();
  };

  private onChange(choice: string, draft: Draft): void {
    this.problem = undefined;
    const id = choice.slice(2);
    if (choice === 'p:file') {
      this.renderRoot.querySelector<HTMLInputElement>('input[type=file]')?.click();
      return;
    }
    const mutation = choice.startsWith('m:') ? mutations.find((each) => each.id === id) : undefined;
    if (mutation?.asks === 'none') {
      this.attempt(() => this.made(mutate(id, draft.layers)));
      return;
    }
    const asked: Asked = mutation === undefined ? { kind: 'payload', recipe: id } : { kind: 'mutation', mutation };
    this.pane = { kind: 'ask', asked };
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLInputElement>('.ask input')?.select());
  }

  private readonly onAsked = (event: SubmitEvent): void => {
    event.preventDefault();
    if (this.pane.kind !== 'ask' || this.draft === undefined) return;
    const { asked } = this.pane;
    const { draft } = this;
    const form = event.target as HTMLFormElement;
    const inputs = Object.fromEntries([...form.querySelectorAll('input')].map(({ name, value }) => [name, value]));
    this.attempt(() => this.made(makeAsked(asked, inputs, draft)));
  };

  private readonly onFile = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = '';
    const { draft } = this;
    if (file === undefined || draft === undefined) return;
    file.arrayBuffer().then(
      (buffer) => this.attempt(() => this.made(makeAsked({ kind: 'file', bytes: new Uint8Array(buffer) }, {}, draft))),
      (error: unknown) => (this.problem = String(error)),
    );
  };

  private attempt(act: () => void): void {
    try {
      this.problem = undefined;
      act();
    } catch (error) {
      const { message, fix } = toErrorData(error);
      this.problem = fix === undefined ? translated(message) : `${translated(message)} ${translated(fix)}`;
    }
  }

  /** One packet takes the place of the old one; several are listed. */
  private made(packets: readonly (readonly Layer[])[]): void {
    this.close();
    const [first, second] = packets;
    if (second !== undefined) this.many(strings.packetsMade, packets);
    else if (first !== undefined) this.give(first);
  }

  private many(title: string, packets: readonly (readonly Layer[])[], notes?: readonly string[]): void {
    this.close();
    const [first, second] = packets;
    if (second === undefined && first !== undefined) this.give(first);
    else
      this.dispatchEvent(new CustomEvent<ManyPackets>('many', { detail: { title, packets, ...(notes && { notes }) } }));
  }

  private give(layers: readonly Layer[]): void {
    this.dispatchEvent(new CustomEvent<readonly Layer[]>('layers', { detail: layers }));
  }

  private async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.note = strings.copied;
      setTimeout(() => (this.note = undefined), 2000);
    } catch (error) {
      this.problem = String(error);
    }
  }
}
