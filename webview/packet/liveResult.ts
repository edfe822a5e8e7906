import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { ToPacketPanel } from '../../extension/protocol/webview.ts';
import { fill, formatInteger, formatNanoseconds } from '../common/format.ts';
import { baseStyles } from '../common/theme.ts';
import './mapChanges.ts';
import { strings } from './strings.ts';

export type LiveOutcome = Extract<ToPacketPanel, { kind: 'liveResult' }>;

/** What became of live frames: how many, how fast, and what they did to the maps. */
@customElement('xdp-live-result')
export class LiveResult extends LitElement {
  @property({ attribute: false }) result: LiveOutcome | undefined;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .rate {
        font-size: 14px;
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      p {
        margin: 4px 0;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    if (this.result === undefined) return nothing;
    const { frames, iface, packetsPerSecond, durationNs, batch, elapsedMs, maps } = this.result;
    const time = fill(strings.liveTime, {
      time: formatNanoseconds(durationNs),
      batch,
      elapsed: formatNanoseconds(elapsedMs * 1e6),
    });
    return html`<p class="rate">${fill(strings.liveRate, { rate: formatInteger(packetsPerSecond) })}</p>
      <p>${fill(strings.liveSent, { count: formatInteger(frames), iface })} <span class="muted">${time}</span></p>
      <p class="muted">${strings.liveNoVerdict}</p>
      <xdp-map-changes .maps=${maps}></xdp-map-changes>`;
  }
}
