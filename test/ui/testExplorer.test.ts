import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

/** Packet tests as people run them: from the Testing view, on the packaged extension, in this machine's kernel. */
describe('the test explorer', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-tests-'));
    cpSync(path.join(root, 'bpf/examples'), folder, { recursive: true });
    app = await launchApp({
      folder,
      settings: {
        'testing.automaticallyOpenTestResults': 'neverOpen',
        'workbench.colorTheme': 'Default Dark Modern',
        // It would cover the badges behind long lines.
        'editor.minimap.enabled': false,
      },
    });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const row = (text: string): Locator =>
    app.page.locator('.test-explorer .monaco-list-row').filter({ hasText: text }).first();

  /** `xdp_counter.xdptest.json (Passed)`, as a screen reader says it. */
  const state = async (text: string): Promise<string> =>
    /\(([^)]*)\)/.exec((await row(text).getAttribute('aria-label')) ?? '')?.[1] ?? '';

  async function waitForState(text: string, wanted: string): Promise<void> {
    await until(`${text} to be ${wanted}`, async () => ((await state(text)) === wanted ? true : undefined), 60_000);
  }

  it('lists the test files, and runs all of them on the kernel', async () => {
    await app.openView('Testing');
    for (const name of ['xdp_counter', 'xdp_firewall', 'xdp_multi', 'xdp_tail_call', 'xdp_vlan_pop'])
      await row(`${name}.xdptest.json`).waitFor();
    await app.command('Test: Run All Tests');
    for (const name of ['xdp_counter', 'xdp_firewall', 'xdp_multi', 'xdp_tail_call', 'xdp_vlan_pop'])
      await waitForState(`${name}.xdptest.json`, 'Passed');
    await row('xdp_multi.xdptest.json').click();
    await app.page.keyboard.press('ArrowRight');
    await row('xdp_reflect').waitFor();
    await app.openFile('xdp_firewall.xdptest.json');
    await app.screenshot('tests-1-passed');
    const icons = app.page.locator('.editor-instance .testing-run-glyph');
    await until('icons beside the tests', async () => ((await icons.count()) >= 5 ? true : undefined));
  });

  it('shows a failure at its expectation, with what was expected and what came', async () => {
    const file = path.join(folder, 'multi/xdp_multi.xdptest.json');
    const text = readFileSync(file, 'utf8');
    const right = "\"packet\": \"Ether(src='02:00:00:00:00:02', dst='02:00:00:00:00:01')/IP()/UDP()/Raw(b'ping')\",";
    const wrong = right.replace('02:00:00:00:00:02', '02:00:00:00:00:07');
    assert.ok(text.includes(right));
    writeFileSync(file, text.replace(right, wrong));
    await app.openFile('xdp_multi.xdptest.json');
    await app.command('Test: Run Tests in Current File');
    await waitForState('xdp_multi.xdptest.json', 'Failed');
    const inline = app.page.locator('.test-error-content-widget');
    const [message] = await until('the message in the text', async () => {
      const all = await textsOf(inline);
      return all.length > 0 ? all : undefined;
    });
    assert.match(message ?? '', /^Ether\.src .*:02 != Ether\.src .*:07$/);
    await app.screenshot('tests-2-failed');
    await app.command('Test: Peek Output');
    const peek = app.page.locator('.test-output-peek');
    await peek.waitFor();
    await until('both packets, line by line', async () => {
      const lines = await textsOf(peek.locator('.view-line'));
      const sources = lines.filter((line) => /^\s*src\s+02:00:00:00:00:0[27]$/.test(line));
      return sources.length >= 2 ? true : undefined;
    });
    await app.screenshot('tests-3-diff');
    await app.page.keyboard.press('Escape');
    writeFileSync(file, text);
    await app.command('Test: Run Tests in Current File');
    await waitForState('xdp_multi.xdptest.json', 'Passed');
    await until('no message', async () => ((await inline.count()) === 0 ? true : undefined));
  });
});
