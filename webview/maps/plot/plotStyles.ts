import { css } from 'lit';

export const plotHeight = 180;

export const plotStyles = css`
  :host {
    display: block;
    flex: none;
    border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent));
  }
  .bar {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 8px;
    align-items: center;
    padding: 4px 8px 0;
  }
  .tools {
    display: flex;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 12px;
    flex: 1 1 auto;
  }
  .legend button {
    display: inline-flex;
    gap: 6px;
    align-items: center;
    padding: 0 2px;
    border: 0;
    font: inherit;
    color: inherit;
    background: none;
    cursor: pointer;
  }
  .legend button:hover .name {
    text-decoration: line-through;
  }
  .mark {
    width: 12px;
    height: 0;
    border-top: 2px solid;
  }
  .mark.second {
    border-top-style: dashed;
  }
  .plot {
    height: ${plotHeight}px;
    overflow: hidden;
  }
  .u-select {
    background: var(--vscode-editor-selectionBackground);
  }
`;
