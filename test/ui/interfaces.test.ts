import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { vsixPath } from '../../extension/build/package.mjs';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';

const vsix = vsixPath(process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64');
const namespace = `xdp-ui-ifaces${process.pid}`;
const ip = (...args: string[]): string => execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });
const inside = (...args: string[]): string =>
  execFileSync('ip', ['netns', 'exec', namespace, ...args], { encoding: 'utf8' });

/** Sends each packet back: on a veth that is lost unless the other end has a program. */
const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_back(struct xdp_md *ctx)
{
	return XDP_TX;
}
char _license[] SEC("license") = "GPL";
`;

/** Interfaces in a namespace of the test's own, as the tree shows them. */
describe('the tree of interfaces', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-ifaces-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    writeFileSync(path.join(folder, 'xdp_back.bpf.c'), source);
    execFileSync('ip', ['netns', 'add', namespace]);
    ip('link', 'add', 'tree0', 'type', 'veth', 'peer', 'name', 'tree1');
    ip('link', 'set', 'tree0', 'up');
    ip('link', 'set', 'tree1', 'up');
    ip('addr', 'add', '10.99.9.1/24', 'dev', 'tree0');
    app = await launchApp({ folder, vsix });
    await app.theme('dark');
    await app.openView('XDP');
    await makeRoom();
    await row('This namespace').locator('.monaco-tl-twistie').click();
  });

  after(async () => {
    await app?.close();
    execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** The view below takes half of the side bar as often as it is asked for. */
  const makeRoom = async (): Promise<void> => {
    const header = app.page.locator('.pane-header').filter({ hasText: 'Map Viewer' });
    await until('room for the tree', async () => {
      if ((await header.getAttribute('aria-expanded')) === 'false') return true;
      await header.click();
      return undefined;
    });
  };
  const row = (label: string | RegExp): Locator => app.treeRows('Interfaces').filter({ hasText: label }).first();
  /** As a screen reader says it. */
  const said = async (label: string): Promise<string> => (await row(label).getAttribute('aria-label')) ?? '';
  const mode = (name: string): Locator =>
    app
      .treeRows('Interfaces')
      .and(app.page.locator(`[aria-label^="${name} mode"]`))
      .first();
  const unfold = async (label: string): Promise<void> => {
    await row(label).waitFor();
    if ((await row(label).getAttribute('aria-expanded')) === 'false')
      await row(label).locator('.monaco-tl-twistie').click();
  };
  /** The row may be drawn anew between pointing at it and the click. */
  const act = async (label: string, action: string): Promise<void> => {
    await until(`${action} of ${label}`, async () => {
      await row(label).hover();
      const button = row(label).locator(`.action-label[aria-label^="${action}"]`);
      return await button.click({ timeout: 1500 }).then(
        () => true as const,
        () => undefined,
      );
    });
  };
  const attached = (name: string): number | undefined => {
    const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', name)) as [{ xdp?: { prog?: { id: number } } }];
    return link.xdp?.prog?.id;
  };

  it('shows namespaces, interfaces, modes with their reasons, and what to know', async () => {
    await unfold(namespace);
    await unfold('tree0');
    await unfold('Modes');
    await mode('native').waitFor();
    assert.match(await said('tree0'), /tree0, veth · up · 10\.99\.9\.1\/24/);
    assert.match((await mode('native').getAttribute('aria-label')) ?? '', /native mode: yes/);
    assert.match((await mode('offload').getAttribute('aria-label')) ?? '', /offload mode: no, .*no hardware behind it/);
    await row('Peer without a program').waitFor();
    await app.screenshot('interfaces-1-dark');
    await app.theme('light');
    await app.screenshot('interfaces-2-light');
    await app.theme('dark');
  });

  it('follows changes by itself', async () => {
    ip('link', 'add', 'later0', 'type', 'bridge');
    await row('later0').waitFor();
    assert.match(await said('later0'), /generic only/);
    ip('link', 'del', 'later0');
    await row('later0').waitFor({ state: 'detached' });
  });

  it('attaches from the row, warns of what would be lost, and attaches XDP_PASS to the other end', async () => {
    await app.openFile('xdp_back.bpf.c');
    await act('tree0', 'Attach to Interface');
    const modes = await app.choices();
    assert.ok(
      modes.some((mode) => /auto.*xdp_back may return XDP_TX.*tree1 has no program/s.test(mode)),
      modes.join('\n'),
    );
    await app.screenshot('interfaces-3-modes');
    await app.pick('native');
    await app.pressInNotification(/xdp_back may return XDP_TX/, 'Attach XDP_PASS to tree1');
    await until('a program at the other end', async () => attached('tree1'));
    assert.ok(attached('tree0'));
    await makeRoom();
    await row('xdp_back').waitFor();
    await row('xdp_pass').waitFor();
    await row('Peer without a program').waitFor({ state: 'detached' });
    await app.clearNotifications();
    const traffic = spawn('ip', ['netns', 'exec', namespace, 'python3', '-c', flood, 'tree1'], { stdio: 'ignore' });
    try {
      await row(/xdp_back.*[1-9][\d,]* packets\/s · \d+ ns/).waitFor();
      await row('xdp_back').hover();
      await app.screenshot('interfaces-4-attached');
    } finally {
      traffic.kill();
    }
  });

  it('goes to the source, and detaches', async () => {
    await app.openFile('xdp_counter.bpf.c');
    await act('xdp_back', 'Go to Source');
    await app.page.locator('.tab.active[data-resource-name="xdp_back.bpf.c"]').waitFor();
    await act('xdp_back', 'Detach from Interface');
    await until('detaching', async () => (attached('tree0') === undefined ? true : undefined));
    await act('xdp_pass', 'Detach from Interface');
    await until('detaching', async () => (attached('tree1') === undefined ? true : undefined));
  });

  it('names what others have attached, and detaches it when asked twice', async () => {
    const object = path.join(folder, 'xdp_back.o');
    execFileSync('clang', [
      '-g',
      '-O2',
      '-target',
      'bpf',
      '-I/usr/include/x86_64-linux-gnu',
      '-c',
      path.join(folder, 'xdp_back.bpf.c'),
      '-o',
      object,
    ]);
    inside('ip', 'link', 'set', 'tree0', 'xdpgeneric', 'obj', object, 'sec', 'xdp');
    // The row of the program before it, in native mode, may still be there.
    await until('the row of generic mode', async () => {
      if ((await row('xdp_back').count()) === 0) return undefined;
      return /generic · (.* · )?another process/.test(await said('xdp_back')) ? true : undefined;
    });
    await act('xdp_back', 'Detach from Interface');
    await app.pressInDialog('Detach Anyway');
    await until('detaching', async () => (attached('tree0') === undefined ? true : undefined));
  });

  it('counts and looks only while it is visible', async () => {
    await app.page.keyboard.press('Control+b');
    await until('no helper that looks', async () =>
      helperProcesses(app.home, 'system').length === 0 ? true : undefined,
    );
    await app.page.keyboard.press('Control+b');
    await until('a helper that looks', async () => (helperProcesses(app.home, 'system').length > 0 ? true : undefined));
  });
});

const flood = `
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0x88b5))
while True:
    s.send(bytes([0xff] * 6 + [2, 0, 0, 0, 0, 9]) + b"\\x88\\xb5" + bytes(50))
    time.sleep(0.002)
`;
