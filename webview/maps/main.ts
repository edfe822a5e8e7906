import { css, html, LitElement, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { type FromMapsView, toMapsView } from '../../extension/protocol/webview.ts';
import { openChannel } from '../common/channel.ts';
import './liveMaps.ts';
import { MapsStore } from './data/mapsStore.ts';
import { adoptPageStyles, baseStyles } from '../common/theme.ts';

const channel = openChannel<typeof toMapsView, FromMapsView>(toMapsView);
adoptPageStyles();

/** The XDP map viewer in the side panel: the live counters, as high as the view. */
@customElement('xdp-maps-view')
export class MapsView extends LitElement {
  private readonly store = new MapsStore(channel);
  private stops: (() => void)[] = [];

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        height: 100vh;
        --xdp-surface: var(--vscode-sideBar-background);
        background: var(--xdp-surface);
      }
      xdp-live-maps {
        flex: 1 1 auto;
        min-height: 0;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    // First listen, then say so: the host answers `ready` at once.
    this.stops = [channel.listen((message) => this.store.accept(message)), this.store.start()];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.stops) stop();
  }

  protected override render(): TemplateResult {
    return html`<xdp-live-maps .store=${this.store}></xdp-live-maps>`;
  }
}
