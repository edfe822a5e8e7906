import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '../../common/notice.ts';
import { fill, formatInteger, hexText } from '../../common/format.ts';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import type { EventLog, EventRecord } from '../data/eventLog.ts';
import { strings } from '../strings.ts';

const rowHeight = 22;
/** More of one record is for a hex editor. */
const maxHex = 256;

/** The events of a ring buffer or a perf event array as they come, newest last: decoded as a chosen type, with hex beside. */
@customElement('xdp-event-stream')
export class EventStream extends LitElement {
  @property({ attribute: false }) log: EventLog | undefined;
  @property() map = '';
  @state() private viewport = { top: 0, height: 0 };
  /** Until somebody scrolls up, the newest is in sight. */
  private atEnd = true;
  private readonly resize = new ResizeObserver(() => this.look());

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        flex: 1 1 auto;
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
        align-items: center;
        padding: 4px 8px;
      }
      .scroller {
        flex: 1 1 auto;
        min-height: 0;
        overflow: auto;
        border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      }
      .rows {
        position: relative;
        min-width: max-content;
      }
      .row {
        position: absolute;
        left: 0;
        display: flex;
        gap: 12px;
        height: ${rowHeight}px;
        line-height: ${rowHeight}px;
        padding: 0 8px;
        white-space: pre;
        contain: layout style;
      }
      .row:hover {
        background: var(--vscode-list-hoverBackground);
      }
      .number {
        min-width: 56px;
        text-align: right;
        color: var(--vscode-descriptionForeground);
        font-variant-numeric: tabular-nums;
      }
      .time,
      .cpu {
        min-width: 64px;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .hex {
        color: var(--vscode-descriptionForeground);
      }
      .status {
        padding: 4px 8px;
        color: var(--vscode-descriptionForeground);
        font-size: 12px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  protected override updated(): void {
    const scroller = this.renderRoot.querySelector('.scroller');
    if (scroller !== null && this.atEnd) scroller.scrollTop = scroller.scrollHeight;
    this.look();
  }

  private readonly look = (): void => {
    const scroller = this.renderRoot.querySelector('.scroller');
    if (scroller === null) return;
    const { scrollTop: top, clientHeight: height } = scroller;
    if (top !== this.viewport.top || height !== this.viewport.height) this.viewport = { top, height };
  };

  private readonly onScroll = (event: Event): void => {
    const { scrollTop, clientHeight, scrollHeight } = event.currentTarget as HTMLElement;
    this.atEnd = scrollTop + clientHeight >= scrollHeight - rowHeight;
    this.look();
  };

  protected override render(): TemplateResult | typeof nothing {
    const { log } = this;
    if (log === undefined) return nothing;
    switch (log.state.kind) {
      case 'foreign':
        return html`<xdp-notice kind="info" message=${log.state.message} fix=${strings.foreignEvents}
          button=${strings.followAnyway} @action=${() => void log.follow({ force: true })}></xdp-notice>`;
      case 'failed':
        return html`<xdp-notice kind="error" message=${log.state.message} fix=${log.state.fix ?? ''}
          button=${strings.followAgain} @action=${() => void log.follow({ force: false })}></xdp-notice>`;
      case 'stopped':
      case 'starting':
      case 'running':
        return html`${this.renderBar(log)}${this.renderRows(log)}${this.renderStatus(log)}`;
    }
  }

  private renderBar(log: EventLog): TemplateResult {
    return html`<div class="bar">
      <label for="type" title=${strings.eventTypeHint}>${strings.eventType}</label>
      <span class="select"><select id="type" @change=${(event: Event) => {
        const id = Number((event.target as HTMLSelectElement).value);
        log.choose(log.types.find((type) => type.id === id));
      }}>
        <option value="0" .selected=${log.type === undefined}>${strings.eventHex}</option>
        ${log.types.map(
          (type) =>
            html`<option value=${type.id} .selected=${type.id === log.type?.id}>${type.name} (${fill(strings.bytes, { count: type.size })})</option>`,
        )}
      </select></span>
      <vscode-button secondary @click=${() => log.clear()}>${strings.clearEvents}</vscode-button>
    </div>`;
  }

  private renderRows(log: EventLog): TemplateResult {
    const { records } = log;
    if (records.length === 0) {
      return html`<xdp-notice kind="empty" message=${strings.noEvents}></xdp-notice>`;
    }
    const first = Math.max(0, Math.floor(this.viewport.top / rowHeight) - 4);
    const last = Math.min(
      records.length,
      Math.ceil((this.viewport.top + Math.max(440, this.viewport.height)) / rowHeight) + 4,
    );
    const [oldest] = records;
    return html`<div class="scroller" tabindex="0" role="log" aria-live="off" aria-label=${fill(strings.eventsOf, { map: this.map })} @scroll=${this.onScroll}>
      <div class="rows" .style=${`height: ${records.length * rowHeight}px`}>
        ${records.slice(first, last).map((record, at) => this.renderRow(log, record, first + at, oldest?.atMs ?? 0))}
      </div>
    </div>`;
  }

  private renderRow(log: EventLog, record: EventRecord, index: number, startMs: number): TemplateResult {
    const text = log.type === undefined ? undefined : (log.textOf(record) ?? strings.otherType);
    const hex = hexText(record.data.subarray(0, maxHex), ' ') + (record.data.length > maxHex ? ' …' : '');
    return html`<div class="row" data-number=${record.number} .style=${`top: ${index * rowHeight}px`}>
      <span class="number">${record.number}</span>
      <span class="time" title=${strings.eventTime}>${((record.atMs - startMs) / 1000).toFixed(1)} s</span>
      ${record.cpu === undefined ? nothing : html`<span class="cpu">${fill(strings.cpu, { cpu: record.cpu })}</span>`}
      ${text === undefined ? nothing : html`<span class="value">${text}</span>`}
      <span class="hex mono">${hex}</span>
    </div>`;
  }

  private renderStatus(log: EventLog): TemplateResult {
    const parts = [
      fill(strings.eventCount, { count: formatInteger(log.records.at(-1)?.number ?? 0) }),
      log.lost > 0 ? fill(strings.eventsLost, { count: formatInteger(log.lost) }) : '',
      log.left > 0 ? fill(strings.eventsLeft, { count: formatInteger(log.left) }) : '',
    ];
    return html`<div class="status">${parts.filter((part) => part !== '').join(' · ')}</div>`;
  }
}
