import { css } from 'lit';

/** `--xdp-surface`: what the table lies on; sticky cells need an opaque background. */
export const mapTableStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    --surface: var(--xdp-surface, var(--vscode-editor-background));
  }
  .scroller {
    flex: 0 1 auto;
    min-height: 0;
    overflow: auto;
    overflow-anchor: none;
    background: var(--surface);
  }
  .scroller:focus-visible {
    outline-offset: -1px;
  }
  table {
    border-collapse: separate;
    border-spacing: 0;
    table-layout: fixed;
    width: 0;
  }
  th,
  td {
    height: 22px;
    line-height: 22px;
    padding: 0 8px;
    font-weight: normal;
    text-align: right;
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
    font-variant-numeric: tabular-nums;
  }
  thead th {
    position: sticky;
    top: 0;
    z-index: 2;
    background: var(--surface);
    color: var(--vscode-descriptionForeground);
  }
  thead tr:nth-child(2) th {
    top: 22px;
  }
  thead tr:nth-child(3) th {
    top: 44px;
  }
  thead tr:last-child th,
  thead th[rowspan] {
    border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    height: 23px;
  }
  /* Not hidden but clipped: a box that hides its overflow would hold the sticky label back. */
  thead th.group {
    text-align: left;
    color: var(--vscode-foreground);
    overflow: clip;
  }
  .group-label {
    position: sticky;
    left: var(--sticky-left, 8px);
  }
  .starts {
    border-left: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
  }
  .key {
    text-align: left;
    position: sticky;
    left: 0;
    z-index: 1;
    background: var(--surface);
  }
  thead th.key {
    z-index: 3;
    vertical-align: bottom;
  }
  th button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    padding: 0;
    margin: 0;
    line-height: 22px;
    cursor: pointer;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  th button:hover {
    color: var(--vscode-foreground);
    text-decoration: underline;
  }
  .arrow {
    display: inline-block;
    width: 10px;
    margin-left: 2px;
    text-align: center;
  }
  .text {
    text-align: left;
  }
  .mono {
    line-height: 22px;
  }
  .zero {
    color: var(--vscode-disabledForeground, var(--vscode-descriptionForeground));
  }
  .part + .part::before {
    content: '·';
    margin: 0 3px;
    color: var(--vscode-descriptionForeground);
  }
  thead th.legend {
    text-align: left;
    padding: 0;
    overflow: clip;
  }
  tr.stacked-key th {
    text-align: left;
    overflow: clip;
    padding: 0;
    border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    background: var(--surface);
  }
  .stacked-label {
    display: inline-block;
    position: sticky;
    left: 0;
    padding: 0 8px;
    max-width: var(--viewport, 100%);
    overflow: hidden;
    text-overflow: ellipsis;
    vertical-align: top;
    height: 22px;
  }
  tbody tr.entry:hover td,
  tbody tr.entry:hover .key {
    background-image: linear-gradient(var(--vscode-list-hoverBackground), var(--vscode-list-hoverBackground));
  }
  .heat-1 {
    background-color: color-mix(in srgb, var(--vscode-charts-blue) 3%, transparent);
  }
  .heat-2 {
    background-color: color-mix(in srgb, var(--vscode-charts-blue) 7%, transparent);
  }
  .heat-3 {
    background-color: color-mix(in srgb, var(--vscode-charts-blue) 12%, transparent);
  }
  .heat-4 {
    background-color: color-mix(in srgb, var(--vscode-charts-blue) 17%, transparent);
  }
  .heat-5 {
    background-color: color-mix(in srgb, var(--vscode-charts-blue) 22%, transparent);
  }
  :host-context(.vscode-high-contrast) td {
    background-color: transparent;
  }
  /* Two names for one effect: changing between them starts the animation again. */
  @media (prefers-reduced-motion: no-preference) {
    .flash-a span {
      animation: flash-a 450ms ease-out;
    }
    .flash-b span {
      animation: flash-b 450ms ease-out;
    }
  }
  @keyframes flash-a {
    from {
      color: var(--vscode-charts-blue);
    }
  }
  @keyframes flash-b {
    from {
      color: var(--vscode-charts-blue);
    }
  }
  .spacer td,
  td.skip,
  th.skip {
    padding: 0;
    border: 0;
  }
`;
