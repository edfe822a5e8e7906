import { translated } from '../../extension/core/text/language.ts';
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-icon/index.js';
import { toErrorData } from '../../extension/core/errors.ts';
import type { TestEdit } from '../../extension/core/packetTest/edit.ts';
import {
  type OutlinedPacket,
  outlineTests,
  type TestOutline,
  testOffset,
} from '../../extension/core/packetTest/outline.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { t } from '../../extension/core/text/language.ts';
import { xdpActions } from '../../extension/core/xdp.ts';
import type { ToTestEditor } from '../../extension/protocol/packetTestEditor.ts';
import { fill } from '../common/format.ts';
import type { ByteHover, ByteRange } from '../common/hexPane.ts';
import { bytesOf, type Draft, draftOf, draftOfBytes, fieldAt } from '../packet/draft.ts';
import type { LayerView } from '../packet/layerForm.ts';
import '../packet/packetBytes.ts';
import '../packet/packetEditor.ts';
import type { FieldPlace, FieldPointed, OpenedCapture } from '../packet/packetEditor.ts';
import { channel } from './channel.ts';
import { editorStyles } from './editorStyles.ts';
import { PendingEdits } from './pending.ts';
import { strings } from './strings.ts';
import type { TestAction } from './testList.ts';
import './testList.ts';

/** The packet builder as an editor of a test file: its tests, the chosen one's packet, and that packet's bytes. */
@customElement('xdp-test-editor')
export class TestEditor extends LitElement {
  private readonly pending = new PendingEdits((message) => channel.post(message));
  @state() private name = '';
  @state() private outline: TestOutline | undefined;
  @state() private selected = 0;
  @state() private step = 0;
  @state() private draft: Draft | undefined;
  @state() private problem: string | undefined;
  @state() private pointed: FieldPlace | undefined;
  @state() private folded: ReadonlySet<string> = new Set();
  @state() private view: LayerView = 'fields';
  @state() private capture: OpenedCapture | undefined;
  private stop: () => void = () => undefined;

  static override styles = editorStyles;

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = channel.listen((message) => this.receive(message));
    channel.post({ kind: 'ready' });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  private receive(message: ToTestEditor): void {
    switch (message.kind) {
      case 'document':
        this.name = message.name;
        this.problem = undefined;
        this.attempt(() => this.pending.arrived(message.text, message.version));
        this.read();
        return;
      case 'refused':
        this.problem = message.message;
        return;
      case 'capture':
        this.capture = message;
        return;
    }
  }

  /** Shows what the text says. A packet that is the one of the form stays, with what is being typed into it. */
  private read(): void {
    const outline = outlineTests(this.pending.text);
    this.outline = outline;
    this.selected = Math.max(0, Math.min(this.selected, outline.tests.length - 1));
    const count = outline.tests[this.selected]?.packets.length ?? 0;
    this.step = Math.max(0, Math.min(this.step, count - 1));
    const packet = this.packet();
    if (packet?.kind !== 'layers') {
      this.draft = undefined;
      return;
    }
    // What was typed meanwhile is on its way into the text.
    if (this.draft !== undefined && (this.pending.busy || sameLayers(this.draft.layers, packet.layers))) return;
    const result = draftOf(packet.layers);
    this.draft = result.ok ? result.draft : undefined;
    if (!result.ok) this.problem = result.problem.message;
  }

  private packet(): OutlinedPacket | undefined {
    return this.outline?.tests[this.selected]?.packets[this.step];
  }

  protected override render(): TemplateResult | typeof nothing {
    const { outline } = this;
    if (outline === undefined) return nothing;
    return html`<div class="bar">
        <h1>${this.name}</h1>
        <span class="muted">${[outline.program, outline.source].filter((part) => part !== undefined).join(' — ')}</span>
        <span class="end">
          ${this.renderAdd()}
          <button class="link" type="button" title=${strings.asTextTitle} @click=${this.showText}>${strings.asText}</button>
          <vscode-button icon="beaker" title=${strings.runTestsTitle} @click=${() => channel.post({ kind: 'runTests' })}>${strings.runTests}</vscode-button>
        </span>
      </div>
      ${this.problem === undefined ? nothing : html`<div class="problem" role="alert">${translated(this.problem)}</div>`}
      ${outline.problem === undefined ? this.renderBody(outline) : html`<div class="problem">${fill(strings.damaged, { problem: translated(outline.problem) })}</div>`}`;
  }

  private renderAdd(): TemplateResult {
    return html`<span class="select">
      <select
        aria-label=${strings.addTest}
        ?disabled=${this.outline?.problem !== undefined}
        @change=${(event: Event) => {
          const select = event.target as HTMLSelectElement;
          const template = packetTemplates.find(({ id }) => id === select.value);
          select.value = '';
          if (template !== undefined) this.add([template.layers], template.name);
        }}
      ><option value="" selected>${strings.addTest}</option>${packetTemplates.map(({ id, name }) => html`<option value=${id}>${t(name)}</option>`)}</select>
    </span>`;
  }

  private renderBody(outline: TestOutline): TemplateResult {
    return html`<div class="body">
      <nav aria-label=${strings.tests}>
        ${outline.tests.length === 0 ? html`<div class="empty">${strings.noTests}</div>` : nothing}
        <xdp-test-list
          .tests=${outline.tests}
          .selected=${this.selected}
          @test-action=${(event: CustomEvent<TestAction>) => this.act(event.detail)}
        ></xdp-test-list>
      </nav>
      <main>${this.renderTest(outline)}</main>
      <aside>
        ${
          this.draft === undefined
            ? nothing
            : html`<xdp-packet-bytes
              .draft=${this.draft}
              .highlight=${this.highlight()}
              @bytes=${(event: CustomEvent<Uint8Array>) => this.take(draftOfBytes(event.detail))}
              @byte-hover=${this.onByte}
            ></xdp-packet-bytes>`
        }
      </aside>
    </div>`;
  }

  private renderTest(outline: TestOutline): TemplateResult | typeof nothing {
    const test = outline.tests[this.selected];
    if (test === undefined) return nothing;
    const known = test.action === undefined || xdpActions.some((action) => action === test.action);
    return html`<div class="test">
        <label class="name">${strings.name}<input
          name="name"
          .value=${test.name}
          @change=${(event: Event) => this.push({ kind: 'name', test: this.selected, name: (event.target as HTMLInputElement).value })}
        /></label>
        <label>${strings.action}<span class="select"><select
          @change=${(event: Event) => this.push({ kind: 'action', test: this.selected, action: (event.target as HTMLSelectElement).value })}
        >
          ${test.action === undefined ? html`<option value="" selected disabled>${strings.actionOther}</option>` : nothing}
          ${xdpActions.map((action) => html`<option value=${action} .selected=${action === test.action}>${action}</option>`)}
          ${known ? nothing : html`<option value=${test.action ?? ''} selected>${test.action}</option>`}
        </select></span></label>
        ${this.renderTools(test.name, outline.tests.length)}
      </div>
      ${test.packets.length < 2 ? nothing : this.renderSteps(test.packets.length)}
      ${this.renderPacket()}`;
  }

  private renderTools(name: string, count: number): TemplateResult {
    const tool = (icon: string, kind: TestAction['kind'], label: string, disabled = false): TemplateResult =>
      html`<button
        type="button"
        aria-label=${fill(label, { name })}
        title=${fill(label, { name })}
        ?disabled=${disabled}
        @click=${() => this.act({ kind, test: this.selected })}
      ><vscode-icon name=${icon}></vscode-icon></button>`;
    return html`<span class="tools">
      ${tool('arrow-up', 'up', strings.up, this.selected === 0)}${tool('arrow-down', 'down', strings.down, this.selected === count - 1)}
      ${tool('copy', 'duplicate', strings.duplicate)}${tool('trash', 'remove', strings.remove)}
    </span>`;
  }

  private renderSteps(count: number): TemplateResult {
    return html`<div class="steps" role="tablist" aria-label=${strings.packets}>
      ${Array.from(
        { length: count },
        (_, at) =>
          html`<button type="button" role="tab" aria-selected=${at === this.step ? 'true' : 'false'} @click=${() => this.choose(this.selected, at)}>${fill(strings.packet, { number: at + 1 })}</button>`,
      )}
    </div>`;
  }

  private renderPacket(): TemplateResult | typeof nothing {
    const packet = this.packet();
    if (packet === undefined) return html`<p class="muted">${strings.noPackets}</p>`;
    if (packet.kind === 'pcap') {
      return html`<p>${fill(strings.fromCapture, { index: packet.index, file: packet.file })}</p>
        <button class="link" type="button" @click=${() => this.push(this.packetEdit(packetTemplates[0]?.layers ?? []))}>${strings.ownPacket}</button>`;
    }
    if (packet.kind === 'problem') {
      return html`<p class="problem">${fill(strings.unreadable, { message: translated(packet.message) })}</p><pre tabindex="0">${packet.written}</pre>
        <button class="link" type="button" @click=${this.showText}>${strings.asText}</button>`;
    }
    return html`<xdp-packet-editor
      .draft=${this.draft}
      .pointed=${this.pointed}
      .folded=${this.folded}
      .view=${this.view}
      .capture=${this.capture}
      tests
      @draft=${(event: CustomEvent<Draft>) => this.take(event.detail)}
      @field-pointed=${(event: CustomEvent<FieldPointed>) => (this.pointed = event.detail.place)}
      @folded=${(event: CustomEvent<ReadonlySet<string>>) => (this.folded = event.detail)}
      @view=${(event: CustomEvent<LayerView>) => (this.view = event.detail)}
      @open-capture=${() => channel.post({ kind: 'openCapture' })}
      @save-capture=${(event: CustomEvent<Uint8Array>) => channel.post({ kind: 'saveCapture', bytes: event.detail })}
      @add-tests=${(event: CustomEvent<readonly (readonly Layer[])[]>) => this.add(event.detail, strings.newTest)}
    ></xdp-packet-editor>`;
  }

  /** At once on the screen; then into the document. */
  private take(draft: Draft): void {
    this.draft = draft;
    this.push(this.packetEdit(draft.layers));
  }

  private packetEdit(layers: readonly Layer[]): TestEdit {
    return { kind: 'packet', test: this.selected, step: this.step, layers };
  }

  private add(packets: readonly (readonly Layer[])[], name: string): void {
    const before = this.outline?.tests ?? [];
    const taken = new Set(before.map((test) => test.name));
    let number = 1;
    for (const layers of packets) {
      let own = name;
      while (taken.has(own)) own = fill(strings.testOf, { name, number: ++number });
      taken.add(own);
      this.push({ kind: 'add', name: own, layers, action: 'XDP_PASS' });
    }
    this.choose(before.length, 0);
  }

  private act({ kind, test }: TestAction): void {
    switch (kind) {
      case 'select':
        this.choose(test, 0);
        return;
      case 'duplicate':
        this.push({ kind, test });
        this.choose(test + 1, 0);
        return;
      case 'remove':
        this.push({ kind, test });
        this.choose(Math.max(0, test - 1), 0);
        return;
      case 'up':
      case 'down': {
        const to = test + (kind === 'up' ? -1 : 1);
        if (to < 0 || to >= (this.outline?.tests.length ?? 0)) return;
        this.push({ kind: 'move', test, to });
        this.choose(to, this.step);
        return;
      }
    }
  }

  private choose(test: number, step: number): void {
    this.selected = test;
    this.step = step;
    this.draft = undefined;
    this.pointed = undefined;
    this.read();
  }

  private push(edit: TestEdit): void {
    this.attempt(() => this.pending.push(edit));
    if (edit.kind !== 'packet') this.read();
  }

  private attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.problem = toErrorData(error).message;
    }
  }

  private readonly showText = (): void => {
    channel.post({ kind: 'showText', offset: testOffset(this.pending.text, this.selected) });
  };

  private highlight(): ByteRange | undefined {
    const field =
      this.pointed === undefined ? undefined : this.draft?.built.layers[this.pointed.layer]?.fields[this.pointed.field];
    return field === undefined ? undefined : bytesOf(field);
  }

  private readonly onByte = ({ detail: { offset } }: CustomEvent<ByteHover>): void => {
    this.pointed = offset === undefined || this.draft === undefined ? undefined : fieldAt(this.draft.built, offset);
  };
}

function sameLayers(left: readonly Layer[], right: readonly Layer[]): boolean {
  return formatScapy(left, { keepGiven: true }) === formatScapy(right, { keepGiven: true });
}
