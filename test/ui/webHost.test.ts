import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { vsixPath } from '../../extension/build/package.mjs';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

/**
 * The extension as a page has it: the universal package, whose `browser` entry runs in VS Code's own extension host for the web,
 * a worker in the browser. Only the files come from a server, as they come from GitHub at vscode.dev.
 */
describe('the web extension', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-web-'));
    cpSync(path.join(root, 'bpf/examples/protocol_filter'), folder, { recursive: true });
    // No clang in a page: the object was built before.
    execFileSync(process.execPath, [path.join(root, 'dist/cli.js'), 'compile', 'xdp_tcp_only.bpf.c'], { cwd: folder });
    app = await launchApp({
      folder,
      vsix: vsixPath('universal'),
      settings: {
        'remote.extensionKind': { 'vscode-xdp.vscode-xdp': ['web'] },
        'testing.automaticallyOpenTestResults': 'neverOpen',
        'workbench.colorTheme': 'Default Dark Modern',
      },
    });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs the packet tests in the built-in machine', async () => {
    await app.openFile('xdp_tcp_only.xdptest.json');
    await app.openView('Testing');
    const file = app.page.locator('.test-explorer .monaco-list-row').filter({ hasText: 'xdp_tcp_only.xdptest.json' });
    await file.first().waitFor();
    await app.command('Test: Run All Tests');
    await until('the tests to pass', async () => {
      const label = (await file.first().getAttribute('aria-label')) ?? '';
      return label.includes('(Passed)') ? true : undefined;
    });
    await app.screenshot('web-1-tests');
  });

  it('runs a packet that was built by hand, and offers nothing that takes a kernel', async () => {
    await app.openFile('xdp_tcp_only.bpf.c');
    const titles = await app.commandsFor('XDP:');
    assert.deepEqual(
      titles.filter((title) => /Attach|Verify|Debug|Map|Lab|Doctor/.test(title)),
      [],
    );
    await app.command('XDP: Run Packet');
    const panel: FrameLocator = await app.webview('XDP Packet');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByText('in the built-in machine').waitFor();
    // The packet that the builder begins with is UDP.
    assert.deepEqual(await textsOf(panel.locator('.verdict .action')), ['XDP_DROP']);
    await panel.getByRole('button', { name: 'Keep as Test' }).click();
    await panel.getByRole('button', { name: 'Open' }).click();
    await app.page.locator('.tab.active[data-resource-name="xdp_tcp_only.xdptest.json"]').waitFor();
    await app.screenshot('web-2-packet');
    assert.match(readFileSync(path.join(folder, 'xdp_tcp_only.xdptest.json'), 'utf8'), /"xdp_tcp_only: XDP_DROP"/);
  });
});
