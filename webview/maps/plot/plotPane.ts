import { html, LitElement, nothing, type PropertyValues, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import uPlot from 'uplot';
import uplotStyles from 'uplot/dist/uPlot.min.css';
import '@vscode-elements/elements/dist/vscode-toolbar-button/index.js';
import { fill, formatInteger, formatRate } from '../../common/format.ts';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import type { MapModel } from '../data/mapModel.ts';
import { strings } from '../strings.ts';
import type { Measure, PlotData } from './plotData.ts';
import { movedRange, type Range, type RangeKey } from './plotRange.ts';
import { plotHeight, plotStyles } from './plotStyles.ts';
import { latestIn, spreadIn } from './plotSummary.ts';

const colours = ['blue', 'orange', 'green', 'red', 'purple', 'yellow'] as const;
/** Seconds that are shown; 0: all there is. */
const spans = [60, 300, 900, 0] as const;
/** A screen reader would read a label that changes with every reading for ever. */
const labelMs = 1000;

const rangeKeys: ReadonlyMap<string, RangeKey> = new Map([
  ['+', 'in'],
  ['=', 'in'],
  ['-', 'out'],
  ['_', 'out'],
  ['ArrowLeft', 'back'],
  ['ArrowRight', 'forth'],
  ['Home', 'first'],
  ['End', 'last'],
]);

/** A part of time that was chosen; with `follows` it moves on with the readings. */
type Zoom = Range & { follows: boolean };

/** The chosen rows over time, by mouse and by keys: strings.plotKeys says which. Fires `remove` with a row's id. */
@customElement('xdp-plot-pane')
export class PlotPane extends LitElement {
  @property({ attribute: false }) data: PlotData | undefined;
  /** Of `data`, so that another choice of rows is another rendering. */
  @property({ attribute: false }) ids: readonly string[] = [];
  @property({ attribute: false }) model: MapModel | undefined;
  @state() private measure: Measure = 'rate';
  @state() private span: number = spans[0];
  /** The time of the last reading that is shown while it is paused. */
  @state() private pausedAt: number | undefined;
  @state() private zoom: Zoom | undefined;
  /** What a key did, for who does not see it. */
  @state() private said = '';
  private plot: uPlot | undefined;
  private shape = '';
  private labelledMs = 0;
  private readonly resize = new ResizeObserver(() => this.fit());
  private readonly themes = new MutationObserver(() => this.rebuild());

  static override styles = [baseStyles, inputStyles, unsafeCSS(uplotStyles), plotStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
    this.themes.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.themes.disconnect();
    this.plot?.destroy();
    this.plot = undefined;
  }

  /** After a reading. */
  refresh(): void {
    if (this.pausedAt === undefined) this.redraw();
  }

  protected override updated(changed: PropertyValues): void {
    const shape = [this.measure, this.data?.field, ...(this.data?.ids ?? [])].join('\n');
    if (shape !== this.shape || this.plot === undefined) {
      this.shape = shape;
      this.rebuild();
    } else if (['span', 'pausedAt', 'zoom'].some((name) => changed.has(name))) {
      this.redraw();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { data, model } = this;
    if (data === undefined || model === undefined || data.ids.length === 0) return nothing;
    const paused = this.pausedAt !== undefined;
    return html`<div class="bar">
        ${this.renderChoices(data, model)}
        <span class="tools">
          ${this.button('zoom-in', strings.plotZoomIn, () => this.move('in'))}
          ${this.button('zoom-out', strings.plotZoomOut, () => this.move('out'))}
          ${this.zoom === undefined ? nothing : this.button('discard', strings.plotReset, () => this.reset())}
          ${this.button(paused ? 'play' : 'debug-pause', paused ? strings.plotResume : strings.plotPause, () => this.togglePause())}
        </span>
        <div class="legend">${data.ids.map((id, at) => this.renderLegend(id, at))}</div>
      </div>
      <div class="plot" role="application" tabindex="0" title=${strings.plotKeys} aria-roledescription=${strings.plot}
        @keydown=${(event: KeyboardEvent) => this.onKey(event)} @dblclick=${() => this.reset()}></div>
      <span class="visually-hidden" role="status">${this.said}</span>`;
  }

  private renderChoices(data: PlotData, model: MapModel): TemplateResult {
    const fields = model.numericFields;
    const select = (
      title: string,
      options: readonly (readonly [string | number, string])[],
      chosen: string | number,
      choose: (value: string) => void,
    ): TemplateResult =>
      html`<span class="select"><select aria-label=${title} title=${title} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        ${options.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
      </select></span>`;
    const minutes = (seconds: number): string =>
      seconds === 0 ? strings.plotAll : fill(strings.plotMinutes, { count: seconds / 60 });
    return html`${
      fields.length > 1
        ? select(
            strings.plotField,
            fields.map(({ path }, at) => [at, path] as const),
            data.field,
            (value) => {
              data.setField(Number(value));
              this.pausedAt = undefined;
              this.zoom = undefined;
              this.requestUpdate();
            },
          )
        : nothing
    }
    ${select(
      strings.plotMeasure,
      [
        ['rate', strings.plotRate],
        ['value', strings.columns.value],
      ],
      this.measure,
      (value) => (this.measure = value === 'value' ? 'value' : 'rate'),
    )}
    ${select(
      strings.plotSpan,
      spans.map((seconds) => [seconds, minutes(seconds)] as const),
      this.span,
      (value) => {
        this.span = Number(value);
        this.zoom = undefined;
      },
    )}`;
  }

  private button(icon: string, label: string, act: () => void): TemplateResult {
    return html`<vscode-toolbar-button icon=${icon} label=${label} title=${label} @click=${act}></vscode-toolbar-button>`;
  }

  private renderLegend(id: string, at: number): TemplateResult {
    const name = this.data?.names.get(id) ?? '';
    const colour = `border-color: var(--vscode-charts-${colours[at % colours.length] ?? 'blue'})`;
    return html`<button title=${fill(strings.plotRemove, { row: name })} @click=${() => this.dispatchEvent(new CustomEvent('remove', { detail: id }))}>
      <span class="mark ${isDashed(at) ? 'second' : ''}" .style=${colour}></span><span class="name">${name}</span><span class="now num"></span>
    </button>`;
  }

  private onKey(event: KeyboardEvent): void {
    // Those of VS Code.
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = rangeKeys.get(event.key);
    if (key !== undefined) this.move(key);
    else if (event.key === '0' || (event.key === 'Escape' && this.zoom !== undefined)) this.reset();
    else if (event.key === ' ') this.togglePause();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private move(key: RangeKey): void {
    const [times] = this.columns();
    const [from, to] = [times[0], times.at(-1)];
    if (from === undefined || to === undefined) return;
    const whole = this.span === 0 ? to - from : this.span;
    const range = movedRange(this.range(times), key, { held: { from, to }, whole });
    this.zoom = { ...range, follows: range.to >= to };
    this.said = fill(strings.plotShows, { from: clock(range.from), to: clock(range.to) });
  }

  private reset(): void {
    this.zoom = undefined;
    this.said = strings.plotWhole;
  }

  private togglePause(): void {
    this.pausedAt = this.pausedAt === undefined ? (this.data?.lastTime ?? 0) : undefined;
    this.said = this.pausedAt === undefined ? strings.plotRuns : strings.plotPaused;
  }

  private rebuild(): void {
    this.plot?.destroy();
    this.plot = undefined;
    const place = this.renderRoot.querySelector<HTMLElement>('.plot');
    const { data } = this;
    if (place === null || data === undefined) return;
    const style = getComputedStyle(this);
    const colour = (name: string): string => style.getPropertyValue(`--vscode-${name}`).trim() || style.color;
    const text = colour('descriptionForeground');
    const grid = { stroke: colour('widget-border'), width: 1 };
    const axis = { stroke: text, grid, ticks: grid, font: `11px ${style.fontFamily}` };
    this.plot = new uPlot(
      {
        width: Math.max(120, place.clientWidth),
        height: plotHeight,
        legend: { show: false },
        cursor: { drag: { x: true, y: false }, points: { size: 5 } },
        scales: { x: { time: true }, y: { range: (_plot, low, high) => yRange(low, high) } },
        axes: [
          { ...axis, size: 34, space: 64, values: (_plot, ticks) => clockTicks(ticks) },
          { ...axis, size: 74, values: (_plot, ticks) => ticks.map((tick) => this.format(tick)) },
        ],
        series: [
          {},
          ...data.ids.map((id, at) => ({
            label: data.names.get(id) ?? '',
            stroke: colour(`charts-${colours[at % colours.length] ?? 'blue'}`),
            width: 1.5,
            ...(isDashed(at) ? { dash: [6, 4] } : {}),
            points: { show: false },
            spanGaps: false,
          })),
        ],
        hooks: { setSelect: [(plot) => this.onSelect(plot)], setCursor: [() => this.showValues()] },
      },
      this.columns(),
      place,
    );
    this.labelledMs = 0;
    this.redraw();
  }

  private onSelect(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width > 0) this.zoom = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x'), follows: false };
  }

  private columns(): [number[], ...(number | null)[][]] {
    return this.data?.columns(this.measure, this.pausedAt) ?? [[]];
  }

  /** What is shown of the time. */
  private range(times: readonly number[]): Range {
    const { zoom } = this;
    const to = times.at(-1) ?? Date.now() / 1000;
    if (zoom?.follows === false) return zoom;
    if (zoom !== undefined) return { from: to - (zoom.to - zoom.from), to };
    const from = this.span === 0 ? (times[0] ?? to - 60) : to - this.span;
    return { from, to: Math.max(to, from + 1) };
  }

  private redraw(): void {
    const { plot } = this;
    if (plot === undefined) return;
    const columns = this.columns();
    const { from, to } = this.range(columns[0]);
    plot.batch(() => {
      plot.setData(columns, false);
      plot.setScale('x', { min: from, max: to });
    });
    this.showValues();
  }

  /** The numbers in words: in the legend those under the mouse, else the last ones that are shown; in the label what they come to. */
  private showValues(): void {
    const { plot, data } = this;
    if (plot === undefined || data === undefined) return;
    const [times, ...series] = this.columns();
    const range = this.range(times);
    const at = plot.cursor.idx ?? undefined;
    const latest = series.map((values) => latestIn({ times, values, range, at }));
    this.renderRoot.querySelectorAll('.legend .now').forEach((place, index) => {
      const value = latest[index];
      place.textContent = value === undefined ? '' : this.format(value);
    });
    if (performance.now() - this.labelledMs < labelMs) return;
    this.labelledMs = performance.now();
    const rows = data.ids.map((id, index) => {
      const row = data.names.get(id) ?? '';
      const [spread, now] = [spreadIn({ times, values: series[index] ?? [], range }), latest[index]];
      if (spread === undefined || now === undefined) return fill(strings.plotNothing, { row });
      const { low, high } = spread;
      const numbers = { now: this.format(now), low: this.format(low), high: this.format(high) };
      return fill(strings.plotSummary, { row, ...numbers });
    });
    this.renderRoot.querySelector('.plot')?.setAttribute('aria-label', [this.describe(data), ...rows].join(' '));
  }

  private describe({ field, ids }: PlotData): string {
    const name = this.model?.numericFields[field]?.path ?? '';
    const measure = this.measure === 'rate' ? strings.plotRate : strings.columns.value;
    const about = { field: name === '' ? strings.columns.value : name, measure, count: ids.length };
    return fill(strings.plotLabel, about);
  }

  private format(value: number): string {
    return this.measure === 'rate' ? formatRate(value) : formatInteger(value);
  }

  private fit(): void {
    const place = this.renderRoot.querySelector<HTMLElement>('.plot');
    if (this.plot !== undefined && place !== null && place.clientWidth > 0) {
      this.plot.setSize({ width: place.clientWidth, height: plotHeight });
    }
  }
}

/** There are fewer colours than rows. */
function isDashed(row: number): boolean {
  return Math.floor(row / colours.length) % 2 === 1;
}

/** `13:04:59` */
function clock(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

/** Between seconds, `59.25`: one that is nearer than that to its neighbour would read as the same. */
function clockTicks(ticks: readonly number[]): string[] {
  const step = (ticks[1] ?? Number.POSITIVE_INFINITY) - (ticks[0] ?? 0);
  return ticks.map((tick) => (step < 1 ? (tick % 60).toFixed(2).padStart(5, '0') : clock(tick)));
}

/** From zero, so that a little noise does not look like much, with some air at the top. */
function yRange(low: number | null, high: number | null): [number, number] {
  const top = high ?? 0;
  return [Math.min(0, low ?? 0), top <= 0 ? 1 : top * 1.1];
}
