import { css } from 'lit';

/**
 * The look, shared by every element: VS Code's theme variables only, 13 px, a 4 px grid. Adopted as a constructed
 * style sheet, so that the page's CSP needs no 'unsafe-inline'.
 */
export const baseStyles = css`
  :host {
    color: var(--vscode-foreground);
    font-family: var(--vscode-font-family);
    font-size: var(--vscode-font-size, 13px);
    font-weight: var(--vscode-font-weight, normal);
    line-height: 18px;
    box-sizing: border-box;
  }
  /* Not inherited: an element with a child that inherits what usually is not cannot give its children a style that is known already. */
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  .mono {
    font-family: var(--vscode-editor-font-family, monospace);
    font-size: 12px;
  }
  .num {
    font-variant-numeric: tabular-nums;
    text-align: right;
    white-space: nowrap;
  }
  .muted {
    color: var(--vscode-descriptionForeground);
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  :focus-visible {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
  }
  ::selection {
    background: var(--vscode-editor-selectionBackground);
  }
`;

/** Inputs and drop-downs. Native ones: their pop-ups are not cut off by a small side bar, and they know groups. */
export const inputStyles = css`
  input,
  select,
  textarea {
    font: inherit;
    line-height: 18px;
    color: var(--vscode-input-foreground);
    background: var(--vscode-input-background);
    border: 1px solid var(--vscode-input-border, transparent);
    border-radius: 2px;
    padding: 2px 4px;
    min-width: 0;
    margin: 0;
  }
  input,
  select {
    height: 24px;
  }
  select {
    appearance: none;
    color: var(--vscode-dropdown-foreground);
    background: var(--vscode-dropdown-background);
    border-color: var(--vscode-dropdown-border, transparent);
    padding-right: 20px;
    text-overflow: ellipsis;
    cursor: pointer;
  }
  /* The arrow is drawn by the wrapper: a data: image would need its own CSP source and could not follow the theme. */
  .select {
    position: relative;
    display: inline-flex;
    min-width: 0;
  }
  .select > select {
    width: 100%;
  }
  .select::after {
    content: '';
    position: absolute;
    right: 8px;
    top: 8px;
    width: 5px;
    height: 5px;
    border: solid var(--vscode-dropdown-foreground);
    border-width: 0 1px 1px 0;
    transform: rotate(45deg);
    pointer-events: none;
  }
  input::placeholder,
  textarea::placeholder {
    color: var(--vscode-input-placeholderForeground);
  }
  input:focus-visible,
  select:focus-visible,
  textarea:focus-visible {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
  }
  input[aria-invalid='true'],
  textarea[aria-invalid='true'] {
    border-color: var(--vscode-inputValidation-errorBorder);
  }
  input:disabled,
  select:disabled {
    opacity: 0.6;
    cursor: default;
  }
  button.link {
    font: inherit;
    color: var(--vscode-textLink-foreground);
    background: none;
    border: 0;
    padding: 0;
    cursor: pointer;
  }
  button.link:hover {
    color: var(--vscode-textLink-activeForeground);
    text-decoration: underline;
  }
`;

/** What VS Code's own style for webviews gets wrong for a full-page element: its 20 px of padding at the sides. */
export function adoptPageStyles(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('html, body { height: 100%; margin: 0; padding: 0; overflow: hidden; }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
