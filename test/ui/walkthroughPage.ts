import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import type { App } from './driver.ts';
import { exactly, until } from './driverWaits.ts';

/** What the walkthrough says in one language. */
export interface Words {
  titles: Record<string, string>;
  buttons: Record<string, string[]>;
}

/** From the manifest's texts: the steps by their ids, with the buttons of each: links that have a line of their own. */
export function wordsOf(file: string): Words {
  const texts = JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Record<string, string>;
  const steps = Object.keys(texts).flatMap((key) => /^walkthrough\.(\w+)\.title$/.exec(key)?.[1] ?? []);
  const text = (step: string, part: string): string => texts[`walkthrough.${step}.${part}`] ?? '';
  return {
    titles: Object.fromEntries(steps.map((step) => [step, text(step, 'title')])),
    buttons: Object.fromEntries(
      steps.map((step) => [
        step,
        [...text(step, 'description').matchAll(/^\[([^\]]+)\]/gm)].map(([, name = '']) => name),
      ]),
    ),
  };
}

/** The Get Started page as a newcomer uses it. */
export class Walkthrough {
  readonly #app: App;
  readonly #words: Words;

  constructor(app: App, words: Words) {
    this.#app = app;
    this.#words = words;
  }

  step(id: string): Locator {
    const title = this.#app.page.locator('.step-title').filter({ hasText: exactly(this.#words.titles[id] ?? '') });
    return this.#app.page.locator('.getting-started-step').filter({ has: title });
  }

  /**
   * Presses one of a step's buttons, or the link of that name. VS Code folds a step and unfolds the next one at times of its
   * own: unfolding and pressing is tried until it was pressed.
   */
  async press(id: string, button: number | string = 0): Promise<void> {
    const name = typeof button === 'string' ? button : (this.#words.buttons[id]?.[button] ?? '');
    const step = this.step(id);
    const target =
      typeof button === 'string'
        ? step.locator('a').filter({ hasText: exactly(name) })
        : step.getByRole('button', { name, exact: true });
    await until(`${name} of ${id}`, async () => {
      if (!(await target.isVisible())) await this.unfold(id);
      return await target.click({ timeout: 3000 }).then(
        () => true as const,
        () => undefined,
      );
    });
  }

  async unfold(id: string): Promise<void> {
    await this.step(id)
      .locator('.step-title')
      .click({ timeout: 3000 })
      // Something is in front of it for a moment.
      .catch(() => undefined);
  }

  async isDone(id: string): Promise<boolean> {
    return (await this.step(id).locator('.codicon-getting-started-step-checked.complete').count()) > 0;
  }

  async done(id: string): Promise<void> {
    await until(`${id} to be checked off`, async () => ((await this.isDone(id)) ? true : undefined));
  }
}
