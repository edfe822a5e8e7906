import { css } from 'lit';

export const entryFormStyles = css`
  :host {
    display: block;
    flex: none;
    max-height: 60%;
    overflow: auto;
    border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent));
    background: var(--vscode-editorWidget-background);
  }
  form {
    padding: 8px 12px;
  }
  h3 {
    margin: 0 0 4px;
    font-size: 13px;
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  .fields {
    display: flex;
    flex-wrap: wrap;
    gap: 8px 24px;
  }
  fieldset {
    display: grid;
    grid-template-columns: max-content minmax(120px, 220px);
    gap: 4px 8px;
    align-items: center;
    align-content: start;
    margin: 0;
    padding: 0;
    border: 0;
    min-width: 0;
  }
  legend {
    padding: 0 0 2px;
    color: var(--vscode-descriptionForeground);
  }
  .wrong {
    margin: 8px 0 0;
    color: color-mix(in srgb, var(--vscode-errorForeground) 65%, var(--vscode-foreground));
    overflow-wrap: anywhere;
  }
  .buttons {
    display: flex;
    gap: 8px;
    margin-top: 8px;
  }
`;
