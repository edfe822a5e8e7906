import { css, html, LitElement, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { OutlinedTest } from '../../extension/core/packetTest/outline.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { translated } from '../../extension/core/text/language.ts';
import { summarize } from '../../extension/core/packet/summary.ts';
import { baseStyles } from '../common/theme.ts';
import { strings } from './strings.ts';

export type TestAction = { kind: 'select' | 'duplicate' | 'remove' | 'up' | 'down'; test: number };

/** The tests of a file. Fires `test-action` (detail: TestAction). */
@customElement('xdp-test-list')
export class TestList extends LitElement {
  @property({ attribute: false }) tests: readonly OutlinedTest[] = [];
  @property({ attribute: false }) selected = 0;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        position: relative;
        padding: 4px 8px;
        border-left: 2px solid transparent;
        cursor: pointer;
      }
      li:hover {
        background: var(--vscode-list-hoverBackground);
      }
      li[aria-selected='true'] {
        background: var(--vscode-list-inactiveSelectionBackground);
        border-left-color: var(--vscode-focusBorder);
      }
      li:focus-visible {
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
      .first {
        display: flex;
        gap: 8px;
        align-items: baseline;
      }
      .name {
        flex: 1 1 0;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .action {
        flex: none;
        font-size: 11px;
        color: var(--vscode-descriptionForeground);
        font-family: var(--vscode-editor-font-family, monospace);
      }
      .packet {
        font-size: 11px;
        line-height: 16px;
        color: var(--vscode-descriptionForeground);
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      li[aria-selected='true'] .action,
      li[aria-selected='true'] .packet {
        color: var(--vscode-foreground);
      }
    `,
  ];

  protected override render(): TemplateResult {
    return html`<ul role="listbox" aria-label=${strings.tests}>${this.tests.map((test, at) => this.renderTest(test, at))}</ul>`;
  }

  private renderTest(test: OutlinedTest, at: number): TemplateResult {
    const selected = at === this.selected;
    const name = test.name === '' ? strings.unnamed : test.name;
    return html`<li
        role="option"
        aria-selected=${selected ? 'true' : 'false'}
        tabindex=${selected ? 0 : -1}
        title=${name}
        @click=${() => this.act('select', at)}
        @keydown=${(event: KeyboardEvent) => this.onKey(event, at)}
      >
        <div class="first">
          <span class="name">${name}</span>
          <span class="action">${(test.action ?? '').replace('XDP_', '')}</span>
        </div>
        <div class="packet">${packetLine(test)}</div>
      </li>`;
  }

  private onKey(event: KeyboardEvent, at: number): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && event.altKey) this.act(step > 0 ? 'down' : 'up', at);
    else if (step !== undefined) this.focusTest(at + step);
    else if (event.key === 'Delete') this.act('remove', at);
    else if (event.key === 'd' && (event.ctrlKey || event.metaKey)) this.act('duplicate', at);
    else return;
    event.preventDefault();
  }

  private focusTest(at: number): void {
    if (at < 0 || at >= this.tests.length) return;
    this.act('select', at);
    void this.updateComplete.then(() => this.renderRoot.querySelectorAll<HTMLElement>('li')[at]?.focus());
  }

  private act(kind: TestAction['kind'], test: number): void {
    this.dispatchEvent(new CustomEvent<TestAction>('test-action', { detail: { kind, test } }));
  }
}

/** The first packet in one line, and how many there are. */
function packetLine({ packets }: OutlinedTest): string {
  const [first] = packets;
  if (first === undefined) return strings.noPackets;
  const more = packets.length > 1 ? ` (${packets.length})` : '';
  switch (first.kind) {
    case 'pcap':
      return `${first.file} #${first.index}${more}`;
    case 'problem':
      return translated(first.message);
    case 'layers':
      try {
        const { source, destination, protocol, info } = summarize(buildPacket(first.layers));
        return `${source} → ${destination} · ${protocol}${info === '' ? '' : ` · ${info}`}${more}`;
      } catch {
        return '';
      }
  }
}
