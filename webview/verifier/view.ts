import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { nextChange, type Place, samePlace } from '../../extension/core/verifier/steps/changes.ts';
import { followOrigin, isStation, type Trail } from '../../extension/core/verifier/steps/origin.ts';
import { placeOfStep, sameFile, type StepPlace } from '../../extension/core/verifier/steps/places.ts';
import { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import type { ToVerifierView, WalkMessage } from '../../extension/protocol/verifierView.ts';
import { fill, formatInteger } from '../common/format.ts';
import '../common/notice.ts';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { channel } from './channel.ts';
import './failureNote.ts';
import { firstShown, stepAtLine, stepOnWay } from './findStep.ts';
import { type Moment, momentAt } from './moment.ts';
import { Rows, RowsMaker } from './rows.ts';
import './statePane.ts';
import './stepList.ts';
import { strings } from './strings.ts';
import './trailPane.ts';
import { keyOf } from './viewKeys.ts';
import { viewStyles } from './viewStyles.ts';

/** Steps that are looked at for the list before the page may draw again. */
const rowsAtOnce = 20_000;
/** Steps whose states are worked out in advance before the page may draw again: some 10 ms. */
const stepsAtOnce = 2048;

/** The verifier's walk over one program: its steps, what it knew at each, and where a value came from. */
@customElement('xdp-verifier-view')
export class VerifierView extends LitElement {
  @state() private walk: WalkMessage | undefined;
  @state() private notice: { message: string; fix: string } | undefined = undefined;
  @state() private busy: string | undefined;
  @state() private isStale = false;
  @state() private rows: Rows | undefined;
  @state() private selected = 0;
  @state() private chosen: Place | undefined;
  @state() private filter = '';
  private log: StepLog | undefined;
  private moment: Moment | undefined;
  private trail: Trail | undefined;
  /** The step that the way was followed back from. */
  private trailFrom = 0;
  /** The rows that are being made: an older filter's end when another one begins. */
  private making = 0;
  private stopListening = (): void => undefined;

  static override styles = [baseStyles, inputStyles, viewStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.stopListening = channel.listen((message) => void this.receive(message));
    channel.post({ kind: 'ready' });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopListening();
  }

  private async receive(message: ToVerifierView): Promise<void> {
    switch (message.kind) {
      case 'walk':
        return await this.show(message);
      case 'busy':
        this.busy = fill(strings.loading, { program: message.program });
        return;
      case 'failed':
        this.busy = undefined;
        this.notice = { message: message.message, fix: message.fix };
        return;
      case 'stale':
        this.isStale = true;
        return;
      case 'cursor':
        return this.follow((place) => place.line === message.line && sameFile(place.file, message.file));
    }
  }

  private async show(walk: WalkMessage): Promise<void> {
    this.busy = strings.reading;
    // Reading a long log takes a moment, and the page says so first.
    await this.updateComplete;
    await new Promise((done) => setTimeout(done));
    const log = new StepLog(walk.log);
    this.log = log;
    this.walk = walk;
    this.notice = undefined;
    this.isStale = false;
    this.filter = '';
    this.chosen = undefined;
    this.select(firstShown(log, walk), { reveal: walk.verdict === 'rejected' });
    this.chooseFailing(walk);
    await this.makeRows();
    this.busy = undefined;
    await this.updateComplete;
    this.focusSteps();
    await this.readAhead(log);
  }

  /** So that a jump to the other end of a long walk does not have to go over all of it at once. */
  private async readAhead(log: StepLog): Promise<void> {
    for (let end = stepsAtOnce; end < log.count && this.log === log; end += stepsAtOnce) {
      log.after(end);
      await new Promise((done) => setTimeout(done));
    }
  }

  /** The register that the verifier's last words name. */
  private chooseFailing({ failure }: WalkMessage): void {
    const named = /\bR(\d{1,2})\b/.exec(failure?.message ?? '')?.[1];
    const frame = this.moment?.frames[0]?.depth ?? 0;
    if (named !== undefined && Number(named) < 10) this.choose({ kind: 'register', frame, register: Number(named) });
  }

  private async makeRows(): Promise<void> {
    const { log, walk } = this;
    if (log === undefined) return;
    const turn = ++this.making;
    const maker = new RowsMaker(log, walk?.places, this.filter);
    while (!maker.run(rowsAtOnce)) {
      await new Promise((done) => setTimeout(done));
      if (turn !== this.making) return;
    }
    this.rows = maker.finish();
  }

  private select(step: number, { reveal }: { reveal: boolean }): void {
    const { log } = this;
    if (log === undefined || log.count === 0) return;
    this.selected = Math.max(0, Math.min(log.count - 1, step));
    this.moment = momentAt(log, this.selected);
    if (!this.isOnTrail(log)) this.followChosen();
    if (reveal) this.reveal({ focus: false });
    this.requestUpdate();
  }

  /** Whether the way is still that of the chosen value: along it, and to a step beside it that does nothing to the value. */
  private isOnTrail(log: StepLog): boolean {
    const { chosen, trail, trailFrom, selected, moment } = this;
    if (chosen === undefined || trail === undefined) return chosen === undefined;
    if (trail.stations.some(({ step }) => step === selected)) return true;
    if (moment?.when === 'failed' || log.step(trailFrom).end === 'failed') return false;
    const later =
      log.previous(selected) === trailFrom ? selected : log.previous(trailFrom) === selected ? trailFrom : undefined;
    if (later === undefined || log.isBranch(later) || isStation(log, later, chosen)) return false;
    this.trailFrom = selected;
    return true;
  }

  private followChosen(): void {
    const { log, chosen, moment } = this;
    this.trailFrom = this.selected;
    if (log === undefined || chosen === undefined || moment === undefined) {
      this.trail = undefined;
      return;
    }
    const from = moment.when === 'failed' ? log.previous(this.selected) : this.selected;
    this.trail = from === undefined ? { stations: [], isCut: false } : followOrigin(log, from, chosen);
  }

  private choose(place: Place): void {
    this.chosen = this.chosen !== undefined && samePlace(this.chosen, place) ? undefined : place;
    this.followChosen();
  }

  private reveal({ focus }: { focus: boolean }): void {
    const place = this.log === undefined ? undefined : placeOfStep(this.log, this.selected, this.walk?.places);
    if (place !== undefined)
      channel.post({ kind: 'reveal', file: place.file, line: place.line, column: place.column ?? null, focus });
  }

  /** The cursor is on a line: the step stays where it is one of that line, so that stepping does not fight with the editor. */
  private follow(fits: (place: StepPlace) => boolean): void {
    const { log, walk } = this;
    if (log === undefined) return;
    const here = placeOfStep(log, this.selected, walk?.places);
    if (here !== undefined && fits(here)) return;
    const step = stepAtLine(log, walk?.places, fits);
    if (step !== undefined) this.select(step, { reveal: false });
  }

  private goToStation(index: number): void {
    const { log, walk } = this;
    const station = walk?.failure?.story[index];
    if (log !== undefined && station !== undefined) this.goTo(stepOnWay(log, walk?.places, station));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const key = keyOf(event);
    const { log, rows } = this;
    if (key === undefined || log === undefined || rows === undefined) return;
    event.preventDefault();
    switch (key.kind) {
      case 'move':
        return this.moveBy(key.rows);
      case 'end':
        return this.goTo(key.which === 'first' ? rows.nextStep(0, 1) : rows.nextStep(rows.count - 1, -1));
      case 'change':
        return this.goToChange(key.direction);
      case 'branch':
        return this.goToBranch(key.direction);
      case 'register':
        return this.choose({ kind: 'register', frame: this.moment?.frames[0]?.depth ?? 0, register: key.register });
      case 'source':
        return this.reveal({ focus: true });
      case 'filter':
        return this.renderRoot.querySelector<HTMLInputElement>('input')?.focus();
      case 'forget':
        this.chosen = undefined;
        return this.followChosen();
    }
  };

  private goTo(step: number | undefined): void {
    if (step !== undefined) this.select(step, { reveal: true });
  }

  private moveBy(count: number): void {
    const { rows } = this;
    if (rows === undefined) return;
    const direction = count < 0 ? -1 : 1;
    let row = rows.rowOf(this.selected);
    for (let left = Math.abs(count); left > 0; left--) {
      const step = rows.nextStep(row + direction, direction);
      if (step === undefined) break;
      this.selected = step;
      row = rows.rowOf(step);
    }
    this.select(this.selected, { reveal: true });
  }

  private goToChange(direction: 'back' | 'on'): void {
    const { log, chosen, trail, selected } = this;
    if (log === undefined || chosen === undefined) return;
    // On its way a value is followed through the places that it was in.
    const stations = trail?.stations ?? [];
    const on = stations.findIndex(({ step }) => step <= selected);
    const station = stations[direction === 'on' ? on - 1 : stations[on]?.step === selected ? on + 1 : on];
    this.goTo(station?.step ?? nextChange(log, selected, chosen, direction));
  }

  private goToBranch(direction: 1 | -1): void {
    const { log } = this;
    if (log === undefined) return;
    for (let at = this.selected + direction; at >= 0 && at < log.count; at += direction)
      if (log.isBranch(at)) return this.goTo(at);
  }

  private focusSteps(): void {
    this.renderRoot.querySelector<HTMLElement>('xdp-step-list')?.focus();
  }

  private readonly onFilter = (event: Event): void => {
    if (event.target instanceof HTMLInputElement) this.filter = event.target.value;
    void this.makeRows();
  };

  private readonly onFilterKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' || event.key === 'ArrowDown') {
      const row = this.rows?.rowOf(this.selected) ?? 0;
      this.goTo(this.rows?.nextStep(Math.max(0, row), 1) ?? this.rows?.nextStep(0, 1));
    } else if (event.key === 'Escape' && this.filter !== '') {
      this.filter = '';
      void this.makeRows();
    } else if (event.key !== 'Escape') return;
    event.preventDefault();
    this.focusSteps();
  };

  protected override render(): TemplateResult {
    if (this.busy !== undefined) return html`<xdp-notice kind="empty" message=${this.busy}></xdp-notice>`;
    if (this.notice !== undefined)
      return html`<xdp-notice kind="error" message=${this.notice.message} fix=${this.notice.fix}></xdp-notice>`;
    const { walk, log, rows } = this;
    if (walk === undefined || log === undefined || rows === undefined) return html``;
    if (log.count === 0) return this.renderEmpty(walk, log);
    return html`${this.renderBar(walk, log, rows)} ${this.renderHints(walk, log)}
      ${walk.failure === undefined ? nothing : this.renderFailure(walk)}
      <div class="panes">
        <div class="steps" @keydown=${this.onKey}>
          ${rows.count === 0 ? html`<p class="hint">${strings.noMatch}</p>` : nothing}
          <xdp-step-list
            .log=${log}
            .places=${walk.places}
            .rows=${rows}
            .selected=${this.selected}
            .trail=${new Set(this.trail?.stations.map(({ step }) => step))}
            @step-chosen=${this.onStep}
            @step-opened=${() => this.reveal({ focus: true })}
          ></xdp-step-list>
        </div>
        <div class="side">
          <xdp-state-pane
            .moment=${this.moment}
            .chosen=${this.chosen}
            @place-chosen=${(event: CustomEvent<Place>) => this.choose(event.detail)}
          ></xdp-state-pane>
          <xdp-trail-pane
            .log=${log}
            .places=${walk.places}
            .chosen=${this.chosen}
            .trail=${this.trail}
            .selected=${this.selected}
            @step-chosen=${this.onStep}
          ></xdp-trail-pane>
        </div>
      </div>
      <div class="keys" aria-hidden="true">${strings.keys}</div>`;
  }

  private readonly onStep = (event: CustomEvent<number>): void => this.goTo(event.detail);

  private renderBar(walk: WalkMessage, log: StepLog, rows: Rows): TemplateResult {
    const place =
      this.filter === ''
        ? fill(strings.stepOf, { step: formatInteger(this.selected + 1), count: formatInteger(log.count) })
        : fill(strings.matches, { count: formatInteger(rows.steps), total: formatInteger(log.count) });
    return html`<div class="bar">
      ${
        walk.programs.length > 1
          ? html`<span class="select"
              ><select aria-label=${strings.program} @change=${this.onProgram}>
                ${walk.programs.map((name, at) => html`<option value=${at} ?selected=${at === walk.selected}>${name}</option>`)}
              </select></span
            >`
          : html`<strong class="name" title=${walk.title}>${walk.programs[0] ?? walk.title}</strong>`
      }
      <span class="verdict ${walk.verdict}">${strings[walk.verdict]}</span>
      <input
        type="search"
        aria-label=${strings.filter}
        placeholder=${strings.filterHint}
        .value=${this.filter}
        @input=${this.onFilter}
        @keydown=${this.onFilterKey}
      />
      <span class="place num">${place}</span>
    </div>`;
  }

  private renderHints(walk: WalkMessage, log: StepLog): TemplateResult {
    const leftOut = walk.leftOut + log.lines.leftOut;
    const size = `${formatInteger(Math.ceil(leftOut / (1 << 20)))} MiB`;
    return html`${leftOut > 0 ? html`<p class="hint">${fill(strings.leftOut, { size })}</p>` : nothing}
    ${log.lines.headless && leftOut === 0 ? html`<p class="hint">${strings.headless}</p>` : nothing}
    ${
      this.isStale
        ? html`<p class="hint" role="status">
            ${strings.stale} <button class="link" @click=${() => channel.post({ kind: 'again' })}>${strings.again}</button>
          </p>`
        : nothing
    }`;
  }

  private renderFailure({ failure }: WalkMessage): TemplateResult {
    return html`<xdp-failure-note
      .failure=${failure}
      @station-chosen=${(event: CustomEvent<number>) => this.goToStation(event.detail)}
    ></xdp-failure-note>`;
  }

  private renderEmpty(walk: WalkMessage, log: StepLog): TemplateResult {
    const message = log.lines.messages.at(-1) ?? '';
    const fix = message === '' ? '' : fill(strings.noStepsFix, { message });
    return walk.failure === undefined
      ? html`<xdp-notice kind="info" message=${strings.noSteps} fix=${fix}></xdp-notice>`
      : html`${this.renderFailure(walk)} <xdp-notice kind="empty" message=${strings.noSteps}></xdp-notice>`;
  }

  private readonly onProgram = (event: Event): void => {
    if (event.target instanceof HTMLSelectElement)
      channel.post({ kind: 'choose', program: Number(event.target.value) });
  };
}
