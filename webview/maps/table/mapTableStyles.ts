import { css } from 'lit';

/** `--xdp-surface`: what the table lies on; sticky cells need an opaque background. */
export const mapTableStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    --surface: var(--xdp-surface, var(--vscode-editor-background));
    --heat-1: color-mix(in srgb, var(--vscode-charts-blue) 3%, transparent);
    --heat-2: color-mix(in srgb, var(--vscode-charts-blue) 7%, transparent);
    --heat-3: color-mix(in srgb, var(--vscode-charts-blue) 12%, transparent);
    --heat-4: color-mix(in srgb, var(--vscode-charts-blue) 17%, transparent);
    --heat-5: color-mix(in srgb, var(--vscode-charts-blue) 22%, transparent);
  }
  /* Shades would take the contrast away: the warmer the cell, the longer a line under its number. */
  :host-context(.vscode-high-contrast) {
    --line: linear-gradient(var(--vscode-contrastBorder), var(--vscode-contrastBorder)) right 8px bottom 1px;
    --heat-1: var(--line) / calc((100% - 16px) * 20 / 100) 2px no-repeat;
    --heat-2: var(--line) / calc((100% - 16px) * 40 / 100) 2px no-repeat;
    --heat-3: var(--line) / calc((100% - 16px) * 60 / 100) 2px no-repeat;
    --heat-4: var(--line) / calc((100% - 16px) * 80 / 100) 2px no-repeat;
    --heat-5: var(--line) / calc((100% - 16px) * 100 / 100) 2px no-repeat;
  }
  .scroller {
    flex: 0 1 auto;
    min-height: 0;
    overflow: auto;
    overflow-anchor: none;
    background: var(--surface);
  }
  /* Table elements for what they mean, laid out as boxes: a row must not make the browser lay out the others. */
  table,
  thead,
  tbody {
    display: block;
  }
  table:focus {
    outline: none;
  }
  thead {
    position: sticky;
    top: 0;
    z-index: 2;
    background: var(--surface);
    color: var(--vscode-descriptionForeground);
  }
  tbody {
    position: relative;
    contain: strict;
    width: 100%;
  }
  /* The browser's own sheet makes these inherit what is not inherited else, and where one child does, no child of that parent takes the
     style that the browser already has: each of 700 cells would be worked out by itself. */
  thead,
  tbody,
  tr,
  th,
  td {
    vertical-align: top;
    border-color: currentColor;
  }
  tr {
    display: flex;
  }
  tbody tr {
    position: absolute;
    top: 0;
    left: 0;
    /* Cells are not contained: each would be a layer of its own, and painting 700 layers takes longer than laying out their rows. */
    contain: strict;
  }
  /* A note may be wider than the columns. */
  tbody tr.note {
    contain: layout size style;
  }
  tbody tr.stacked {
    flex-wrap: wrap;
  }
  th,
  td {
    flex: none;
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
  /* Their columns are as wide as they are, and clipping costs with every reading. */
  tbody td:not(.text) {
    overflow: visible;
    text-rendering: optimizeSpeed;
  }
  tr.labels {
    border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
  }
  /* Not hidden but clipped: a box that hides its overflow would hold the sticky label back. */
  .group {
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
  .key.stacked {
    width: 100%;
    overflow: clip;
  }
  .key.stacked > span:not(.fold) {
    position: sticky;
    left: 8px;
    display: inline-block;
    max-width: calc(var(--viewport, 100%) - 16px);
    overflow: hidden;
    text-overflow: ellipsis;
    vertical-align: top;
  }
  .fold {
    display: none;
    width: 16px;
    margin-left: -4px;
    vertical-align: top;
    height: 22px;
    text-align: center;
    cursor: pointer;
  }
  .fold[data-state='open'],
  .fold[data-state='closed'] {
    display: inline-block;
  }
  /* An arrow of two borders: it takes the text's colour in every theme. */
  .fold::before {
    content: '';
    display: inline-block;
    width: 5px;
    height: 5px;
    border: solid currentColor;
    border-width: 0 1px 1px 0;
    transform: translateY(-2px) rotate(-45deg);
  }
  .fold[data-state='open']::before {
    transform: translateY(-3px) rotate(45deg);
  }
  tr.cpu .key {
    padding-left: 24px;
    color: var(--vscode-descriptionForeground);
  }
  tr.note .key {
    flex: 0 0 auto;
    width: auto;
    max-width: var(--viewport, 100%);
    padding-left: 24px;
    color: color-mix(in srgb, var(--vscode-errorForeground) 65%, var(--vscode-foreground));
  }
  tr.note .key ~ * {
    display: none;
  }
  tr.gone {
    color: var(--vscode-disabledForeground, var(--vscode-descriptionForeground));
    text-decoration: line-through;
  }
  tr.plotted .key {
    box-shadow: inset 2px 0 0 var(--vscode-charts-blue);
  }
  table:focus-visible #active-cell {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
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
  thead th.legend {
    text-align: left;
    padding: 0;
    overflow: clip;
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
  tbody tr.entry:hover,
  tbody tr.entry:hover .key,
  tbody tr.cpu:hover,
  tbody tr.cpu:hover .key {
    background-image: linear-gradient(var(--vscode-list-hoverBackground), var(--vscode-list-hoverBackground));
  }
  .heat-1 {
    background: var(--heat-1);
  }
  .heat-2 {
    background: var(--heat-2);
  }
  .heat-3 {
    background: var(--heat-3);
  }
  .heat-4 {
    background: var(--heat-4);
  }
  .heat-5 {
    background: var(--heat-5);
  }
  /* Enough of the text's own colour to be read on every shade of heat. */
  td.changed {
    color: color-mix(in srgb, var(--vscode-charts-blue) 45%, var(--vscode-foreground));
  }
  td svg {
    display: block;
    margin: 3px 0;
  }
  td path {
    fill: none;
    stroke: var(--vscode-charts-blue);
    stroke-width: 1;
  }
  td.skip {
    padding: 0;
    border: 0;
  }
`;
