import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import { formatScapy } from '../../extension/core/packet/scapy.ts';
import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill } from '../common/format.ts';
import type { ByteHover, ByteRange } from '../common/hexPane.ts';
import { MapsStore } from '../maps/data/mapsStore.ts';
import '../maps/liveMaps.ts';
import '../common/notice.ts';
import { channel } from './channel.ts';
import { type InputProblem, readInputs, type RunInputs } from './context.ts';
import { bytesOf, type Draft, draftOfBytes, fieldAt, specOf } from './draft.ts';
import { headers } from './headers.ts';
import './liveResult.ts';
import type { LiveOutcome } from './liveResult.ts';
import './packetBytes.ts';
import './packetEditor.ts';
import type { LayerView } from './layerForm.ts';
import type { FieldPlace, FieldPointed, OpenedCapture } from './packetEditor.ts';
import { panelStyles } from './panelStyles.ts';
import { draftFrom, RememberedPanel, remembered, restore } from './panelState.ts';
import './runBar.ts';
import type { Programs } from './runBar.ts';
import './runResult.ts';
import type { RunOutcome } from './runResult.ts';
import './sequenceResult.ts';
import type { SequenceOutcome } from './sequenceResult.ts';
import { strings } from './strings.ts';

type Failure = Extract<ToPacketPanel, { kind: 'failed' }>;

type Outcome = RunOutcome | LiveOutcome | SequenceOutcome;

/** What the last run came to. `of`: the state of the panel that it ran with. */
type Run =
  | { kind: 'none' }
  | { kind: 'running'; run: number; of: number }
  | {
      kind: 'done';
      result: Outcome;
      of: number;
      recorded?: { file: string; test: string };
      story?: { problem?: string | undefined };
    }
  | { kind: 'failed'; failure: Failure };

/** XDP: Run Packet. The packet on the left, its bytes and what a run did on the right, the live counters below. */
@customElement('xdp-packet-panel')
export class PacketPanel extends LitElement {
  private readonly store = new MapsStore(channel);
  private readonly start = restore(channel.loadState(RememberedPanel)?.packet);
  @state() private draft: Draft = this.start.draft;
  @state() private inputs: RunInputs = this.start.inputs;
  @state() private folded: ReadonlySet<string> = this.start.folded;
  @state() private view: LayerView = this.start.view;
  @state() private capture: OpenedCapture | undefined;
  @state() private programs: Programs | undefined;
  @state() private program = 0;
  @state() private run: Run = { kind: 'none' };
  @state() private pointed: FieldPlace | undefined;
  /** Counts changes of what a run depends on. */
  private revision = 0;
  private runs = 0;
  private stops: (() => void)[] = [];

  static override styles = panelStyles;

  override connectedCallback(): void {
    super.connectedCallback();
    this.stops = [channel.listen((message) => this.receive(message)), this.store.start()];
    window.addEventListener('keydown', this.onKey);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.stops) stop();
    window.removeEventListener('keydown', this.onKey);
  }

  private receive(message: ToPacketPanel): void {
    switch (message.kind) {
      case 'programs':
        this.acceptPrograms(message);
        return;
      case 'proposal': {
        const draft = draftFrom(message.expression) ?? this.draft;
        const { attachedProgId } = message;
        const mode = attachedProgId === undefined ? 'fresh' : `attached ${attachedProgId}`;
        this.change(() => {
          this.draft = draft;
          this.inputs = { ...this.inputs, mode };
        });
        return;
      }
      case 'running':
        return;
      case 'capture':
        this.capture = message;
        return;
      case 'cancelled':
        if (this.run.kind === 'running' && this.run.run === message.run) this.run = { kind: 'none' };
        return;
      case 'storyShown':
        if (this.run.kind === 'done' && this.run.result.run === message.run) this.run = { ...this.run, story: message };
        return;
      case 'recorded':
        if (this.run.kind === 'done' && this.run.result.run === message.run)
          this.run = { ...this.run, recorded: message };
        return;
      case 'result':
      case 'liveResult':
      case 'sequence':
        if (this.run.kind === 'running' && this.run.run === message.run) {
          this.run = { kind: 'done', result: message, of: this.run.of };
          this.showResult();
        }
        return;
      case 'failed':
        if (this.run.kind === 'running' && this.run.run === message.run) {
          this.run = { kind: 'failed', failure: message };
          this.showResult();
        } else if (this.run.kind === 'done' && this.run.result.run === message.run) {
          // Keeping it as a test failed.
          this.run = { kind: 'failed', failure: message };
        }
        return;
      default:
        this.store.accept(message);
    }
  }

  private acceptPrograms(message: Programs): void {
    const chosen = this.programs?.programs[this.program];
    const same = message.programs.findIndex(({ file, name }) => file === chosen?.file && name === chosen.name);
    this.programs = message;
    // What was chosen in another window, on a machine with a kernel.
    if (message.lacks?.includes('kernel') === true) this.inputs = { ...this.inputs, mode: 'fresh' };
    this.program = message.selected !== undefined && message.selected >= 0 ? message.selected : Math.max(0, same);
  }

  protected override render(): TemplateResult {
    const { problems } = this.reading();
    const highlight = this.highlight();
    return html`<div class="run">
        <xdp-run-bar
          .programs=${this.programs}
          .selected=${this.program}
          .inputs=${this.inputs}
          .problems=${problems}
          .running=${this.run.kind === 'running'}
          @program=${(event: CustomEvent<number>) => this.change(() => (this.program = event.detail))}
          @inputs=${(event: CustomEvent<RunInputs>) => this.change(() => (this.inputs = event.detail))}
          @run=${this.startRun}
          @debug=${this.startDebugging}
          @run-capture=${this.startCapture}
        ></xdp-run-bar>
      </div>
      ${this.run.kind === 'running' ? html`<vscode-progress-bar indeterminate></vscode-progress-bar>` : html`<div class="rule"></div>`}
      <div class="body"><div class="columns">
        <section class="left" aria-label=${strings.packet}>
          <h2>${strings.packet}</h2>
          <xdp-packet-editor
            .draft=${this.draft}
            .pointed=${this.pointed}
            .folded=${this.folded}
            .view=${this.view}
            .verdict=${this.verdict()}
            .capture=${this.capture}
            @view=${(event: CustomEvent<LayerView>) => this.show(event.detail)}
            runs
            @run-all=${(event: CustomEvent<Uint8Array[]>) => this.startMany(event.detail)}
            @open-capture=${() => channel.post({ kind: 'openCapture' })}
            @save-capture=${(event: CustomEvent<Uint8Array>) => channel.post({ kind: 'saveCapture', bytes: event.detail })}
            @draft=${(event: CustomEvent<Draft>) => this.change(() => (this.draft = event.detail))}
            @folded=${(event: CustomEvent<ReadonlySet<string>>) => this.fold(event.detail)}
            @field-pointed=${(event: CustomEvent<FieldPointed>) => (this.pointed = event.detail.place)}
          ></xdp-packet-editor>
        </section>
        <div class="right">
          <section>
            <xdp-packet-bytes
              .draft=${this.draft}
              .highlight=${highlight}
              pointed=${this.pointedLabel()}
              @bytes=${(event: CustomEvent<Uint8Array>) => this.change(() => (this.draft = draftOfBytes(event.detail)))}
              @byte-hover=${this.onByte}
            ></xdp-packet-bytes>
          </section>
          <section class="result" aria-label=${strings.result} aria-live="polite">
            <h2>${strings.result}</h2>
            ${this.renderRun()}
          </section>
        </div>
      </div>
      ${
        this.programs?.lacks?.includes('kernel') === true
          ? nothing
          : html`<section class="live" aria-label=${strings.counters}>
              <xdp-live-maps heading=${strings.counters} .store=${this.store}></xdp-live-maps>
            </section>`
      }</div>`;
  }

  private renderRun(): TemplateResult {
    const { run } = this;
    switch (run.kind) {
      case 'none':
        return html`<p class="muted">${strings.noResult}</p>`;
      case 'running':
        return html`<p class="muted">${strings.running}</p>`;
      case 'done':
        return this.renderOutcome(run);
      case 'failed': {
        const { message, fix, log } = run.failure;
        return html`<xdp-notice kind="error" flush message=${message} fix=${fix ?? ''}></xdp-notice>
          ${log === undefined ? nothing : html`<details><summary>${strings.verifierLog}</summary><pre tabindex="0">${log}</pre></details>`}`;
      }
    }
  }

  private renderOutcome({ result, of, recorded, story }: Extract<Run, { kind: 'done' }>): TemplateResult {
    switch (result.kind) {
      case 'result':
        return html`<xdp-run-result
          .result=${result}
          .interfaces=${this.programs?.interfaces ?? []}
          .stale=${of !== this.revision}
          .recorded=${recorded}
          .story=${story}
          .tellsStory=${this.programs?.lacks?.includes('story') !== true}
          @record=${() => channel.post({ kind: 'record', run: result.run })}
          @story=${() => channel.post({ kind: 'story', run: result.run })}
          @open-recorded=${() => channel.post({ kind: 'openRecorded', run: result.run })}
        ></xdp-run-result>`;
      case 'liveResult':
        return html`<xdp-live-result .result=${result}></xdp-live-result>`;
      case 'sequence':
        return html`<xdp-sequence-result
          .result=${result}
          @save=${(event: CustomEvent<Uint8Array>) => channel.post({ kind: 'saveCapture', bytes: event.detail })}
          @use=${(event: CustomEvent<Uint8Array>) => this.change(() => (this.draft = draftOfBytes(event.detail)))}
        ></xdp-sequence-result>`;
    }
  }

  private reading(): ReturnType<typeof readInputs> {
    const section = this.programs?.programs[this.program]?.section ?? '';
    return readInputs(this.inputs, {
      packetBytes: this.draft.built.bytes.length,
      frags: section.startsWith('xdp.frags'),
      interfaces: this.programs?.interfaces ?? [],
      attached: this.programs?.attached ?? [],
    });
  }

  /** What the program returned for the packet as it is now. */
  private verdict(): number | undefined {
    const { run } = this;
    return run.kind === 'done' && run.of === this.revision && run.result.kind === 'result'
      ? run.result.retval
      : undefined;
  }

  private highlight(): ByteRange | undefined {
    const field =
      this.pointed === undefined ? undefined : this.draft.built.layers[this.pointed.layer]?.fields[this.pointed.field];
    return field === undefined ? undefined : bytesOf(field);
  }

  /** `IPv4: Time to live, byte 22`. */
  private pointedLabel(): string {
    const { pointed } = this;
    const layer = pointed === undefined ? undefined : this.draft.built.layers[pointed.layer];
    const field = pointed === undefined ? undefined : layer?.fields[pointed.field];
    if (layer === undefined || field === undefined) return '';
    const { start, end } = bytesOf(field);
    const name = `${headers.get(layer.name)?.label ?? layer.name}: ${specOf(layer.name, field)?.label ?? field.name}`;
    return fill(end - start > 1 ? strings.pointedBytes : strings.pointedByte, { name, start, end: end - 1 });
  }

  /** Something that a run depends on. */
  private change(apply: () => void): void {
    apply();
    this.revision++;
    this.remember();
  }

  private fold(folded: ReadonlySet<string>): void {
    this.folded = folded;
    this.remember();
  }

  private show(view: LayerView): void {
    this.view = view;
    this.remember();
  }

  private remember(): void {
    channel.saveState({
      packet: remembered({ draft: this.draft, inputs: this.inputs, folded: this.folded, view: this.view }),
    });
  }

  private readonly onByte = ({ detail: { offset } }: CustomEvent<ByteHover>): void => {
    this.pointed = offset === undefined ? undefined : fieldAt(this.draft.built, offset);
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.startRun();
  };

  private readonly startRun = (): void => {
    const {
      request,
      problems,
    }: { request: ReturnType<typeof readInputs>['request']; problems: readonly InputProblem[] } = this.reading();
    if (problems.length > 0 || this.run.kind === 'running' || this.programs?.programs[this.program] === undefined)
      return;
    const packet = this.draft.built.bytes;
    const start = this.begin();
    if (request.kind === 'live') channel.post({ ...start, packet, ...request });
    else
      channel.post({ ...start, packet, expression: formatScapy(this.draft.layers, { quotes: 'single' }), ...request });
  };

  /** All packets of a file that the host asks for, in the same context. */
  private readonly startCapture = (): void => this.startMany(undefined);

  private startMany(packets: Uint8Array[] | undefined): void {
    if (this.run.kind === 'running' || this.programs?.programs[this.program] === undefined) return;
    const { context, maps } = this.reading().request;
    const given = { ...(packets === undefined ? {} : { packets }), ...(maps === undefined ? {} : { maps }) };
    channel.post({ kind: 'runAll', ...this.begin(), ...given, context });
  }

  private begin(): { run: number; program: number } {
    const run = ++this.runs;
    this.run = { kind: 'running', run, of: this.revision };
    return { run, program: this.program };
  }

  private readonly startDebugging = (): void => {
    const { request, problems }: ReturnType<typeof readInputs> = this.reading();
    if (problems.length > 0 || this.programs?.programs[this.program] === undefined) return;
    channel.post({ kind: 'debug', program: this.program, packet: this.draft.built.bytes, context: request.context });
  };

  /** In a narrow panel the result is below the form. */
  private showResult(): void {
    void this.updateComplete.then(() => {
      const section = this.renderRoot.querySelector('.result');
      const { top } = section?.getBoundingClientRect() ?? { top: 0 };
      if (top < 0 || top > window.innerHeight - 160) section?.scrollIntoView({ block: 'start' });
    });
  }
}
