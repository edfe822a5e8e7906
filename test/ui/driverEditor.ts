import type { Page } from 'playwright-core';
import { textsOf, until } from './driverWaits.ts';

export interface ProblemRow {
  severity: 'Error' | 'Warning' | 'Info' | 'Hint';
  message: string;
  /** 1-based. */
  line: number;
  column: number;
}

/** The active text editor, and what VS Code says about its text. */
export class EditorDriver {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** The lines on screen. */
  async lines(): Promise<string[]> {
    return textsOf(this.#page.locator('.editor-instance .view-line'));
  }

  /** Puts the cursor at the end of the text. */
  async goToEnd(): Promise<void> {
    await this.#page.locator('.editor-instance .view-lines').first().click();
    await this.#page.keyboard.press('Control+End');
  }

  async goToLine(line: number, column = 1): Promise<void> {
    await this.#page.keyboard.press('Control+G');
    await this.#page.locator('.quick-input-widget .quick-input-box input').fill(`:${line}:${column}`);
    await this.#page.keyboard.press('Enter');
  }

  /** Types at the cursor as a person does, key by key. */
  async type(text: string): Promise<void> {
    await this.#page.keyboard.type(text, { delay: 20 });
  }

  async save(): Promise<void> {
    await this.#page.keyboard.press('Control+S');
    await this.#page.locator('.tab.active:not(.dirty)').waitFor();
  }

  /** What completion offers at the cursor, as a screen reader says it. Opens it when it is not open. */
  async completions(): Promise<string[]> {
    const rows = this.#page.locator('.suggest-widget.visible .monaco-list-row');
    if ((await rows.count()) === 0) await this.#page.keyboard.press('Control+Space');
    await rows.first().waitFor();
    return rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
  }

  /** Takes the completion with this label, and of this kind (`Snippet`) where several have it. */
  async complete(label: string, kind = ''): Promise<void> {
    await this.completions();
    const said = new RegExp(`^${label}\\b.*${kind}$`);
    await this.#page.locator('.suggest-widget .monaco-list-row').and(this.#page.getByLabel(said)).first().click();
  }

  /** Number of underlined places on screen. */
  async squiggles(): Promise<number> {
    return this.#page.locator('.squiggly-error').count();
  }

  /** The rows of the Problems panel, which it opens. Waits for at least `atLeast` of them (default 1). */
  async problems(atLeast = 1): Promise<ProblemRow[]> {
    const panel = this.#page.locator('.markers-panel');
    if (!(await panel.isVisible())) await this.#page.keyboard.press('Control+Shift+M');
    await panel.waitFor();
    return until(`${atLeast} problems`, async () => {
      const rows = panel.locator('.monaco-list-row');
      const labels = await rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
      const problems = labels.map(parseProblem).filter((row) => row !== undefined);
      return problems.length >= atLeast ? problems : undefined;
    });
  }
}

/** `Error: bad word here at line 2 and character 10.` */
function parseProblem(label: string): ProblemRow | undefined {
  const found = /^(Error|Warning|Info|Hint): (.*) at line (\d+) and character (\d+)/s.exec(label);
  if (!found) return undefined;
  const [, severity, message = '', line, column] = found;
  return { severity: severity as ProblemRow['severity'], message, line: Number(line), column: Number(column) };
}
