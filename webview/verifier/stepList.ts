import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { placeOfStep, type PlaceTable } from '../../extension/core/verifier/steps/places.ts';
import type { PathEnd } from '../../extension/core/verifier/steps/readSteps.ts';
import type { Step, StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { fill } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import { type Row, type Rows, sourceOf } from './rows.ts';
import { stepListStyles } from './stepListStyles.ts';
import { strings } from './strings.ts';

const rowHeight = 20;
/** Browsers do not make an element higher than about 33 million pixels. */
const maxHeight = 16_000_000;
const overscan = 8;

/**
 * The steps, grouped by C line: only those in sight are in the page. Fires `step-chosen` (detail: the step). Keys are the
 * view's; the focus is here.
 */
@customElement('xdp-step-list')
export class StepList extends LitElement {
  @property({ attribute: false }) log: StepLog | undefined;
  @property({ attribute: false }) places: PlaceTable | undefined;
  @property({ attribute: false }) rows: Rows | undefined;
  @property({ attribute: false }) selected = 0;
  /** Steps on the way of the chosen value. */
  @property({ attribute: false }) trail: ReadonlySet<number> = new Set();
  @state() private top = 0;
  @state() private height = 400;
  private readonly resize = new ResizeObserver(() => {
    this.height = this.clientHeight;
    if (this.clientHeight > 0 && this.needsSight) this.showSelected();
  });
  private needsSight = true;

  static override styles = [baseStyles, stepListStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('.scroller')?.focus();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('selected') || changed.has('rows')) this.showSelected();
  }

  private get totalHeight(): number {
    return Math.min(maxHeight, (this.rows?.count ?? 0) * rowHeight);
  }

  /** Rows for each pixel of scrolling: 1/20, but for lists that are too long. */
  private get rowsPerPixel(): number {
    return this.totalHeight === 0 ? 1 / rowHeight : (this.rows?.count ?? 0) / this.totalHeight;
  }

  private showSelected(): void {
    const scroller = this.renderRoot.querySelector('.scroller');
    const row = this.rows?.rowOf(this.selected) ?? -1;
    if (scroller === null || row < 0) return;
    this.needsSight = this.clientHeight === 0;
    const y = row / this.rowsPerPixel;
    const above = 3 * rowHeight;
    if (y < scroller.scrollTop + above) scroller.scrollTop = Math.max(0, y - above);
    else if (y + above > scroller.scrollTop + this.height) scroller.scrollTop = y + above - this.height;
  }

  protected override render(): TemplateResult {
    const { log, rows } = this;
    if (log === undefined || rows === undefined) return html``;
    const first = Math.max(0, Math.floor(this.top * this.rowsPerPixel) - overscan);
    const count = Math.ceil(this.height / rowHeight) + 2 * overscan;
    const shown: TemplateResult[] = [];
    for (let index = first; index < Math.min(rows.count, first + count); index++) {
      const row = rows.at(index);
      if (row !== undefined) shown.push(this.renderRow(log, row));
    }
    // The scroller's own position, to the pixel: rows stand where they belong to what is in sight.
    const offset = first / this.rowsPerPixel;
    // Only what is in the page can be named as the active one.
    const row = rows.rowOf(this.selected);
    const inSight = row >= first && row < first + count && rows.at(row)?.step === this.selected;
    return html`<div
      class="scroller"
      role="listbox"
      tabindex="0"
      aria-label=${strings.steps}
      aria-activedescendant=${inSight ? `s${this.selected}` : nothing}
      @scroll=${this.onScroll}
    >
      <div class="all" role="presentation" .style=${`height: ${this.totalHeight}px`}>
        <div class="shown" role="presentation" .style=${`transform: translateY(${offset}px)`}>${shown}</div>
      </div>
    </div>`;
  }

  private renderRow(log: StepLog, { kind, step }: Row): TemplateResult {
    switch (kind) {
      case 'source':
        return this.renderSource(log, step);
      case 'branch':
        return html`<div class="row branch" aria-hidden="true">${branchText(log, step)}</div>`;
      case 'step':
        return this.renderStep(log, log.step(step));
    }
  }

  private renderSource(log: StepLog, step: number): TemplateResult {
    const place = placeOfStep(log, step, this.places);
    const text = sourceOf(log, step, place);
    const name = place?.file.slice(place.file.lastIndexOf('/') + 1) ?? '';
    return html`<div class="row source" aria-hidden="true" title=${place === undefined ? nothing : `${name}:${place.line}`}>
      <span class="line">${place?.line ?? ''}</span><span class="c">${text === '' ? strings.noSource : text}</span>
    </div>`;
  }

  private renderStep(log: StepLog, step: Step): TemplateResult {
    const selected = step.index === this.selected;
    const place = placeOfStep(log, step.index, this.places);
    const source = sourceOf(log, step.index, place);
    const told = place === undefined ? '' : fill(strings.option, { line: place.line, source });
    return html`<div
      id="s${step.index}"
      class="row step ${selected ? 'selected' : ''} ${this.trail.has(step.index) ? 'trail' : ''} ${step.end === 'failed' ? 'failed' : ''}"
      role="option"
      aria-selected=${selected ? 'true' : 'false'}
      aria-setsize=${log.count}
      aria-posinset=${step.index + 1}
      @click=${() => this.choose(step.index)}
      @dblclick=${() => this.dispatchEvent(new CustomEvent('step-opened'))}
    >
      <span class="visually-hidden">${told}</span><span class="insn">${step.insn}</span
      ><span class="text">${'\u2003'.repeat(Math.min(step.frame, 8))}${step.text}</span>${renderEnd(step.end)}
    </div>`;
  }

  private choose(step: number): void {
    this.dispatchEvent(new CustomEvent<number>('step-chosen', { detail: step }));
  }

  private readonly onScroll = (event: Event): void => {
    if (event.target instanceof HTMLElement) this.top = event.target.scrollTop;
  };
}

function renderEnd(end: PathEnd | undefined): TemplateResult | typeof nothing {
  switch (end) {
    case 'safe':
      return html`<span class="end">${strings.endSafe}</span>`;
    case 'failed':
      return html`<span class="end">${strings.endFailed}</span>`;
    case 'exit':
      return html`<span class="end">${strings.endExit}</span>`;
    case undefined:
      return nothing;
  }
}

function branchText(log: StepLog, step: number): string {
  const previous = log.previous(step);
  if (previous === undefined) return strings.beginning;
  const { insn, text, instruction } = log.step(previous);
  const template = instruction.kind === 'call' ? strings.callback : strings.branch;
  return fill(template, { insn, text: text.replace(/ goto .*$/, '') });
}
