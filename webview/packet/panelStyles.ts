import { css } from 'lit';
import { baseStyles } from '../common/theme.ts';

export const panelStyles = [
  baseStyles,
  css`
    :host {
      display: flex;
      flex-direction: column;
      height: 100vh;
      background: var(--vscode-editor-background);
      --xdp-surface: var(--vscode-editor-background);
    }
    .run {
      flex: none;
      padding: 8px 16px;
    }
    .rule {
      flex: none;
      height: 2px;
      border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    vscode-progress-bar {
      flex: none;
    }
    .body {
      flex: 1 1 0;
      min-height: 0;
      display: flex;
      flex-direction: column;
    }
    .columns {
      flex: 1 1 0;
      min-height: 0;
      display: grid;
      grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    }
    .left,
    .right {
      min-width: 0;
      overflow-y: auto;
      padding: 8px 16px 24px;
    }
    /* Its last line is the help, which stays in sight. */
    .left {
      padding-bottom: 0;
    }
    .right {
      border-left: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    .right section + section {
      margin-top: 16px;
      padding-top: 12px;
      border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    h2 {
      margin: 0 0 8px;
      font-size: 13px;
      font-weight: 600;
    }
    p {
      margin: 0;
    }
    details {
      margin-top: 8px;
    }
    summary {
      cursor: pointer;
      width: fit-content;
    }
    pre {
      margin: 4px 0 0;
      padding: 4px 8px;
      max-height: 320px;
      overflow: auto;
      background: var(--vscode-textCodeBlock-background);
      font-family: var(--vscode-editor-font-family, monospace);
      font-size: 12px;
    }
    /* Beside the result, whatever that is scrolled to. */
    .live {
      flex: none;
      display: flex;
      flex-direction: column;
      max-height: 42vh;
      padding: 4px 8px;
      border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    .live xdp-live-maps {
      flex: 0 1 auto;
      min-height: 0;
    }
    @media (max-width: 860px) {
      .columns {
        display: block;
        overflow-y: auto;
      }
      .live {
        max-height: 36vh;
        padding: 4px 0;
      }
      .left,
      .right {
        overflow: visible;
      }
      .right {
        border-left: 0;
        padding-top: 0;
      }
      .left {
        padding-bottom: 12px;
      }
      .run {
        padding: 8px;
      }
      .left,
      .right {
        padding-left: 8px;
        padding-right: 8px;
      }
    }
    /* Too low for the counters to have a place of their own. */
    @media (max-width: 860px) and (max-height: 640px) {
      .body {
        display: block;
        overflow-y: auto;
      }
      .columns {
        overflow-y: visible;
      }
      .live {
        max-height: 400px;
      }
    }
  `,
];
