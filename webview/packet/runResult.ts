import { translated } from '../../extension/core/text/language.ts';
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { type FieldChange, fieldDiff } from '../../extension/core/packet/diff.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import type { BuiltLayer, Dissection, FieldValue } from '../../extension/core/packet/model.ts';
import { fieldText } from '../../extension/core/packet/value.ts';
import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger, formatNanoseconds, hexText } from '../common/format.ts';
import '../common/hexPane.ts';
import type { ByteHover, ByteMark, ByteRange } from '../common/hexPane.ts';
import { byteCount } from './byteCount.ts';
import { type ByteDiff, byteDiff } from './byteDiff.ts';
import { bytesOf, fieldAt, specOf } from './draft.ts';
import { inputText } from './fieldText.ts';
import { headers } from './headers.ts';
import './mapChanges.ts';
import { optionsText } from './optionText.ts';
import { runResultStyles } from './runResultStyles.ts';
import { strings } from './strings.ts';

export type RunOutcome = Extract<ToPacketPanel, { kind: 'result' }>;

interface Analysis {
  input: Dissection;
  output: Dissection;
  changes: FieldChange[];
  bytes: ByteDiff;
}

/**
 * What one run did: verdict, time, the packet that came out and how it differs, map entries, printk lines, events. Fires
 * `record`, `open-recorded` and `story`.
 */
@customElement('xdp-run-result')
export class RunResult extends LitElement {
  @property({ attribute: false }) result: RunOutcome | undefined;
  @property({ attribute: false }) interfaces: readonly { name: string; ifindex: number }[] = [];
  /** The packet or its context was changed since. */
  @property({ type: Boolean }) stale = false;
  /** Where this run was kept as a test. */
  @property({ attribute: false }) recorded: { file: string; test: string } | undefined;
  /** The way of this run was asked for: it is in the editor, or `problem` says why not. */
  @property({ attribute: false }) story: { problem?: string | undefined } | undefined;
  /** There is a clang that compiles without optimisation. */
  @property({ attribute: false }) tellsStory = true;
  @state() private highlight: ByteRange | undefined;
  private analysis: Analysis | undefined;

  static override styles = runResultStyles;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('result') || this.result === undefined) return;
    const input = dissect(this.result.packetIn);
    const output = dissect(this.result.packetOut);
    const changes = fieldDiff(input, output);
    this.analysis = { input, output, changes, bytes: byteDiff(input, output, changes) };
    this.highlight = undefined;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { result, analysis } = this;
    if (result === undefined || analysis === undefined) return nothing;
    return html`${this.renderVerdict(result)} ${this.renderPacket(result, analysis)} ${this.renderContext(result)}
      <xdp-map-changes .maps=${result.maps}></xdp-map-changes>
      ${this.renderPrintk(result)} ${renderEvents(result.events)}`;
  }

  private renderVerdict(result: RunOutcome): TemplateResult {
    const { action, retval, durationNs, redirect } = result;
    return html`<div class="verdict" data-action=${action}>
        <span class="action ${toneOf(action)}" title="retval ${retval}">${action}</span>
        ${redirect === undefined ? nothing : html`<span class="target">${fill(strings.redirectTo, { target: redirect })}</span>`}
        ${
          result.engine === 'vm'
            ? html`<span class="muted" title=${strings.inMachineTitle}>${strings.inMachine}</span>`
            : durationNs === undefined
              ? nothing
              : html`<span class="time">${fill(strings.perPacket, { time: formatNanoseconds(durationNs) })}</span>
                <span class="muted">${spreadText(result)}</span>`
        }
        ${result.attachedTo === undefined ? html`<span class="next">${this.renderStory()} ${this.renderRecord()}</span>` : nothing}
      </div>
      ${this.story?.problem === undefined ? nothing : html`<p class="moved" role="status">${translated(this.story.problem)}</p>`}
      ${result.attachedTo === undefined ? nothing : html`<p class="moved">${fill(strings.ranAttached, { iface: result.attachedTo })}</p>`}
      ${this.stale ? html`<p class="muted stale">${strings.stale}</p>` : nothing}
      ${result.packetChanges && result.repeat > 1 ? html`<p class="muted">${strings.packetChanges}</p>` : nothing}`;
  }

  private renderStory(): TemplateResult | typeof nothing {
    if (!this.tellsStory) return nothing;
    if (this.story !== undefined && this.story.problem === undefined)
      return html`<span class="muted" role="status">${strings.pathShown}</span>`;
    return html`<button
      class="link"
      type="button"
      title=${strings.showPathTitle}
      @click=${() => this.dispatchEvent(new CustomEvent('story'))}
    >${strings.showPath}</button>`;
  }

  private renderRecord(): TemplateResult {
    const { recorded } = this;
    if (recorded !== undefined) {
      return html`<span class="muted" role="status">${fill(strings.keptAsTest, recorded)}
        <button class="link" type="button" @click=${() => this.dispatchEvent(new CustomEvent('open-recorded'))}>${strings.openTest}</button></span>`;
    }
    return html`<button
      class="link"
      type="button"
      title=${strings.keepAsTestTitle}
      @click=${() => this.dispatchEvent(new CustomEvent('record'))}
    >${strings.keepAsTest}</button>`;
  }

  private renderPacket(result: RunOutcome, { input, output, changes, bytes }: Analysis): TemplateResult {
    const before = result.packetIn.length;
    const after = result.packetOut.length;
    const same = bytes.marks.length === 0 && bytes.removed.length === 0;
    const length = before === after ? byteCount(after) : fill(strings.lengths, { before, after });
    return html`<h3>${same ? strings.packetUnchanged : strings.packetChanged} <span class="muted">${length}</span></h3>
      ${same ? nothing : this.renderChanges(input, output, changes)} ${this.renderWrong(output)}
      ${same ? nothing : this.renderBytes(output, bytes)}
      <details>
        <summary>${strings.outputLayers}</summary>
        ${same ? this.renderBytes(output, bytes) : nothing}
        ${output.layers.map((layer) => this.renderLayer(layer))}
      </details>`;
  }

  private renderChanges(
    input: Dissection,
    output: Dissection,
    changes: readonly FieldChange[],
  ): TemplateResult | typeof nothing {
    if (changes.length === 0) return nothing;
    return html`<div class="scroll"><table class="changes">
      <thead><tr><th scope="col">${strings.field}</th><th scope="col">${strings.before}</th><th scope="col">${strings.after}</th></tr></thead>
      <tbody>
        ${changes.map((change) => {
          const layers = change.kind === 'removed' && change.field === undefined ? input.layers : output.layers;
          const layer = layers[change.layerIndex];
          const old = change.kind === 'added' ? undefined : change.before;
          const now = change.kind === 'removed' ? undefined : change.after;
          const whole = change.field === undefined && layer !== undefined ? byteCount(layer.length) : undefined;
          return html`<tr>
            <th scope="row">${labelOf(change.layer, change.field, layer)}</th>
            <td class="mono old">${change.kind === 'removed' && whole !== undefined ? whole : textOf(change, layer, old)}</td>
            <td class="mono new">${change.kind === 'added' && whole !== undefined ? whole : textOf(change, layer, now)}</td>
          </tr>`;
        })}
      </tbody>
    </table></div>`;
  }

  /** Lengths and checksums of the output that a receiver would not accept. */
  private renderWrong(output: Dissection): TemplateResult | typeof nothing {
    const wrong = output.layers.flatMap((layer) =>
      layer.fields.filter((field) => field.wrong !== undefined).map((field) => ({ layer, field })),
    );
    if (wrong.length === 0) return nothing;
    return html`<ul class="wrongs">
      ${wrong.map(({ layer, field }) => {
        const spec = specOf(layer.name, field);
        const text = (value: FieldValue | undefined): string =>
          spec === undefined || value === undefined ? '' : fieldText(spec, value);
        const label = labelOf(layer.name, field.name, layer);
        return html`<li>${fill(strings.wrongValue, { field: label, value: text(field.value), right: text(field.wrong) })}</li>`;
      })}
    </ul>`;
  }

  private renderBytes(output: Dissection, diff: ByteDiff): TemplateResult {
    const wrong = output.layers.flatMap(({ fields }) =>
      fields
        .filter((field) => field.wrong !== undefined)
        .map((field): ByteMark => ({ kind: 'wrong', ...bytesOf(field) })),
    );
    const marks = [...diff.marks, ...wrong];
    const legend = [
      { kind: 'changed', label: strings.legendChanged },
      { kind: 'inserted', label: strings.legendInserted },
      { kind: 'wrong', label: strings.legendWrong },
    ].filter(({ kind }) => marks.some((mark) => mark.kind === kind));
    return html`<xdp-hex-pane
        label=${strings.outputBytes}
        .bytes=${output.bytes}
        .marks=${marks}
        .highlight=${this.highlight}
        @byte-hover=${(event: CustomEvent<ByteHover>) => this.point(output, event.detail.offset)}
      ></xdp-hex-pane>
      <p class="legend">
        ${legend.map(({ kind, label }) => html`<span class=${kind}>${label}</span>`)}
        ${diff.removed.map(
          ({ offset, count }) =>
            html`<span class="removed">${fill(count === 1 ? strings.removedByte : strings.removedBytes, { count, offset })}</span>`,
        )}
      </p>`;
  }

  private point(output: Dissection, byte: number | undefined): void {
    const place = byte === undefined ? undefined : fieldAt(output, byte);
    const field = place === undefined ? undefined : output.layers[place.layer]?.fields[place.field];
    this.highlight = field === undefined ? undefined : bytesOf(field);
  }

  private renderLayer(layer: BuiltLayer): TemplateResult {
    return html`<div class="layer">
      <h4>${headers.get(layer.name)?.label ?? layer.name} <span class="muted">${byteCount(layer.length)}</span></h4>
      <dl>
        ${layer.fields.map((field) => {
          const spec = specOf(layer.name, field);
          if (spec === undefined) return nothing;
          const { start, end } = bytesOf(field);
          return html`<div
            @pointerenter=${() => (this.highlight = { start, end })}
            @pointerleave=${() => (this.highlight = undefined)}
          ><dt title="${spec.help} ${spec.rfc}">${spec.label}</dt><dd class="mono ${field.wrong === undefined ? '' : 'bad'}">${valueText(layer.name, spec.name, field.value, layer)}</dd></div>`;
        })}
      </dl>
    </div>`;
  }

  private renderContext({ ctxOut, metadataOut }: RunOutcome): TemplateResult | typeof nothing {
    const named = Object.entries(ctxOut).filter(([name, value]) => !name.startsWith('data') && value !== 0);
    if (named.length === 0 && metadataOut.length === 0) return nothing;
    return html`<h3>${strings.contextOut}</h3>
      <dl class="loose">
        ${named.map(([name, value]) => {
          const iface = name.endsWith('ifindex')
            ? this.interfaces.find(({ ifindex }) => ifindex === value)?.name
            : undefined;
          return html`<div><dt>${name}</dt><dd class="mono">${value}${iface === undefined ? '' : ` (${iface})`}</dd></div>`;
        })}
        ${
          metadataOut.length === 0
            ? nothing
            : html`<div><dt>${strings.metadataOut}</dt><dd class="mono">${hexText(metadataOut, ' ')}</dd></div>`
        }
      </dl>`;
  }

  private renderPrintk({ printk, printkProblem }: RunOutcome): TemplateResult | typeof nothing {
    if (printk.length === 0 && printkProblem === undefined) return nothing;
    return html`<h3>${strings.printk}</h3>
      ${printkProblem === undefined ? nothing : html`<p class="muted">${printkProblem}</p>`}
      ${printk.length === 0 ? nothing : html`<pre tabindex="0">${printk.join('\n')}</pre>`}`;
  }
}

function spreadText({ repeat, spread }: RunOutcome): string {
  const count = formatInteger(repeat);
  if (repeat === 1) return strings.oneRun;
  if (spread === undefined || spread.batches === 1) return fill(strings.meanOf, { count });
  const { minNs, maxNs, batches } = spread;
  return fill(strings.medianOf, { min: formatNanoseconds(minNs), max: formatNanoseconds(maxNs), batches, count });
}

/** The records that the run wrote into ring buffers and perf event arrays. */
function renderEvents(events: RunOutcome['events']): TemplateResult | typeof nothing {
  if (events.length === 0) return nothing;
  return html`<h3>${strings.events}</h3>
    <dl class="loose">
      ${events.map(
        ({ map, records, lost, problem }) =>
          html`${records.map(
            ({ cpu, data }) =>
              html`<div><dt>${cpu === undefined ? map : fill(strings.eventOf, { map, cpu })}</dt><dd class="mono">${hexText(data, ' ')}</dd></div>`,
          )}
          ${lost === 0 ? nothing : html`<p class="muted">${fill(strings.eventsLost, { count: lost, map })}</p>`}
          ${problem === undefined ? nothing : html`<p class="muted">${map}: ${translated(problem)}</p>`}`,
      )}
    </dl>`;
}

export function toneOf(action: string): string {
  return ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'].includes(action)
    ? action.slice(4).toLowerCase()
    : 'aborted';
}

function labelOf(layerName: string, fieldName: string | undefined, layer: BuiltLayer | undefined): string {
  const label = headers.get(layerName)?.label ?? layerName;
  if (fieldName === undefined) return label;
  const field = layer?.fields.find(({ name }) => name === fieldName);
  const spec = field === undefined ? undefined : specOf(layerName, field);
  return `${label}: ${spec?.label ?? fieldName}`;
}

function textOf(change: FieldChange, layer: BuiltLayer | undefined, value: FieldValue | undefined): string {
  if (value === undefined || change.field === undefined) return strings.absent;
  return valueText(change.layer, change.field, value, layer);
}

function valueText(layerName: string, fieldName: string, value: FieldValue, layer: BuiltLayer | undefined): string {
  const field = layer?.fields.find(({ name }) => name === fieldName);
  const spec =
    (field === undefined ? undefined : specOf(layerName, field)) ??
    headers.get(layerName)?.fields.find(({ name }) => name === fieldName);
  // A field that no header table knows cannot come out of the dissector.
  if (spec === undefined) return '';
  return spec.kind === 'tcpOptions' || spec.kind === 'packets'
    ? optionsText(layerName, fieldName, value)
    : inputText(spec, value);
}
