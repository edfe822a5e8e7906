import { css } from 'lit';
import { baseStyles, inputStyles } from '../common/theme.ts';
import { toneStyles } from './toneStyles.ts';

export const runResultStyles = [
  baseStyles,
  inputStyles,
  toneStyles,
  css`
    :host {
      display: block;
      min-width: 0;
    }
    .verdict {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 4px 12px;
    }
    .action {
      padding: 2px 10px;
      border: 1px solid var(--tone);
      border-radius: 4px;
      border-left-width: 4px;
      /* The text keeps the theme's own contrast: only the frame says which action it is. */
      color: var(--vscode-foreground);
      background: color-mix(in srgb, var(--tone) 18%, transparent);
      font-weight: 600;
      font-size: 14px;
      line-height: 20px;
    }
    :host-context(.vscode-high-contrast) .action {
      background: transparent;
    }
    .next {
      display: inline-flex;
      flex-wrap: wrap;
      gap: 0 12px;
      margin-left: auto;
    }
    .moved {
      color: var(--vscode-editorWarning-foreground, var(--vscode-foreground));
    }
    .time {
      font-variant-numeric: tabular-nums;
    }
    p {
      margin: 4px 0;
    }
    h3 {
      margin: 12px 0 4px;
      font-size: 13px;
      font-weight: 600;
    }
    h3 .muted,
    h4 .muted {
      font-weight: normal;
      margin-left: 8px;
    }
    h4 {
      margin: 8px 0 0;
      font-size: 12px;
      font-weight: 600;
    }
    .scroll {
      overflow-x: auto;
    }
    table {
      border-collapse: collapse;
      margin-bottom: 8px;
    }
    th,
    td {
      padding: 1px 16px 1px 0;
      text-align: left;
      font-weight: normal;
      vertical-align: top;
    }
    thead th {
      color: var(--vscode-descriptionForeground);
      font-size: 11px;
    }
    tbody th {
      white-space: nowrap;
    }
    .old {
      color: var(--vscode-descriptionForeground);
    }
    .new {
      color: var(--vscode-charts-yellow);
    }
    .wrongs {
      margin: 4px 0;
      padding: 0;
      list-style: none;
      color: var(--vscode-editorError-foreground);
    }
    .legend {
      display: flex;
      flex-wrap: wrap;
      gap: 0 12px;
      font-size: 11px;
      margin: 4px 0 8px;
    }
    .legend .changed {
      color: var(--vscode-charts-yellow);
    }
    .legend .inserted {
      color: var(--vscode-charts-green);
    }
    .legend .wrong,
    .bad {
      text-decoration: underline wavy var(--vscode-editorError-foreground);
      text-underline-offset: 3px;
    }
    .legend .removed {
      color: var(--vscode-charts-red);
    }
    details {
      margin: 4px 0;
    }
    summary {
      cursor: pointer;
      width: fit-content;
    }
    dl {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(240px, 1fr));
      gap: 0 16px;
      margin: 2px 0 8px;
    }
    dl > div {
      display: flex;
      gap: 8px;
      min-width: 0;
    }
    dl > div:hover {
      background: var(--vscode-list-hoverBackground);
    }
    dt {
      flex: 0 0 112px;
      color: var(--vscode-descriptionForeground);
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .loose {
      display: block;
    }
    .loose dt {
      flex: none;
    }
    dd {
      margin: 0;
      min-width: 0;
      overflow-wrap: anywhere;
      line-height: 18px;
    }
    pre {
      margin: 0;
      padding: 4px 8px;
      background: var(--vscode-textCodeBlock-background);
      font-family: var(--vscode-editor-font-family, monospace);
      font-size: 12px;
      white-space: pre-wrap;
      overflow-wrap: anywhere;
    }
  `,
];
