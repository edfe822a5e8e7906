import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

/** Stepping through a program as people do: F5 in the editor, on the packet of a test. */
describe('the debugger', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-debug-'));
    cpSync(path.join(root, 'bpf/examples/firewall'), folder, { recursive: true });
    app = await launchApp({
      folder,
      settings: { 'workbench.colorTheme': 'Default Dark Modern', 'editor.minimap.enabled': false },
    });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const lineOf = (text: string): number => {
    const lines = readFileSync(path.join(folder, 'xdp_firewall.bpf.c'), 'utf8').split('\n');
    return lines.findIndex((line) => line.includes(text)) + 1;
  };
  /** A row of the Variables view: `ip: ipv4 header at byte 14`. */
  const variable = (name: string): Locator =>
    app.page
      .locator('.debug-pane .debug-variables .monaco-list-row')
      .filter({ hasText: new RegExp(`^${name}\\b`) })
      .first();
  const stack = (): Promise<string[]> => textsOf(app.page.locator('.debug-pane .debug-call-stack .stack-frame'));

  async function stoppedAt(line: number): Promise<void> {
    await until(`a stop at line ${line}`, async () => {
      const [top] = await stack();
      return top?.includes(`${line}:`) === true ? true : undefined;
    });
  }

  it('F5 on the C file offers its packet tests, and stops on the breakpoint with every local there', async () => {
    await app.openFile('xdp_firewall.bpf.c');
    await app.editor.goToLine(lineOf('source.addr = ip->saddr;'));
    await app.page.locator('.codelens-decoration a').filter({ hasText: 'Debug' }).first().waitFor();
    await app.page.keyboard.press('F9');
    await app.page.keyboard.press('F5');
    await app.pick('blocked source is dropped');
    await stoppedAt(lineOf('source.addr = ip->saddr;'));
    // VS Code opens the first scope by itself only when the view was there before the stop.
    const locals = variable('Locals');
    await locals.waitFor();
    if ((await locals.getAttribute('aria-expanded')) !== 'true') await locals.click();
    await variable('ip').waitFor();
    assert.match((await variable('ip').textContent()) ?? '', /ipv4 header at byte 14/);
    await app.screenshot('debug-1-stopped-dark');
    await app.page.keyboard.press('F10');
    await stoppedAt(lineOf('blocked = bpf_map_lookup_elem'));
    await app.theme('light');
    await app.screenshot('debug-2-stepped-light');
    await app.page.locator('.debug-toolbar .codicon-debug-step-back').click();
    await stoppedAt(lineOf('source.addr = ip->saddr;'));
    await app.page.keyboard.press('F5');
    await until('the verdict in the debug console', async () => {
      const lines = await textsOf(app.page.locator('.repl .monaco-list-row'));
      return lines.some((text) => text.includes('XDP_DROP; the packet is unchanged')) ? true : undefined;
    });
    await app.screenshot('debug-3-ended-light');
  });

  it('debugs the packet of the packet panel', async () => {
    await app.openFile('xdp_firewall.bpf.c');
    await app.command('XDP: Run Packet');
    const panel = await app.webview('XDP Packet');
    const button = panel.getByRole('button', { name: 'Debug', exact: true });
    await button.waitFor();
    await app.screenshot('debug-4-panel-light');
    await button.click();
    await stoppedAt(lineOf('source.addr = ip->saddr;'));
    await app.page.keyboard.press('Shift+F5');
    await until('the end of the session', async () => ((await stack()).length === 0 ? true : undefined));
  });

  it('shows which lines the packet tests ran', async () => {
    await app.theme('dark');
    await app.openView('Testing');
    await app.command('Test: Run All Tests with Coverage');
    const row = await until(
      'the coverage of the source',
      async () => {
        const rows = await textsOf(app.treeRows('Test Coverage'));
        return rows.find((text) => text.includes('xdp_firewall.bpf.c') && text.includes('%'));
      },
      60_000,
    );
    assert.match(row, /9\d(\.\d+)?%/);
    await app.openFile('xdp_firewall.bpf.c');
    await app.editor.goToLine(lineOf('source.addr = ip->saddr;'));
    await until('green and red lines in the editor', async () => {
      const hit = await app.page.locator('.editor-instance .coverage-deco-hit').count();
      return hit > 0 ? true : undefined;
    });
    await app.screenshot('coverage-dark');
  });
});
