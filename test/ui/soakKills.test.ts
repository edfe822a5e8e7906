import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dist, root } from '../../extension/build/paths.mjs';
import { count, randomNumbers, seed } from '../support/soak.ts';
import { record } from '../support/soakRecord.ts';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

const namespace = `xdp-ui-kill${process.pid}`;
const iface = 'kill0';
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });
const attached = (): number | undefined => {
  const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', iface)) as [{ xdp?: { prog?: { id: number } } }];
  return link.xdp?.prog?.id;
};

/** How far a user has come when the kill hits. */
const stages = ['compiling', 'choosing the namespace', 'choosing the mode', 'attaching', 'attached', 'kept'] as const;
type Stage = (typeof stages)[number];

/** A sample of what `npm run soak` does in full: whatever is killed at whatever moment, only what was kept stays. */
describe('a kill of the editor', () => {
  const random = randomNumbers(seed);
  let app: App | undefined;
  let folder: string;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-kill-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    execFileSync('ip', ['netns', 'add', namespace]);
    ip('link', 'add', iface, 'type', 'veth', 'peer', 'name', 'kill1');
    ip('link', 'set', iface, 'up');
    ip('link', 'set', 'kill1', 'up');
  });

  after(async () => {
    await app?.close();
    execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('kill -9 of the extension host at random moments leaves only what was kept', async function () {
    const kills = count(1, 40);
    this.timeout(kills * 120_000);
    let kept = 0;
    app = await launchApp({ folder });
    for (let kill = 0; kill < kills; kill++) {
      const stage = stageOf(kill);
      await comeTo(app, stage);
      await aMoment();
      const hosts: number[] = app.extensionHosts();
      // One that VS Code started again after the kill before may still wait for its window.
      assert.ok(hosts.length > 0);
      for (const pid of hosts) process.kill(pid, 'SIGKILL');
      kept += await requireClean(stage);
      await app.reload();
    }
    await app.close();
    app = undefined;
    record('host', { kills, kept, seed });
  });

  it('kill -9 of the whole editor at random moments leaves only what was kept', async function () {
    const kills = count(1, 10);
    this.timeout(kills * 120_000);
    let kept = 0;
    for (let kill = 0; kill < kills; kill++) {
      const stage = stageOf(kill);
      app = await launchApp({ folder });
      await comeTo(app, stage);
      await aMoment();
      app.killServer();
      await app.close();
      app = undefined;
      kept += await requireClean(stage);
    }
    record('editor', { kills, kept, seed });
  });

  /** The first, which is all of a sample, is the one that matters most. */
  function stageOf(kill: number): Stage {
    return kill === 0 ? 'attached' : (stages[kill % stages.length] ?? 'attached');
  }

  async function aMoment(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, random() * 600));
  }

  async function comeTo(window: App, stage: Stage): Promise<void> {
    const last = stages.indexOf(stage);
    // A window whose predecessor was killed finds its extensions anew, which takes its time on a busy machine.
    const title = 'XDP: Attach to Interface';
    const found = async (): Promise<true | undefined> => (await window.commandsFor(title)).includes(title) || undefined;
    await until('the extension', found, 60_000);
    await window.openFile('xdp_counter.bpf.c');
    const steps = [
      () => window.command(title),
      () => window.pick('In another network namespace'),
      async () => {
        await window.pick(namespace);
        await window.pick(iface);
      },
      () => window.pick('native'),
      () => until('attaching', async () => attached()),
      async () => {
        await window.command('XDP: Keep Attached After This Window');
        await window.notification(/stays on kill0 when this window closes/);
      },
    ];
    for (const step of steps.slice(0, last + 1)) await step();
  }

  /** 1 when something was kept. What is attached then is ended by the command line: the next start finds it, and it alone. */
  async function requireClean(stage: Stage): Promise<number> {
    const detach = (): number | null =>
      spawnSync(process.execPath, [path.join(dist, 'cli.js'), 'detach', '--iface', iface, '--netns', namespace]).status;
    if (stage === 'kept') {
      assert.ok(attached(), 'what was kept is gone');
      assert.equal(detach(), 0);
    }
    await until('the end of what was not kept', async () => (attached() === undefined ? true : undefined));
    assert.equal(detach(), 1);
    return stage === 'kept' ? 1 : 0;
  }
});
