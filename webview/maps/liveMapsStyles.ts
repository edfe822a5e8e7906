import { css } from 'lit';

export const liveMapsStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    min-width: 0;
    container-type: inline-size;
    background: var(--xdp-surface, var(--vscode-editor-background));
  }
  .bar {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    align-items: center;
    padding: 4px 8px;
  }
  h2 {
    margin: 0 8px 0 0;
    font-size: 13px;
    font-weight: 600;
    white-space: nowrap;
  }
  .map {
    flex: 1 1 112px;
    max-width: 280px;
  }
  .map select {
    width: 100%;
  }
  .tools {
    display: flex;
    align-items: center;
    gap: 4px;
    margin-left: auto;
  }
  .interval {
    width: 76px;
  }
  /* Its place while it is loaded. */
  .tools vscode-toolbar-button:not(:defined) {
    display: block;
    width: 22px;
    height: 22px;
  }
  .filter {
    flex: 1 1 100%;
    display: flex;
    flex-wrap: wrap;
    gap: 0 8px;
    align-items: center;
  }
  .filter input {
    flex: 1 1 120px;
  }
  .wrong {
    flex: 0 1 auto;
    color: color-mix(in srgb, var(--vscode-errorForeground) 65%, var(--vscode-foreground));
    font-size: 12px;
  }
  .wrong code {
    font-family: var(--vscode-editor-font-family, monospace);
    text-decoration: underline wavy;
  }
  @container (min-width: 560px) {
    .filter {
      flex: 1 1 200px;
      order: 1;
    }
    .tools {
      order: 2;
    }
  }
  xdp-event-stream {
    flex: 1 1 auto;
    min-height: 120px;
  }
  xdp-map-table {
    flex: 0 1 auto;
    min-height: 0;
  }
  .outcome:empty {
    display: none;
  }
  .status {
    display: flex;
    flex-wrap: wrap;
    gap: 0 12px;
    padding: 4px 8px;
    color: var(--vscode-descriptionForeground);
    font-size: 12px;
    font-variant-numeric: tabular-nums;
  }
`;
