import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-toolbar-button/index.js';
import type { SnapshotChange } from '../../../extension/core/maps/snapshot.ts';
import type { Value } from '../../../extension/core/maps/value.ts';
import { fill, formatInteger } from '../../common/format.ts';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import { valueText } from '../data/leaves.ts';
import type { Snapshots } from '../data/snapshots.ts';
import { strings } from '../strings.ts';

/** A difference of more lines than this is for a file. */
const maxLines = 500;

type Line =
  | { kind: 'added' | 'removed'; key: string; text: string }
  | { kind: 'changed'; key: string; name: string; field: string; before: string; after: string; delta: string };

/** Two snapshots and what is different between them. Fires `save` and `copy` with text. */
@customElement('xdp-snapshot-pane')
export class SnapshotPane extends LitElement {
  @property({ attribute: false }) snapshots: Snapshots | undefined;
  /** Of `snapshots`: another choice is another rendering, another reading of the map is not. */
  @property({ attribute: false }) shown: Snapshots['shown'];

  static override styles = [
    baseStyles,
    inputStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        flex: 0 1 auto;
        min-height: 120px;
        max-height: 50%;
        border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent));
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
        align-items: center;
        padding: 4px 8px;
      }
      .tools {
        display: flex;
        margin-left: auto;
      }
      .scroller {
        overflow: auto;
        min-height: 0;
      }
      table {
        border-collapse: collapse;
      }
      th,
      td {
        padding: 0 8px;
        line-height: 22px;
        font-weight: normal;
        text-align: left;
        white-space: nowrap;
      }
      thead th {
        position: sticky;
        top: 0;
        color: var(--vscode-descriptionForeground);
        background: var(--xdp-surface, var(--vscode-editor-background));
      }
      .num {
        text-align: right;
      }
      p {
        margin: 0;
        padding: 0 8px 4px;
      }
    `,
  ];

  protected override render(): TemplateResult | typeof nothing {
    const { snapshots } = this;
    const after = snapshots?.after;
    if (snapshots === undefined || after === undefined) return nothing;
    const choose = (which: 'before' | 'after', label: string): TemplateResult =>
      html`<span class="select"><select aria-label=${label} title=${label}
        @change=${(event: Event) => snapshots.compare({ [which]: Number((event.target as HTMLSelectElement).value) })}>
        ${snapshots.taken.map(
          (taken) =>
            html`<option value=${taken.number} .selected=${taken.number === snapshots.shown?.[which]}>${snapshots.nameOf(taken)}</option>`,
        )}
      </select></span>`;
    const button = (icon: string, label: string, act: () => void): TemplateResult =>
      html`<vscode-toolbar-button icon=${icon} label=${label} title=${label} @click=${act}></vscode-toolbar-button>`;
    const { name } = after.snapshot;
    return html`<div class="bar">
        ${choose('before', strings.snapshotBefore)}<span aria-hidden="true">→</span>${choose('after', strings.snapshotAfter)}
        <span class="tools">
          ${button('device-camera', strings.takeSnapshot, () => void snapshots.take())}
          ${button('save', strings.saveSnapshot, () => this.fire('save', `${name}-${after.number}.json`, JSON.stringify(after.snapshot, null, 2)))}
          ${button('beaker', strings.copyExpectation, () => this.fire('copy', name, snapshots.expectation))}
          ${button('close', strings.closeSnapshots, () => snapshots.close())}
        </span>
      </div>
      ${after.truncated ? html`<p>${fill(strings.snapshotTruncated, { count: formatInteger(after.snapshot.entries.length) })}</p>` : nothing}
      ${this.renderDifference(snapshots)}`;
  }

  private fire(kind: 'save' | 'copy', name: string, text: string): void {
    this.dispatchEvent(new CustomEvent(kind, { detail: { name, text } }));
  }

  private renderDifference(snapshots: Snapshots): TemplateResult {
    const { difference } = snapshots;
    if (difference === undefined) return html`<p>${strings.snapshotOnly}</p>`;
    const { added, removed, changed, same, notes } = difference;
    const lines: Line[] = [
      ...removed.map(
        ({ key, value, values }): Line => ({
          kind: 'removed',
          key: snapshots.keyName(key),
          text: short(values ?? value ?? null),
        }),
      ),
      ...added.map(
        ({ key, value, values, sum }): Line => ({
          kind: 'added',
          key: snapshots.keyName(key),
          text: short(sum ?? values ?? value ?? null),
        }),
      ),
      ...changed.flatMap((change) => linesOf(change, snapshots)),
    ];
    const summary = fill(strings.snapshotSummary, {
      added: formatInteger(added.length),
      removed: formatInteger(removed.length),
      changed: formatInteger(changed.length),
      same: formatInteger(same),
    });
    return html`<p role="status">${[summary, ...notes].join(' ')}</p>
      ${lines.length === 0 ? nothing : this.renderLines(lines)}
      ${lines.length > maxLines ? html`<p>${fill(strings.snapshotMore, { count: formatInteger(lines.length - maxLines) })}</p>` : nothing}`;
  }

  private renderLines(lines: readonly Line[]): TemplateResult {
    return html`<div class="scroller" tabindex="0" role="region" aria-label=${strings.snapshotDifferences}>
      <table>
        <thead><tr>
          <th scope="col">${strings.snapshotKind}</th><th scope="col">${strings.key}</th><th scope="col">${strings.snapshotField}</th>
          <th scope="col" class="num">${strings.snapshotBefore}</th><th scope="col" class="num">${strings.snapshotAfter}</th><th scope="col" class="num">${strings.columns.delta}</th>
        </tr></thead>
        <tbody>${lines.slice(0, maxLines).map((line) => this.renderLine(line))}</tbody>
      </table>
    </div>`;
  }

  private renderLine(line: Line): TemplateResult {
    switch (line.kind) {
      case 'added':
        return html`<tr data-change="added"><td>${strings.snapshotAdded}</td><th scope="row">${line.key}</th><td></td><td></td><td class="num">${line.text}</td><td></td></tr>`;
      case 'removed':
        return html`<tr data-change="removed"><td>${strings.snapshotRemoved}</td><th scope="row">${line.key}</th><td></td><td class="num">${line.text}</td><td></td><td></td></tr>`;
      case 'changed':
        return html`<tr data-change="changed" data-key=${line.key}><td>${strings.snapshotChanged}</td><th scope="row">${line.name}</th><td>${line.field}</td>
          <td class="num">${line.before}</td><td class="num">${line.after}</td><td class="num">${line.delta}</td></tr>`;
    }
  }
}

function linesOf({ key, fields }: SnapshotChange, snapshots: Snapshots): Line[] {
  const name = snapshots.keyName(key);
  return fields.map(({ path, before, after, delta }) => ({
    kind: 'changed',
    key: valueText(key),
    name,
    field: path,
    before: number(before),
    after: number(after),
    delta: delta === undefined ? '' : delta.startsWith('-') ? number(delta) : `+${number(delta)}`,
  }));
}

function number(value: Value): string {
  const text = valueText(value ?? '');
  return /^-?\d+$/.test(text) ? formatInteger(BigInt(text)) : text;
}

function short(value: Value): string {
  const text = valueText(value ?? '');
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
