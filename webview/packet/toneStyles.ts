import { css } from 'lit';

/** Colours that say which action it is, as `--tone`; toneOf() gives the class. */
export const toneStyles = css`
  .action {
    --tone: var(--vscode-charts-foreground);
  }
  .pass {
    --tone: var(--vscode-charts-green);
  }
  .drop {
    --tone: var(--vscode-editorWarning-foreground);
  }
  .tx {
    --tone: var(--vscode-charts-blue);
  }
  .redirect {
    --tone: var(--vscode-charts-purple);
  }
  .aborted {
    --tone: var(--vscode-charts-red);
  }
`;
