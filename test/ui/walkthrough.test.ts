import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FrameLocator, Locator } from 'playwright-core';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';
import { Walkthrough, wordsOf } from './walkthroughPage.ts';

const broken = path.join(root, 'bpf/templates/walkthrough/xdp_missing_check.bpf.c');

const output = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' });
const namespaces = (): string => output('ip', 'netns', 'list');

/** The program on the lab's interface, as iproute2 sees it. */
function attached(): { id: number; name: string } | undefined {
  const [link] = JSON.parse(output('ip', '-j', '-d', 'link', 'show', 'xdplab0')) as [
    { xdp?: { prog?: { id: number; name: string } } },
  ];
  return link.xdp?.prog;
}

/** A map of that program, as bpftool reads it: key bytes in hex, and the sum over all CPUs of the value. */
function entries(name: string): Map<string, number> {
  const { id } = attached() ?? { id: 0 };
  const { map_ids: ids = [] } = JSON.parse(output('bpftool', '-j', 'prog', 'show', 'id', String(id))) as {
    map_ids?: number[];
  };
  const infos = ids.map(
    (each) => JSON.parse(output('bpftool', '-j', 'map', 'show', 'id', String(each))) as { id: number; name: string },
  );
  const map = infos.find((info) => info.name === name);
  assert.ok(map, `${name} among the maps of program ${id}`);
  const number = (bytes: readonly string[]): number =>
    bytes.reduceRight((sum, byte) => sum * 256 + Number.parseInt(byte, 16), 0);
  const dump = JSON.parse(output('bpftool', '-j', 'map', 'dump', 'id', String(map.id))) as {
    key: string[];
    value?: string[];
    values?: { value: string[] }[];
  }[];
  return new Map(
    dump.map(({ key, value, values }) => [
      key.map((byte) => byte.slice(2)).join(''),
      value === undefined ? (values ?? []).reduce((sum, each) => sum + number(each.value), 0) : number(value),
    ]),
  );
}

/** Somebody who has never seen XDP: each step is done by its button, and checked off by what happened in the kernel. */
describe('the walkthrough', () => {
  let app: App;
  let first: Walkthrough;
  let folder: string;
  let labIsOurs = false;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-first-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    app = await launchApp({ folder, settings: { 'workbench.colorTheme': 'Default Dark Modern' } });
    first = new Walkthrough(app, wordsOf('package.nls.json'));
    assert.doesNotMatch(namespaces(), /^xdp-lab/m, 'somebody else’s lab is up');
    labIsOurs = true;
  });

  after(async () => {
    await app?.close();
    if (labIsOurs && namespaces().includes('xdp-lab'))
      execFileSync(process.execPath, [path.join(root, 'dist/cli.js'), 'lab', 'down']);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Where the extension keeps the practice project. */
  const practice = (name: string): string =>
    path.join(app.home, 'server/data/User/globalStorage/vscode-xdp.vscode-xdp/first-steps', name);
  const tab = (name: string): Promise<void> => app.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();

  /** Blocked sources, over all CPUs. */
  const sumOf = (view: FrameLocator): Locator => view.locator('tr.entry[data-key="0"] td[data-column=sum]').first();

  it('opens the practice program, and compiles it', async () => {
    await app.openView('XDP');
    await app.command('XDP: Get Started');
    await first.step('learn').waitFor();
    // Which of the page's webviews is the walkthrough's is not said from outside.
    await until('the picture of the modes', async () => {
      const seen = await Promise.all(
        app.page.frames().map((frame) =>
          frame
            .locator('img[alt^="Where XDP"]')
            .count()
            // A frame that went away meanwhile was not the one.
            .catch(() => 0),
        ),
      );
      return seen.some((count) => count > 0) ? true : undefined;
    });
    await app.screenshot('walkthrough-1-meet');
    await first.press('learn');
    await tab('xdp_firewall.bpf.c');
    await first.done('learn');
    await first.press('compile');
    await first.done('compile');
    assert.match(output('file', '-b', practice('xdp_firewall.bpf.o')), /eBPF/);
  });

  it('shows why another program is refused, and the kernel takes it when it is mended', async () => {
    await first.press('verify');
    await tab(path.basename(broken));
    await first.press('verify', 1);
    await app.page.getByText('packet-bounds').first().waitFor();
    await app.screenshot('walkthrough-2-refused');
    assert.equal(await first.isDone('verify'), false);
    await app.page.locator('.editor-instance .view-lines').first().click();
    const line =
      readFileSync(broken, 'utf8')
        .split('\n')
        .findIndex((text) => text.includes('ip->protocol')) + 1;
    await app.editor.goToLine(line, 10);
    const fix = app.page.locator('.action-widget .monaco-list-row').filter({ hasText: 'lies inside the packet' });
    await until('the quick fix', async () => {
      await app.page.keyboard.press('Control+.');
      return await fix
        .first()
        .click({ timeout: 3000 })
        .then(
          () => true as const,
          () => undefined,
        );
    });
    await app.page.locator('.editor-instance').getByText('ip + 1').first().waitFor();
    await first.press('verify', 1);
    await first.done('verify');
  });

  it('attaches in the lab, where nothing is dropped yet', async () => {
    await first.press('lab');
    await app.notification(/The lab is up: attach to xdplab0/);
    await first.done('lab');
    assert.match(namespaces(), /^xdp-lab/m);
    await app.screenshot('walkthrough-3-lab');
    await app.clearNotifications();
    await first.press('attach');
    await app.statusBarItem('xdp_firewall on xdplab0');
    await first.done('attach');
    assert.equal(attached()?.name, 'xdp_firewall');
    await first.press('watch');
    await first.done('watch');
    const view = await app.webview('dropped');
    await sumOf(view).waitFor();
    assert.equal(entries('dropped').get('00000000'), 0);
    await app.screenshot('walkthrough-4-watch');
  });

  it('blocks an address while the program runs', async () => {
    await first.press('block');
    await first.done('block');
    // 32 bits of 10.77.0.2.
    assert.deepEqual([...entries('blocklist')], [['200000000a4d0002', 1]]);
    await until('dropped packets', async () => ((entries('dropped').get('00000000') ?? 0) > 0 ? true : undefined));
    const view = await app.webview('dropped');
    await until('them in the view', async () =>
      /[1-9]/.test((await sumOf(view).textContent()) ?? '') ? true : undefined,
    );
    // The columns of CPUs that counted nothing before are there as well.
    const cpus = view.locator('tr.entry[data-key="0"] td[data-column=cpu]');
    await until('them by CPU', async () =>
      (await cpus.allTextContents()).some((count) => /[1-9]/.test(count)) ? true : undefined,
    );
    await app.screenshot('walkthrough-5-dropped');
  });

  const resultOf = (panel: FrameLocator, verdict: string): Promise<void> =>
    panel.locator('xdp-run-result').getByText(verdict, { exact: true }).first().waitFor();

  it('runs a packet built by hand where the program is attached', async () => {
    await first.press('packet');
    const panel = await app.webview('XDP Packet');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await resultOf(panel, 'XDP_DROP');
    await first.done('packet');
    await app.screenshot('walkthrough-6-packet');
  });

  it('stops in the program, on a packet that is dropped', async () => {
    await first.press('debug');
    await app.page.locator('.debug-top-stack-frame-column, .debug-top-stack-frame').first().waitFor();
    await app.page.locator('.debug-variables').getByText('cur', { exact: false }).first().waitFor();
    await first.done('debug');
    await app.screenshot('walkthrough-7-debug');
    await app.page.locator('.debug-toolbar .codicon-debug-stop').click();
    await app.page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
  });

  it('keeps a run on fresh maps as a test, which passes with the others', async () => {
    await first.press('test');
    const panel = await app.webview('XDP Packet');
    await panel.locator('select[name=mode]').selectOption('fresh');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await resultOf(panel, 'XDP_PASS');
    await panel.getByRole('button', { name: 'Keep as Test' }).click();
    await panel.getByText(/Kept as .*xdp_firewall: XDP_PASS.* in xdp_firewall\.xdptest\.json/).waitFor();
    const { tests } = JSON.parse(readFileSync(practice('xdp_firewall.xdptest.json'), 'utf8')) as {
      tests: { name: string }[];
    };
    assert.equal(tests.at(-1)?.name, 'xdp_firewall: XDP_PASS');
    assert.equal(await first.isDone('test'), false);
    await first.press('test', 1);
    await first.done('test');
    await app.screenshot('walkthrough-8-tests');
  });

  it('detaches, and leaves nothing', async () => {
    await first.press('detach');
    await first.done('detach');
    assert.equal(attached(), undefined);
    await first.press('detach', 1);
    await until('the end of the lab', async () => (/^xdp-lab/m.test(namespaces()) ? undefined : true));
    assert.equal(existsSync('/sys/class/net/xdplab0'), false);
    await app.theme('light');
    await app.screenshot('walkthrough-9-detached-light');
    await app.command('View: Close All Editors');
    await until('no helper', async () => (helperProcesses(app.home, 'own').length === 0 ? true : undefined));
  });
});
