import { css } from 'lit';

/** A part that opens below the tools. */
export const paneStyles = css`
  :host {
    display: block;
    margin-bottom: 8px;
  }
  .pane {
    padding: 8px;
    border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    background: var(--vscode-editorWidget-background);
  }
  p {
    margin: 0;
  }
  .error {
    padding-left: 6px;
    border-left: 2px solid var(--vscode-errorForeground);
    overflow-wrap: anywhere;
    margin-top: 4px;
  }
`;
