import { css } from 'lit';

export const viewStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    height: 100vh;
    overflow: hidden;
  }
  .bar {
    flex: none;
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 6px 12px;
    border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
  }
  .bar input {
    flex: 1 1 80px;
  }
  .bar .select {
    flex: 0 1 auto;
  }
  .name {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .verdict {
    flex: none;
    padding: 0 6px;
    border-radius: 9px;
    font-size: 11px;
    border: 1px solid var(--vscode-descriptionForeground);
  }
  .verdict.accepted {
    border-color: var(--vscode-testing-iconPassed, var(--vscode-charts-green));
  }
  .verdict.rejected {
    border-color: var(--vscode-errorForeground);
  }
  .place {
    flex: none;
    color: var(--vscode-descriptionForeground);
  }
  .hint {
    flex: none;
    margin: 0;
    padding: 4px 12px;
    color: var(--vscode-descriptionForeground);
  }
  .panes {
    flex: 1 1 0;
    min-height: 0;
    display: grid;
    grid-template-rows: minmax(0, 11fr) minmax(0, 9fr);
  }
  .steps,
  .side {
    min-height: 0;
    min-width: 0;
    overflow: hidden;
  }
  .steps {
    display: flex;
    flex-direction: column;
  }
  xdp-step-list {
    flex: 1 1 0;
  }
  .side {
    overflow: auto;
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
  }
  xdp-trail-pane {
    border-left: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
  }
  .keys {
    flex: none;
    padding: 2px 12px;
    font-size: 11px;
    color: var(--vscode-descriptionForeground);
    border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  @media (min-width: 860px) {
    .panes {
      grid-template-rows: minmax(0, 1fr);
      grid-template-columns: minmax(0, 11fr) minmax(0, 9fr);
    }
    .side {
      grid-template-columns: minmax(0, 1fr);
      align-content: start;
      border-top: 0;
      border-left: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
    }
    xdp-trail-pane {
      border-left: 0;
      border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border, transparent));
    }
  }
  @media (max-width: 460px) {
    .side {
      grid-template-columns: minmax(0, 1fr);
      align-content: start;
    }
    xdp-trail-pane {
      border-left: 0;
    }
    .place {
      display: none;
    }
  }
`;
