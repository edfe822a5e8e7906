import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'xdp-chinese-'));
const namespace = `xdp-ui-chinese${process.pid}`;

describe('in Chinese', () => {
  let app: App;
  before(async () => {
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    // With a second namespace the tree has namespaces at its root, on every machine.
    execFileSync('ip', ['netns', 'add', namespace]);
    app = await launchApp({ folder, language: 'zh-cn' });
  });
  after(async () => {
    await app?.close();
    spawnSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('the manifest, the tree, a view and a message are', async () => {
    await app.openView('XDP');
    await app.treeRows('网络接口').filter({ hasText: '此命名空间' }).first().waitFor();
    await app.page
      .frameLocator('iframe.webview.ready')
      .frameLocator('iframe#active-frame')
      .getByRole('button', { name: '挂载到网络接口' })
      .waitFor();
    await app.screenshot('chinese-1-views');
    const found = await until('the command', async () => {
      const titles = await app.commandsFor('XDP: 入门');
      return titles.length > 0 ? titles : undefined;
    });
    assert.ok(found.includes('XDP: 入门'), found.join(', '));
    // Nothing is selected, and the clipboard holds no log: a message that stays.
    await app.page.evaluate(() => navigator.clipboard.writeText('no log'));
    await app.command('XDP: 解释校验器日志');
    await app.notification(/此文本中没有校验器/);
    await app.screenshot('chinese-2-message');
  });
});
