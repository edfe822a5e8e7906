import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type TestUser, testUser } from '../support/kernelUser.ts';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';

const namespace = `xdp-ui-user${process.pid}`;
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });
const attached = (): number | undefined => {
  const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', 'user0')) as [{ xdp?: { prog?: { id: number } } }];
  return link.xdp?.prog?.id;
};

/** The editor of a user who is not root, whom sudo asks for a password. */
describe('an ordinary user', () => {
  let app: App;
  let folder: string;
  let user: TestUser;

  before(async () => {
    user = testUser('u');
    user.sudoers('ALL=(ALL) ALL');
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-user-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
    execFileSync('ip', ['netns', 'add', namespace]);
    ip('link', 'add', 'user0', 'type', 'veth', 'peer', 'name', 'user1');
    ip('link', 'set', 'user0', 'up');
    ip('link', 'set', 'user1', 'up');
    app = await launchApp({ folder, user });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
    rmSync(`/tmp/xdp-vscode-${user.uid}`, { recursive: true, force: true });
    user.remove();
  });

  const row = (label: string | RegExp): Locator => app.treeRows('Interfaces').filter({ hasText: label }).first();
  const password = (): Locator => app.page.locator('.quick-input-widget input[type="password"]');

  it('sees the interfaces of this namespace, unasked', async () => {
    await app.openView('XDP');
    await row('lo').waitFor();
    // The rest takes a password, and is offered.
    await row(/^Show all/).waitFor();
    await app.screenshot('elevation-1-tree');
    assert.equal(await password().isVisible(), false);
    assert.deepEqual(helperProcesses(app.home, 'system'), []);
  });

  it('is asked for the password of sudo in a box of the editor, again after a wrong one', async () => {
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Attach to Interface');
    await password().waitFor();
    const question = await app.question();
    assert.match(question, /XDP needs privilege/);
    assert.match(question, new RegExp(user.name));
    await app.screenshot('elevation-2-password');
    await app.answer('certainly-wrong-9');
    await until('the question to come again', async () =>
      (await password().isVisible()) && (await password().inputValue()) === '' ? true : undefined,
    );
    await app.answer(user.password);
    await app.pick('In another network namespace');
    await app.pick(namespace);
    await app.pick('user0');
    await app.pick('native');
    await until('attaching', async () => attached());
    const [helper = 0] = helperProcesses(app.home, 'own').filter((pid) => capabilities(pid) !== '0000000000000000');
    assert.equal(statSync(`/proc/${helper}`).uid, user.uid);
    // CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF: include/uapi/linux/capability.h
    assert.equal(capabilities(helper), (2n ** 12n + 2n ** 38n + 2n ** 39n).toString(16).padStart(16, '0'));
    await app.screenshot('elevation-3-attached');
  });

  it('sees all namespaces when it asks for them', async () => {
    // A tree that is drawn anew under the mouse loses the click: pressed again, as a person would.
    const showAll = row(/^Show all/);
    await until('all namespaces', async () => {
      await showAll.click({ timeout: 2000 }).catch(() => undefined);
      const shown = showAll.waitFor({ state: 'detached', timeout: 5000 });
      return shown.then(() => true as const).catch(() => undefined);
    });
    await until('what is in the namespace', async () => {
      if ((await row(namespace).getAttribute('aria-expanded')) === 'false') {
        await row(namespace).locator('.monaco-tl-twistie').click();
      }
      const shown = row('xdp_counter').waitFor({ timeout: 5000 });
      return shown.then(() => true as const).catch(() => undefined);
    });
    await app.screenshot('elevation-4-all');
  });

  it('and the passwords are in no log, output channel or file of the editor', async () => {
    await app.output('XDP');
    for (const secret of [user.password, 'certainly-wrong-9']) {
      assert.deepEqual(
        filesOf(app.home).filter((file) => readFileSync(file).includes(secret)),
        [],
      );
    }
  });

  it('detaches', async () => {
    await app.command('XDP: Detach from Interface');
    await until('detaching', async () => (attached() === undefined ? true : undefined));
  });
});

function capabilities(pid: number): string {
  return /^CapEff:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

/** Of what VS Code wrote: its logs, states, caches; not of what was installed. */
function filesOf(home: string): string[] {
  const folders = ['server', 'tmp'].map((name) => path.join(home, name));
  return folders.flatMap((each) =>
    readdirSync(each, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
}
