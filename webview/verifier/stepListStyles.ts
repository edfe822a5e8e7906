import { css } from 'lit';

export const stepListStyles = css`
  :host {
    display: block;
    min-height: 0;
    overflow: hidden;
  }
  .scroller {
    height: 100%;
    overflow: auto;
    outline: none;
    font-family: var(--vscode-editor-font-family, monospace);
    font-size: 12px;
    line-height: 20px;
  }
  .all {
    position: relative;
    min-width: 100%;
    width: max-content;
  }
  .shown {
    position: absolute;
    top: 0;
    left: 0;
    min-width: 100%;
  }
  .row {
    height: 20px;
    display: flex;
    white-space: pre;
    padding-right: 12px;
    border-left: 2px solid transparent;
  }
  .step {
    cursor: pointer;
  }
  .step:hover {
    background: var(--vscode-list-hoverBackground);
  }
  .insn,
  .line {
    flex: none;
    text-align: right;
    color: var(--vscode-descriptionForeground);
    font-variant-numeric: tabular-nums;
  }
  .line {
    width: 6ch;
    padding-right: 1ch;
  }
  /* Instructions stand below their C line, a little to the right of it. */
  .insn {
    width: 11ch;
    padding-right: 2ch;
  }
  .source {
    background: color-mix(in srgb, var(--vscode-foreground) 5%, transparent);
    color: var(--vscode-foreground);
  }
  .source .c {
    font-weight: 600;
  }
  .branch {
    padding-left: 8px;
    color: var(--vscode-descriptionForeground);
    font-style: italic;
    border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
  }
  .end {
    margin-left: 3ch;
    color: var(--vscode-descriptionForeground);
    font-family: var(--vscode-font-family);
    font-style: italic;
  }
  .trail {
    border-left-color: var(--vscode-charts-blue, var(--vscode-focusBorder));
  }
  .trail .insn {
    color: var(--vscode-foreground);
    font-weight: 700;
  }
  .failed .text {
    text-decoration: underline wavy var(--vscode-editorError-foreground);
    text-underline-offset: 3px;
  }
  .failed .end {
    color: inherit;
  }
  .selected,
  .selected:hover {
    background: var(--vscode-list-inactiveSelectionBackground);
    color: var(--vscode-list-inactiveSelectionForeground, var(--vscode-foreground));
  }
  .selected .insn,
  .selected .end {
    color: inherit;
  }
  .scroller:focus-visible .selected {
    background: var(--vscode-list-activeSelectionBackground);
    color: var(--vscode-list-activeSelectionForeground);
    outline: 1px solid var(--vscode-list-focusOutline, var(--vscode-focusBorder));
    outline-offset: -1px;
  }
  :host-context(.vscode-high-contrast) .selected {
    outline: 1px solid var(--vscode-contrastActiveBorder, var(--vscode-focusBorder));
    outline-offset: -1px;
  }
`;
