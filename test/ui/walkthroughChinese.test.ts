import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Frame } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { Walkthrough, wordsOf } from './walkthroughPage.ts';

describe('the walkthrough in Chinese', () => {
  const words = wordsOf('package.nls.zh-cn.json');
  let app: App;
  let first: Walkthrough;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-first-zh-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    app = await launchApp({
      folder,
      language: 'zh-cn',
      settings: { 'workbench.colorTheme': 'Default Dark Modern' },
    });
    first = new Walkthrough(app, words);
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The webview that has this heading: which one a preview is, is not said from outside. */
  async function frameWith(heading: string): Promise<Frame | undefined> {
    for (const frame of app.page.frames()) {
      const found = frame.getByRole('heading', { name: heading, exact: true, level: 1 });
      // A frame that went away meanwhile was not the one.
      if ((await found.count().catch(() => 0)) > 0) return frame;
    }
    return undefined;
  }

  it('has every step, with its button and its notes, and nothing runs over', async () => {
    await app.openView('XDP');
    await app.command('XDP: 入门');
    for (const step of Object.keys(words.titles)) {
      await first.press(step, '说明');
      const page = readFileSync(path.join(root, `extension/host/media/walkthrough/${step}.zh-cn.md`), 'utf8');
      const heading = /^# (.*)/.exec(page)?.[1] ?? '?';
      const notes = await until(`the notes of ${step}`, () => frameWith(heading));
      for (const picture of await notes.locator('img').all())
        await until(`the picture of ${step}`, async () =>
          (await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)) > 0 ? true : undefined,
        );
      const over = await first
        .step(step)
        .locator('*')
        .evaluateAll(
          (all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0).length,
        );
      assert.equal(over, 0, `elements of ${step} that run over`);
      await app.screenshot(`walkthrough-zh-${step}`);
    }
  });

  it('checks off what its button did', async () => {
    await first.press('compile');
    await first.done('compile');
    await app.theme('light');
    await app.screenshot('walkthrough-zh-compiled-light');
  });
});
