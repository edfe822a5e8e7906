import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

/** The packet builder as an editor of a test file, on the packaged extension: the document is the text. */
describe('the packet builder', () => {
  let app: App;
  let folder: string;
  let frame: FrameLocator;
  const name = 'xdp_firewall.xdptest.json';
  const file = (): string => path.join(folder, 'firewall', name);
  const text = (): string => readFileSync(file(), 'utf8');

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-builder-'));
    cpSync(path.join(root, 'bpf/examples'), folder, { recursive: true });
    app = await launchApp({ folder, settings: { 'workbench.colorTheme': 'Default Dark Modern' } });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const field = (layer: string, of: string) =>
    frame.locator(`xdp-layer-form[data-layer="${layer}"] xdp-field-input[data-field="${of}"] input`);
  const expression = () => frame.getByRole('textbox', { name: 'Scapy expression' });

  it('opens a test file, and a field that is typed changes the bytes and that packet alone', async () => {
    const before = text();
    await app.openFile(name);
    await app.command('XDP: Open in Packet Builder');
    // VS Code gives the frame of a custom editor no title; there is no other.
    frame = await app.webview(/^/);
    await frame.locator('xdp-test-list li').first().waitFor();
    assert.equal(await frame.locator('xdp-test-list li').count(), (before.match(/"name":/g) ?? []).length);
    await app.screenshot('builder-1-open');
    await field('IP', 'ttl').fill('7');
    await until('the expression to follow', async () =>
      (await expression().inputValue()).includes('ttl=7') ? true : undefined,
    );
    // Leaves the field, so that saving is VS Code's.
    await frame.locator('xdp-test-list li').first().click();
    await app.page.keyboard.press('Control+s');
    await until('the file to change', async () => (text() === before ? undefined : true));
    const changed = text().split('\n');
    const lines = before.split('\n');
    assert.equal(changed.length, lines.length);
    const differing = changed.filter((line, at) => line !== lines[at]);
    assert.equal(differing.length, 1);
    assert.match(differing[0] ?? '', /ttl=7/);
  });

  it('undoes and redoes through the document', async () => {
    await app.page.keyboard.press('Control+z');
    await until('the packet to be the old one', async () =>
      (await expression().inputValue()).includes('ttl=7') ? undefined : true,
    );
    await app.page.keyboard.press('Control+Shift+z');
    await until('the packet to be the new one', async () =>
      (await expression().inputValue()).includes('ttl=7') ? true : undefined,
    );
    await app.page.keyboard.press('Control+z');
    await until('the packet to be the old one', async () =>
      (await expression().inputValue()).includes('ttl=7') ? undefined : true,
    );
  });

  it('draws the header, whose cells are edited in place', async () => {
    await frame.getByRole('button', { name: 'Header picture' }).click();
    await frame.getByRole('button', { name: /^Time to live/ }).click();
    const input = frame.locator('xdp-header-picture xdp-field-input input');
    await input.fill('33');
    await until('the cell to follow', async () =>
      (await frame.getByRole('button', { name: /^Time to live 33/ }).count()) > 0 ? true : undefined,
    );
    await app.screenshot('builder-2-picture');
    await app.theme('light');
    await app.screenshot('builder-3-picture-light');
    await app.theme('dark');
  });

  it('makes many packets of one, which become tests', async () => {
    const tests = await frame.locator('xdp-test-list li').count();
    await frame.getByRole('button', { name: 'Sweep…' }).click();
    await frame.getByLabel('To', { exact: true }).fill('4');
    await frame.getByRole('button', { name: 'Make 4 packets' }).click();
    await frame.getByRole('button', { name: 'Add as tests' }).click();
    await until('four tests more', async () =>
      (await frame.locator('xdp-test-list li').count()) === tests + 4 ? true : undefined,
    );
    await app.screenshot('builder-4-swept');
  });

  it('is the same document as text, with what is not saved yet', async () => {
    await app.command('XDP: Open Packet Tests as Text');
    await until('the edited packet in the text', async () => {
      const lines = await textsOf(app.page.locator('.monaco-editor .view-line'));
      return lines.some((line) => line.includes('ttl=33')) ? true : undefined;
    });
    assert.ok(!text().includes('ttl=33'));
  });

  it('saves and runs the tests of the file', async () => {
    await app.command('XDP: Open in Packet Builder');
    await frame.getByRole('button', { name: 'Run tests' }).click();
    await app.openView('Testing');
    const row = app.page.locator('.test-explorer .monaco-list-row').filter({ hasText: name }).first();
    await until(
      'the tests to have run',
      async () => (/\((Passed|Failed)\)/.test((await row.getAttribute('aria-label')) ?? '') ? true : undefined),
      60_000,
    );
    assert.ok(text().includes('ttl=33'));
  });
});
