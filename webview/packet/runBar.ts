import { translated } from '../../extension/core/text/language.ts';
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill } from '../common/format.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { attachedOf, type InputProblem, labInterface, type RunInputs } from './context.ts';
import { strings } from './strings.ts';

export type Programs = Extract<ToPacketPanel, { kind: 'programs' }>;

/**
 * What runs, how often, and in which context. Fires `inputs` (detail: RunInputs), `program` (detail: index), `run`,
 * `debug` and `run-capture`.
 */
@customElement('xdp-run-bar')
export class RunBar extends LitElement {
  @property({ attribute: false }) programs: Programs | undefined;
  @property({ attribute: false }) selected = 0;
  @property({ attribute: false }) inputs: RunInputs | undefined;
  @property({ attribute: false }) problems: readonly InputProblem[] = [];
  @property({ type: Boolean }) running = false;

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
        gap: 4px 12px;
        align-items: end;
      }
      label {
        display: flex;
        flex-direction: column;
        font-size: 11px;
        line-height: 16px;
        color: var(--vscode-descriptionForeground);
        min-width: 0;
      }
      label input,
      label .select {
        font-size: 13px;
        line-height: 18px;
      }
      .program {
        flex: 1 1 190px;
        max-width: 400px;
      }
      .repeat input {
        width: 92px;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .mode {
        flex: 0 1 150px;
      }
      .hint {
        margin: 4px 0 0;
        color: var(--vscode-descriptionForeground);
      }
      .warning {
        margin: 4px 0 0;
        color: var(--vscode-editorWarning-foreground, var(--vscode-foreground));
      }
      .maps {
        margin: 4px 0 0;
        color: var(--vscode-descriptionForeground);
        font-size: 11px;
      }
      .maps summary {
        cursor: pointer;
        width: max-content;
      }
      .maps textarea {
        display: block;
        width: 100%;
        box-sizing: border-box;
        margin-top: 4px;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        resize: vertical;
      }
      .context {
        display: contents;
      }
      .ingress {
        flex: 1 1 104px;
        max-width: 160px;
      }
      .short input {
        width: 60px;
      }
      .metadata {
        flex: 1 1 88px;
        max-width: 240px;
      }
      .metadata input {
        width: 100%;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
      }
      .problems {
        margin: 4px 0 0;
        padding: 0;
        list-style: none;
        color: var(--vscode-errorForeground);
      }
      .none {
        color: var(--vscode-descriptionForeground);
        align-self: center;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { inputs } = this;
    if (inputs === undefined) return nothing;
    const live = inputs.mode === 'live';
    return html`<div class="line">
        ${this.renderProgram()}
        ${this.renderMode(inputs)}
        ${
          live
            ? html`<label class="repeat" title=${strings.framesHelp}>${strings.frames}${this.input('frames', inputs, '1')}</label>
                <label class="short" title=${strings.batchHelp}>${strings.batch}${this.input('batch', inputs, '64')}</label>`
            : attachedOf(inputs, this.programs?.attached ?? []) === undefined
              ? html`<label class="repeat" title=${strings.repeatHelp}>${strings.repeat}${this.input('repeat', inputs, '1')}</label>`
              : nothing
        }
        <vscode-button
          icon=${this.running ? 'loading' : 'play'}
          ?icon-spin=${this.running}
          ?disabled=${this.running || this.blocked}
          title=${strings.runTitle}
          @click=${() => this.dispatchEvent(new CustomEvent('run'))}
        >${this.running ? strings.running : strings.run}</vscode-button>
        ${this.lacks('debugger') ? nothing : this.renderDebug()}
        <vscode-button
          secondary
          icon="list-ordered"
          icon-only
          aria-label=${strings.runCapture}
          ?disabled=${this.running || (this.programs?.programs.length ?? 0) === 0}
          title=${strings.runCaptureTitle}
          @click=${() => this.dispatchEvent(new CustomEvent('run-capture'))}
        ></vscode-button>
        <span class="context" role="group" aria-label=${strings.context}>
        <label class="ingress" title=${strings.ingressHelp}>${strings.ingress}${this.renderIngress(inputs)}</label>
        <label class="short" title=${strings.rxQueueHelp}>${strings.rxQueue}${this.input('rxQueue', inputs, '0')}</label>
        <label class="metadata" title=${strings.metadataHelp}>${strings.metadata}${this.input('metadata', inputs, strings.contextNone)}</label>
        ${
          live
            ? nothing
            : html`<label class="short" title=${strings.cpuHelp}>${strings.cpu}${this.input('cpu', inputs, strings.cpuAny)}</label>
                <label class="short" title=${strings.linearHelp}>${strings.linear}${this.input('linear', inputs, strings.linearAll)}</label>`
        }
        </span>
      </div>
      ${this.renderMark(inputs)} ${this.renderMaps(inputs)}
      ${
        this.problems.length === 0
          ? nothing
          : html`<ul class="problems" role="alert">${this.problems.map(({ message }) => html`<li>${translated(message)}</li>`)}</ul>`
      }`;
  }

  private renderDebug(): TemplateResult {
    return html`<vscode-button
      secondary
      icon="debug-alt"
      ?disabled=${this.blocked}
      title=${strings.debugTitle}
      @click=${() => this.dispatchEvent(new CustomEvent('debug'))}
    >${strings.debug}</vscode-button>`;
  }

  private lacks(what: NonNullable<Programs['lacks']>[number]): boolean {
    return this.programs?.lacks?.includes(what) === true;
  }

  private get blocked(): boolean {
    return this.problems.length > 0 || (this.programs?.programs.length ?? 0) === 0;
  }

  private renderProgram(): TemplateResult {
    const programs = this.programs?.programs ?? [];
    if (programs.length === 0) return html`<span class="program none">${strings.noPrograms}</span>`;
    const files = [...new Set(programs.map(({ file }) => file))];
    return html`<label class="program">${strings.program}
      <span class="select">
        <select title=${programs[this.selected]?.file ?? ''} @change=${this.onProgram}>
          ${files.map(
            (file) =>
              html`<optgroup label=${nameOf(file)}>
                ${programs.map(({ file: of, name, section }, at) =>
                  of === file
                    ? html`<option value=${at} .selected=${at === this.selected}>${name} — ${nameOf(file)} (${section})</option>`
                    : nothing,
                )}
              </optgroup>`,
          )}
        </select>
      </span>
    </label>`;
  }

  /** Without a kernel there is one way only. */
  private renderMode(inputs: RunInputs): TemplateResult | typeof nothing {
    if (this.lacks('kernel')) return nothing;
    const attached = this.programs?.attached ?? [];
    const chosen = attachedOf(inputs, attached);
    return html`<label class="mode" title=${strings.runOnHelp}>${strings.runOn}
      <span class="select">
        <select name="mode" @change=${(event: Event) => this.change('mode', (event.target as HTMLSelectElement).value)}>
          <option value="fresh" .selected=${inputs.mode !== 'live' && chosen === undefined}>${strings.runOnFresh}</option>
          ${attached.map(
            ({ progId, program, iface }) =>
              html`<option value="attached ${progId}" .selected=${progId === chosen?.progId}>${fill(strings.runOnAttached, { program, iface })}</option>`,
          )}
          <option value="live" .selected=${inputs.mode === 'live'}>${strings.runOnLive}</option>
        </select>
      </span>
    </label>`;
  }

  /** What a run does beside giving a result. */
  private renderMark(inputs: RunInputs): TemplateResult | typeof nothing {
    if (inputs.mode === 'live') return html`<p class="hint">${strings.liveHint}</p>`;
    const chosen = attachedOf(inputs, this.programs?.attached ?? []);
    if (chosen === undefined) return nothing;
    const { program, iface } = chosen;
    return html`<p class="warning" role="status">${fill(strings.attachedWarning, { program, iface })}</p>`;
  }

  private renderMaps(inputs: RunInputs): TemplateResult | typeof nothing {
    if (attachedOf(inputs, this.programs?.attached ?? []) !== undefined) return nothing;
    return html`<details class="maps" ?open=${inputs.maps !== ''}>
      <summary>${strings.mapsBefore}</summary>
      <textarea
        name="maps"
        rows=${Math.min(8, Math.max(2, inputs.maps.split('\n').length))}
        spellcheck="false"
        aria-label=${strings.mapsBefore}
        title=${strings.mapsHelp}
        placeholder=${strings.mapsExample}
        aria-invalid=${this.problems.some(({ input }) => input === 'maps') ? 'true' : 'false'}
        .value=${inputs.maps}
        @input=${(event: Event) => this.change('maps', (event.target as HTMLTextAreaElement).value)}
      ></textarea>
    </details>`;
  }

  private renderIngress(inputs: RunInputs): TemplateResult {
    const known = this.programs?.interfaces ?? [];
    const lab = inputs.mode === 'live' && known.some(({ name }) => name === labInterface);
    const none = lab ? labInterface : strings.ingressNone;
    return html`<span class="select">
      <select @change=${(event: Event) => this.change('ingress', (event.target as HTMLSelectElement).value)}>
        <option value="" .selected=${inputs.ingress === ''}>${none}</option>
        ${known.map(({ name }) => html`<option value=${name} .selected=${name === inputs.ingress}>${name}</option>`)}
      </select>
    </span>`;
  }

  private input(name: keyof RunInputs, inputs: RunInputs, placeholder: string): TemplateResult {
    return html`<input
      name=${name}
      spellcheck="false"
      autocomplete="off"
      inputmode=${name === 'metadata' ? nothing : 'numeric'}
      placeholder=${placeholder}
      aria-invalid=${this.problems.some(({ input }) => input === name) ? 'true' : 'false'}
      .value=${inputs[name]}
      @input=${(event: Event) => this.change(name, (event.target as HTMLInputElement).value)}
    />`;
  }

  private readonly onProgram = (event: Event): void => {
    const detail = Number((event.target as HTMLSelectElement).value);
    this.dispatchEvent(new CustomEvent<number>('program', { detail }));
  };

  private change(name: keyof RunInputs, value: string): void {
    if (this.inputs === undefined) return;
    this.dispatchEvent(new CustomEvent<RunInputs>('inputs', { detail: { ...this.inputs, [name]: value } }));
  }
}

function nameOf(file: string): string {
  return file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
}
