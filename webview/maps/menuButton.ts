import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { baseStyles } from '../common/theme.ts';

export interface MenuItem {
  label: string;
  /** With a check mark: undefined for what is done and not switched. */
  checked?: boolean;
  disabled?: boolean;
  /** Said at the right: the key that does the same. */
  key?: string;
  /** A line above it. */
  separated?: boolean;
  act: () => void;
}

/** A button with a menu, as the ARIA menu button pattern has it: arrows move, Escape closes, letters find. */
@customElement('xdp-menu-button')
export class MenuButton extends LitElement {
  @property() icon = '';
  @property() label = '';
  @property({ attribute: false }) items: readonly MenuItem[] = [];
  @state() private open = false;

  static override styles = [
    baseStyles,
    css`
      :host {
        position: relative;
        display: inline-flex;
        min-width: 22px;
        min-height: 22px;
      }
      .menu {
        position: absolute;
        top: 26px;
        right: 0;
        z-index: 10;
        width: max-content;
        min-width: 160px;
        padding: 4px 0;
        color: var(--vscode-menu-foreground, var(--vscode-foreground));
        background: var(--vscode-menu-background, var(--vscode-editorWidget-background));
        border: 1px solid var(--vscode-menu-border, var(--vscode-contrastBorder, var(--vscode-widget-border, transparent)));
        border-radius: 5px;
        box-shadow: 0 2px 8px var(--vscode-widget-shadow, transparent);
      }
      .item {
        display: flex;
        gap: 16px;
        align-items: center;
        width: 100%;
        padding: 0 16px 0 8px;
        border: 0;
        font: inherit;
        line-height: 24px;
        color: inherit;
        background: none;
        text-align: left;
        cursor: pointer;
      }
      .item::before {
        content: '';
        flex: none;
        width: 12px;
        margin-right: -12px;
        text-align: center;
      }
      .item[aria-checked='true']::before {
        content: '✓';
      }
      .item:focus,
      .item:hover:not([aria-disabled='true']) {
        color: var(--vscode-menu-selectionForeground, var(--vscode-list-activeSelectionForeground));
        background: var(--vscode-menu-selectionBackground, var(--vscode-list-activeSelectionBackground));
        outline: 1px solid var(--vscode-menu-selectionBorder, transparent);
        outline-offset: -1px;
      }
      .item[aria-disabled='true'] {
        color: var(--vscode-disabledForeground, var(--vscode-descriptionForeground));
        cursor: default;
      }
      .separated {
        border-top: 1px solid var(--vscode-menu-separatorBackground, var(--vscode-widget-border, transparent));
        margin-top: 4px;
        padding-top: 4px;
      }
      .key {
        margin-left: auto;
        opacity: 0.8;
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

  protected override updated(changed: PropertyValues): void {
    if (changed.has('open') && this.open) this.entries[0]?.focus();
  }

  private get entries(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('.item')];
  }

  protected override render(): TemplateResult {
    return html`<vscode-toolbar-button
        icon=${this.icon}
        label=${this.label}
        title=${this.label}
        @click=${() => (this.open = !this.open)}
      ></vscode-toolbar-button>
      ${this.open ? this.renderMenu() : nothing}`;
  }

  private renderMenu(): TemplateResult {
    return html`<div class="menu" role="menu" aria-label=${this.label} @keydown=${this.onKey}>
      ${this.items.map(
        (item) =>
          html`<div class=${item.separated === true ? 'separated' : ''} role="presentation">
            <button
              class="item"
              tabindex="-1"
              role=${item.checked === undefined ? 'menuitem' : 'menuitemcheckbox'}
              aria-checked=${item.checked ?? nothing}
              aria-disabled=${item.disabled === true ? 'true' : 'false'}
              @click=${() => this.choose(item)}
            >
              ${item.label}${item.key === undefined ? nothing : html`<span class="key">${item.key}</span>`}
            </button>
          </div>`,
      )}
    </div>`;
  }

  private choose(item: MenuItem): void {
    if (item.disabled === true) return;
    // Switches stay open, so that several can be set.
    if (item.checked === undefined) this.close();
    item.act();
  }

  private close(): void {
    this.open = false;
    this.renderRoot.querySelector<HTMLElement>('vscode-toolbar-button')?.focus();
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { entries } = this;
    const at = entries.findIndex((entry) => entry.matches(':focus'));
    const go = (to: number): void => entries[(to + entries.length) % entries.length]?.focus();
    switch (event.key) {
      case 'ArrowDown':
        go(at + 1);
        break;
      case 'ArrowUp':
        go(at - 1);
        break;
      case 'Home':
        go(0);
        break;
      case 'End':
        go(-1);
        break;
      case 'Escape':
        this.close();
        break;
      case 'Tab':
        this.open = false;
        return;
      default: {
        if (event.key.length !== 1 || event.ctrlKey || event.metaKey) return;
        const starts = (entry: HTMLElement): boolean =>
          entry.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase());
        const next = [...entries.slice(at + 1), ...entries.slice(0, at + 1)].find(starts);
        if (next === undefined) return;
        next.focus();
      }
    }
    event.preventDefault();
    event.stopPropagation();
  };
}
