import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

/** The first steps of somebody who has never seen XDP: each is done by its button, and checked off by what happened. */
describe('the walkthrough', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-first-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    app = await launchApp({ folder, settings: { 'workbench.colorTheme': 'Default Dark Modern' } });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const step = (title: string): Locator => app.page.locator('.getting-started-step').filter({ hasText: title });
  const press = async (title: string, button: string): Promise<void> => {
    if (!(await step(title).locator('.step-description-container button, .monaco-button').first().isVisible()))
      await step(title).locator('.step-title').click();
    await step(title).getByRole('button', { name: button }).click();
  };
  const done = async (title: string): Promise<void> => {
    await until(`${title} to be checked off`, async () =>
      (await step(title).locator('.codicon-getting-started-step-checked.complete').count()) > 0 ? true : undefined,
    );
  };

  it('opens the practice program, compiles it, and shows why another one is refused', async () => {
    await app.openView('XDP');
    await app.command('XDP: Get Started');
    await step('Meet XDP').waitFor();
    // Which of the page's webviews is the walkthrough's is not said from outside.
    await until('the picture of the modes', async () => {
      const seen = await Promise.all(
        app.page.frames().map((frame) =>
          frame
            .locator('img[alt^="Where XDP"]')
            .count()
            // A frame that went away meanwhile was not the one.
            .catch(() => 0),
        ),
      );
      return seen.some((count) => count > 0) ? true : undefined;
    });
    await app.screenshot('walkthrough-1-meet');
    await press('Meet XDP', 'Open the Practice Firewall');
    await done('Meet XDP');
    await press('Compile', 'Compile');
    await done('Compile');
    await press('Let the kernel judge', 'Open the Broken Program');
    await app.page.locator('.editor-instance').getByText('xdp_missing_check(').first().waitFor();
    await press('Let the kernel judge', 'Verify');
    await app.page.getByText('packet-bounds').first().waitFor();
    await app.screenshot('walkthrough-2-refused');
  });
});
