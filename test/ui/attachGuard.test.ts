import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vsixPath } from '../../extension/build/package.mjs';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

const vsix = vsixPath(process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64');
const namespace = `xdp-ui-guard${process.pid}`;
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });

/** The default route of a namespace of the test's own, so that nobody's real one is touched. */
describe('attaching where a connection may depend on it', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-guard-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    execFileSync('ip', ['netns', 'add', namespace]);
    ip('link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    ip('link', 'set', 'up0', 'up');
    ip('link', 'set', 'up1', 'up');
    ip('addr', 'add', '10.99.8.1/24', 'dev', 'up0');
    ip('route', 'add', 'default', 'via', '10.99.8.2');
    app = await launchApp({ folder, vsix });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
  });

  const attached = (): number | undefined => {
    const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', 'up0')) as [{ xdp?: { prog?: { id: number } } }];
    return link.xdp?.prog?.id;
  };
  const attach = async (): Promise<void> => {
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Attach to Interface');
    await app.pick('In another network namespace');
    await app.pick(namespace);
    await app.pick('up0');
    await app.pick('native');
  };

  it('is undone when the user says so, and stays when the user keeps it', async () => {
    await attach();
    await app.notification(/your connection may depend on/);
    await app.statusBarItem(/reverts in \d+ s: keep\?/);
    await app.screenshot('guard-1-asked');
    assert.ok(attached());
    await app.pressInNotification(/your connection may depend on/, 'Revert Now');
    await until('detaching', async () => (attached() === undefined ? true : undefined));
    await app.notification(/detached from up0 again/);
    await app.clearNotifications();
    await attach();
    await app.pressInNotification(/your connection may depend on/, 'Keep');
    await until('no countdown', async () => {
      const items = await app.statusBar();
      return items.some((item) => item.includes('reverts in')) ? undefined : true;
    });
    assert.ok(attached());
  });

  it('takes over each save, and leaves the old build when the new one does not compile', async () => {
    // No interface of interest any more: a guard would ask each time.
    ip('route', 'del', 'default');
    const source = path.join(folder, 'xdp_counter.bpf.c');
    const first = attached();
    await app.command('XDP: Toggle Hot Reload');
    await app.openFile('xdp_counter.bpf.c');
    await app.editor.goToEnd();
    await app.editor.type('\n// again');
    await app.editor.save();
    const second = await until('the new build', async () => (attached() === first ? undefined : attached()));
    await app.screenshot('guard-2-reloaded');
    await app.editor.type('\nnonsense');
    await app.editor.save();
    await app.notification(/The previous build of xdp_counter keeps running/);
    await app.screenshot('guard-3-compile-error');
    assert.equal(attached(), second);
    writeFileSync(source, readFileSync(path.join(root, 'bpf/examples/counter/xdp_counter.bpf.c')));
    await app.clearNotifications();
    await app.command('XDP: Detach from Interface');
    await until('detaching', async () => (attached() === undefined ? true : undefined));
  });
});
