import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import uPlot from 'uplot';
import uplotStyles from 'uplot/dist/uPlot.min.css';
import '@vscode-elements/elements/dist/vscode-toolbar-button/index.js';
import { fill, formatInteger, formatRate } from '../../common/format.ts';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import type { MapModel } from '../data/mapModel.ts';
import { strings } from '../strings.ts';
import type { Measure, PlotData } from './plotData.ts';

const height = 180;
const colours = ['blue', 'orange', 'green', 'red', 'purple', 'yellow'] as const;
/** Seconds that are shown; 0: all there is. */
const spans = [60, 300, 900, 0] as const;

/** The chosen rows over time. Drag to zoom, double-click for all of it again. Fires `remove` with a row's id. */
@customElement('xdp-plot-pane')
export class PlotPane extends LitElement {
  @property({ attribute: false }) data: PlotData | undefined;
  /** Of `data`, so that another choice of rows is another rendering. */
  @property({ attribute: false }) ids: readonly string[] = [];
  @property({ attribute: false }) model: MapModel | undefined;
  @state() private measure: Measure = 'rate';
  @state() private span: number = spans[0];
  @state() private paused = false;
  @state() private zoomed = false;
  private plot: uPlot | undefined;
  private shape = '';
  private readonly resize = new ResizeObserver(() => this.fit());
  private readonly themes = new MutationObserver(() => this.rebuild());

  static override styles = [
    baseStyles,
    inputStyles,
    unsafeCSS(uplotStyles),
    css`
      :host {
        display: block;
        flex: none;
        border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent));
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
        align-items: center;
        padding: 4px 8px 0;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 12px;
        flex: 1 1 auto;
      }
      .legend button {
        display: inline-flex;
        gap: 6px;
        align-items: center;
        padding: 0 2px;
        border: 0;
        font: inherit;
        color: inherit;
        background: none;
        cursor: pointer;
      }
      .legend button:hover {
        text-decoration: line-through;
      }
      .mark {
        width: 12px;
        height: 0;
        border-top: 2px solid;
      }
      .plot {
        height: ${height}px;
        overflow: hidden;
      }
      .u-select {
        background: var(--vscode-editor-selectionBackground);
      }
    `,
  ];

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
    if (!this.paused) this.redraw();
  }

  protected override updated(changed: PropertyValues): void {
    const shape = [this.measure, ...(this.data?.ids ?? [])].join('\n');
    if (shape !== this.shape || this.plot === undefined) {
      this.shape = shape;
      this.rebuild();
    } else if (changed.has('span') || changed.has('paused')) {
      this.redraw();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { data, model } = this;
    if (data === undefined || model === undefined || data.ids.length === 0) return nothing;
    const fields = model.numericFields;
    const name = fields[data.field]?.path ?? '';
    const label = fill(strings.plotLabel, {
      field: name === '' ? strings.columns.value : name,
      count: data.ids.length,
    });
    const select = (
      title: string,
      options: readonly (readonly [string | number, string])[],
      chosen: string | number,
      choose: (value: string) => void,
    ): TemplateResult =>
      html`<span class="select"><select aria-label=${title} title=${title} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        ${options.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
      </select></span>`;
    return html`<div class="bar">
        ${
          fields.length > 1
            ? select(
                strings.plotField,
                fields.map(({ path }, at) => [at, path] as const),
                data.field,
                (value) => {
                  data.setField(Number(value));
                  this.requestUpdate();
                  this.redraw();
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
          spans.map(
            (seconds) =>
              [seconds, seconds === 0 ? strings.plotAll : fill(strings.plotMinutes, { count: seconds / 60 })] as const,
          ),
          this.span,
          (value) => this.showSpan(Number(value)),
        )}
        ${this.zoomed ? this.button('zoom-out', strings.plotReset, () => this.showSpan(this.span)) : nothing}
        ${this.button(this.paused ? 'play' : 'debug-pause', this.paused ? strings.plotResume : strings.plotPause, () => (this.paused = !this.paused))}
        <div class="legend">${data.ids.map((id, at) => this.renderLegend(id, at))}</div>
      </div>
      <div class="plot" role="img" aria-label=${label}></div>`;
  }

  private button(icon: string, label: string, act: () => void): TemplateResult {
    return html`<vscode-toolbar-button icon=${icon} label=${label} title=${label} @click=${act}></vscode-toolbar-button>`;
  }

  private renderLegend(id: string, at: number): TemplateResult {
    const name = this.data?.names.get(id) ?? '';
    return html`<button title=${fill(strings.plotRemove, { row: name })} @click=${() => this.dispatchEvent(new CustomEvent('remove', { detail: id }))}>
      <span class="mark" .style=${`border-color: var(--vscode-charts-${colours[at % colours.length] ?? 'blue'})`}></span>${name}
    </button>`;
  }

  private showSpan(seconds: number): void {
    this.span = seconds;
    this.zoomed = false;
    this.redraw();
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
    const format = this.measure === 'rate' ? formatRate : formatInteger;
    this.plot = new uPlot(
      {
        width: Math.max(120, place.clientWidth),
        height,
        legend: { show: false },
        cursor: { drag: { x: true, y: false }, points: { size: 5 } },
        scales: { x: { time: true }, y: { range: (_plot, low, high) => yRange(low, high) } },
        axes: [axis, { ...axis, size: 74, values: (_plot, ticks) => ticks.map((tick) => format(tick)) }],
        series: [
          {},
          ...data.ids.map((id, at) => ({
            label: data.names.get(id) ?? '',
            stroke: colour(`charts-${colours[at % colours.length] ?? 'blue'}`),
            width: 1.5,
            points: { show: false },
            spanGaps: false,
          })),
        ],
        hooks: {
          setSelect: [
            (plot) => {
              if (plot.select.width > 0) this.zoomed = true;
            },
          ],
        },
      },
      this.columns(),
      place,
    );
    place.addEventListener('dblclick', () => this.showSpan(this.span));
    this.redraw();
  }

  private columns(): uPlot.AlignedData {
    return this.data?.columns(this.measure) ?? [[]];
  }

  private redraw(): void {
    const { plot } = this;
    if (plot === undefined || this.paused) return;
    const columns = this.columns();
    if (this.zoomed) {
      plot.setData(columns, false);
      plot.redraw();
      return;
    }
    const [times] = columns;
    const last = times.at(-1) ?? Date.now() / 1000;
    const first = this.span === 0 ? (times[0] ?? last - 60) : last - this.span;
    plot.batch(() => {
      plot.setData(columns, false);
      plot.setScale('x', { min: first, max: Math.max(last, first + 1) });
    });
  }

  private fit(): void {
    const place = this.renderRoot.querySelector<HTMLElement>('.plot');
    if (this.plot !== undefined && place !== null && place.clientWidth > 0) {
      this.plot.setSize({ width: place.clientWidth, height });
    }
  }
}

/** From zero, so that a little noise does not look like much, with some air at the top. */
function yRange(low: number | null, high: number | null): [number, number] {
  const top = high ?? 0;
  return [Math.min(0, low ?? 0), top <= 0 ? 1 : top * 1.1];
}
