import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

const namespace = `xdp-ui-kept${process.pid}`;
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });
const attached = (): number | undefined => {
  const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', 'kept0')) as [{ xdp?: { prog?: { id: number } } }];
  return link.xdp?.prog?.id;
};

describe('two windows', () => {
  let app: App;
  let second: App | undefined;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-kept-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    execFileSync('ip', ['netns', 'add', namespace]);
    ip('link', 'add', 'kept0', 'type', 'veth', 'peer', 'name', 'kept1');
    ip('link', 'set', 'kept0', 'up');
    ip('link', 'set', 'kept1', 'up');
    app = await launchApp({ folder });
    await app.theme('dark');
  });

  after(async () => {
    await second?.close();
    await app?.close();
    execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('one keeps a program, the other finds it, adopts it and ends it, and the first is told', async () => {
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Attach to Interface');
    await app.pick('In another network namespace');
    await app.pick(namespace);
    await app.pick('kept0');
    await app.pick('native');
    await until('attaching', async () => (attached() === undefined ? undefined : true));
    await app.command('XDP: Keep Attached After This Window');
    await app.notification(/stays on kept0 when this window closes/);
    const id = attached();

    second = await app.secondWindow();
    await second.openView('XDP');
    const row = second.treeRows('Interfaces').filter({ hasText: /xdp_counter.*kept by another VS Code window/ });
    await row.scrollIntoViewIfNeeded();
    await second.screenshot('kept-1-found');
    await row.hover();
    await row.getByRole('button', { name: /Adopt/ }).click();
    const mine = second.treeRows('Interfaces').filter({ hasText: /xdp_counter.*· kept$/ });
    await mine.waitFor();
    await second.screenshot('kept-2-adopted');
    assert.equal(attached(), id);
    await mine.hover();
    await mine.getByRole('button', { name: /Detach/ }).click();
    await until('detaching', async () => (attached() === undefined ? true : undefined));
    await app.notification(/is not attached to kept0 any more: Somebody else detached/);
    await app.screenshot('kept-3-told');
  });
});
