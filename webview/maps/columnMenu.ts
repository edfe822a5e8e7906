import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-toolbar-button/index.js';
import { baseStyles } from '../common/theme.ts';
import type { ShownColumns } from './data/mapsStore.ts';
import { strings } from './strings.ts';

/** Which columns the table has beside keys and sums. Fires `columns` with what changed. */
@customElement('xdp-column-menu')
export class ColumnMenu extends LitElement {
  @property({ attribute: false }) show: ShownColumns | undefined;
  @property({ attribute: false }) perCpu = false;
  @property({ attribute: false }) numeric = false;
  @state() private open = false;

  static override styles = [
    baseStyles,
    css`
      :host {
        position: relative;
      }
      .menu {
        position: absolute;
        top: 26px;
        right: 0;
        z-index: 10;
        width: max-content;
        padding: 4px 0;
        color: var(--vscode-menu-foreground, var(--vscode-foreground));
        background: var(--vscode-menu-background, var(--vscode-editorWidget-background));
        border: 1px solid var(--vscode-menu-border, var(--vscode-widget-border, var(--vscode-contrastBorder, transparent)));
        border-radius: 4px;
      }
      label {
        display: flex;
        gap: 8px;
        align-items: center;
        padding: 2px 12px;
        line-height: 20px;
      }
      label:hover {
        background: var(--vscode-list-hoverBackground);
      }
      input {
        margin: 0;
        accent-color: var(--vscode-focusBorder);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('pointerdown', this.onOutside);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('pointerdown', this.onOutside);
  }

  private readonly onOutside = (event: Event): void => {
    if (this.open && !event.composedPath().includes(this)) this.open = false;
  };

  protected override render(): TemplateResult {
    return html`<vscode-toolbar-button
        icon="list-selection"
        label=${strings.showColumns}
        title=${strings.showColumns}
        aria-expanded=${this.open ? 'true' : 'false'}
        @click=${() => (this.open = !this.open)}
      ></vscode-toolbar-button>
      ${this.open ? this.renderMenu() : nothing}`;
  }

  private renderMenu(): TemplateResult {
    const { show } = this;
    const option = (name: keyof ShownColumns, label: string, there: boolean): TemplateResult | typeof nothing =>
      there
        ? html`<label
            ><input
              type="checkbox"
              .checked=${show?.[name] === true}
              @change=${(event: Event) => this.choose({ [name]: (event.target as HTMLInputElement).checked })}
            />${label}</label
          >`
        : nothing;
    return html`<div class="menu" role="group" aria-label=${strings.showColumns} @keydown=${this.onKey}>
      ${option('delta', strings.columnDelta, this.numeric)}
      ${option('trend', strings.columnTrend, this.numeric)}
      ${option('spread', strings.columnSpread, this.perCpu && this.numeric)}
      ${option('cpus', strings.columnCpus, this.perCpu)}
      ${option('idle', strings.columnIdle, this.perCpu)}
    </div>`;
  }

  private choose(change: Partial<ShownColumns>): void {
    this.dispatchEvent(new CustomEvent('columns', { detail: change }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    this.open = false;
    this.renderRoot.querySelector<HTMLElement>('vscode-toolbar-button')?.focus();
  };
}
