import { css } from 'lit';
import { baseStyles, inputStyles } from '../common/theme.ts';

export const editorStyles = [
  baseStyles,
  inputStyles,
  css`
    :host {
      display: flex;
      flex-direction: column;
      height: 100vh;
      background: var(--vscode-editor-background);
    }
    .bar {
      flex: none;
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 4px 12px;
      padding: 8px 16px;
      border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    h1 {
      margin: 0;
      font-size: 13px;
      font-weight: 600;
    }
    .bar .select select {
      width: 120px;
    }
    .bar .end {
      margin-left: auto;
      display: flex;
      gap: 12px;
      align-items: center;
    }
    .body {
      flex: 1 1 0;
      min-height: 0;
      display: grid;
      grid-template-columns: minmax(170px, 240px) minmax(0, 1fr) minmax(0, 1fr);
    }
    .body > * {
      min-width: 0;
      overflow-y: auto;
    }
    nav {
      border-right: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      padding: 4px 0;
    }
    main,
    aside {
      padding: 8px 16px 24px;
    }
    /* Its last line is the help, which stays in sight. */
    main {
      padding-bottom: 0;
    }
    aside {
      border-left: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
    }
    .test {
      display: flex;
      flex-wrap: wrap;
      gap: 4px 12px;
      align-items: end;
      margin-bottom: 12px;
    }
    .test label {
      display: flex;
      flex-direction: column;
      font-size: 11px;
      line-height: 16px;
      color: var(--vscode-descriptionForeground);
    }
    .test label input,
    .test label .select {
      font-size: 13px;
    }
    .test .name {
      flex: 1 1 200px;
    }
    .test .select select {
      width: 140px;
    }
    .tools {
      display: flex;
      height: 24px;
      align-items: center;
    }
    .tools button {
      display: flex;
      padding: 3px;
      border: 0;
      border-radius: 5px;
      background: none;
      color: var(--vscode-icon-foreground);
      cursor: pointer;
    }
    .tools button:hover:not(:disabled) {
      background: var(--vscode-toolbar-hoverBackground);
    }
    .tools button:disabled {
      opacity: 0.3;
      cursor: default;
    }
    .steps {
      display: flex;
      flex-wrap: wrap;
      gap: 2px;
      margin-bottom: 8px;
    }
    .steps button {
      font: inherit;
      font-size: 12px;
      padding: 1px 8px;
      border: 0;
      border-bottom: 2px solid transparent;
      background: none;
      color: var(--vscode-descriptionForeground);
      cursor: pointer;
    }
    .steps button[aria-selected='true'] {
      color: var(--vscode-foreground);
      border-bottom-color: var(--vscode-focusBorder);
    }
    .empty {
      padding: 16px;
      color: var(--vscode-descriptionForeground);
    }
    .problem {
      margin: 8px 16px;
      padding-left: 6px;
      border-left: 2px solid var(--vscode-errorForeground);
      overflow-wrap: anywhere;
    }
    pre {
      white-space: pre-wrap;
      overflow-wrap: anywhere;
      font-family: var(--vscode-editor-font-family, monospace);
      font-size: 12px;
    }
    @media (max-width: 1000px) {
      .body {
        grid-template-columns: minmax(150px, 220px) minmax(0, 1fr);
        overflow-y: auto;
      }
      .body > nav {
        grid-row: span 2;
      }
      .body > main,
      .body > aside {
        overflow: visible;
      }
      aside {
        border-left: 0;
        border-top: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
      }
    }
    @media (max-width: 560px) {
      .body {
        display: block;
      }
      nav {
        border-right: 0;
        border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        max-height: 180px;
      }
    }
  `,
];
