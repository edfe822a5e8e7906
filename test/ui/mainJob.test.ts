import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vsixPath } from '../../extension/build/package.mjs';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';
import { createNetwork, packetsByKey, type TestNetwork } from './network.ts';

const vsix = vsixPath(process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64');

/** The whole main job in a real VS Code, on the packaged extension, held against what `ip` and `bpftool` say. */
describe('the main job', () => {
  let app: App;
  let network: TestNetwork;
  let folder: string;
  let film: ReturnType<App['film']>;

  /** Kept by others on this machine: not this test's. */
  let pinsBefore: string[];

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-examples-'));
    cpSync(path.join(root, 'bpf/examples'), folder, { recursive: true });
    network = createNetwork('xui');
    pinsBefore = pins();
    app = await launchApp({ folder, vsix });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    network?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('offers the map macros while typing', async () => {
    await app.openFile('xdp_counter.bpf.c');
    await app.screenshot('1-source');
    await app.editor.goToEnd();
    await app.editor.type('\nBPF_HASH');
    const offered = await app.editor.completions();
    assert.ok(
      offered.some((label) => label.startsWith('BPF_HASH')),
      offered.join('; '),
    );
    await app.screenshot('2-completion');
    await app.page.keyboard.press('Escape');
    await app.command('File: Revert File');
  });

  it('compiles, and puts an error on its line', async () => {
    const source = path.join(folder, 'counter/xdp_counter.bpf.c');
    const text = readFileSync(source, 'utf8');
    const lines = text.split('\n');
    const broken = lines.findIndex((line) => line.includes('stats->rx_packets++')) + 1;
    writeFileSync(source, text.replace('stats->rx_packets++', 'stats->no_such_field++'));
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Compile Current File');
    const problems = await app.editor.problems();
    const error = problems.find(({ severity }) => severity === 'Error');
    assert.equal(error?.line, broken);
    assert.match(error?.message ?? '', /no_such_field/);
    await app.screenshot('3-problem');
    writeFileSync(source, text);
    await app.command('XDP: Compile Current File');
    await until('an object file', async () => existsSync(source.replace(/\.c$/, '.o')) || undefined);
    await until('no problems', async () => ((await app.editor.squiggles()) === 0 ? true : undefined));
    await app.command('View: Toggle Panel Visibility');
  });

  it('attaches in the chosen mode', async () => {
    film = app.film('attach');
    await app.command('XDP: Attach to Interface');
    const choices = await until('the interface', async () => {
      const rows = await app.choices();
      return rows.some((row) => row.includes(network.near)) ? rows : undefined;
    });
    assert.ok(
      choices.some((row) => row.includes(network.near) && row.includes('veth')),
      choices.join('; '),
    );
    await app.screenshot('4-interface');
    await app.pick(network.near);
    await until('the modes', async () =>
      (await app.choices()).some((row) => row.startsWith('generic')) ? true : undefined,
    );
    await app.screenshot('5-mode');
    await app.pick('native');
    await app.statusBarItem(`xdp_counter on ${network.near} (native)`);
    assert.equal(network.attached()?.mode, 'native');
  });

  it('shows the live counters as bpftool reads them', async () => {
    const program = network.attached();
    assert.ok(program);
    const view = await app.webview(/Map Viewer/);
    const sum = view.locator('tr.entry[data-key="1 XDP_DROP"] td').first();
    await sum.waitFor();
    // Wider, so that the CPUs' columns come into sight.
    await app.page.mouse.move(348, 400);
    await app.page.mouse.down();
    await app.page.mouse.move(660, 400, { steps: 8 });
    await app.page.mouse.up();
    for (const count of [40, 60]) {
      const before: number = packetsByKey(program.id).get(1) ?? 0;
      network.sendUdp(9, count);
      const now = packetsByKey(program.id).get(1);
      assert.equal(now, before + count);
      await until(`${now} in the view`, async () => (digits(await sum.innerText()) === now ? true : undefined));
    }
    network.sendUdp(4000, 300);
    const passed = view.locator('tr.entry[data-key="2 XDP_PASS"] td[data-column=sum]').first();
    await until('the packets that passed', async () => {
      const shown = digits(await passed.innerText());
      // The kernel's own neighbour discovery passes as well, at times of its own.
      return shown >= 300 && shown === packetsByKey(program.id).get(2) ? true : undefined;
    });
    await app.page.mouse.move(900, 880);
    await app.screenshot('6-counters');
    await film.end();
  });

  it('runs a packet built by hand', async () => {
    await app.page.mouse.move(660, 400);
    await app.page.mouse.down();
    await app.page.mouse.move(348, 400, { steps: 8 });
    await app.page.mouse.up();
    await app.command('XDP: Run Packet');
    const panel = await app.webview('XDP Packet');
    const scapy = panel.getByRole('textbox', { name: /scapy/i });
    await scapy.fill('Ether()/IP(src="10.0.0.66")/UDP(sport=4000, dport=9)/Raw(b"hello")');
    await scapy.press('Enter');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByText('XDP_DROP', { exact: true }).first().waitFor();
    await panel
      .getByText(/ns per packet/)
      .first()
      .waitFor();
    await app.screenshot('7-run-packet');
    // A test run on a fresh instance leaves the attached program's counters alone.
    const program = network.attached();
    assert.ok(program);
    const before = packetsByKey(program.id).get(1);
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByText('XDP_DROP', { exact: true }).first().waitFor();
    assert.equal(packetsByKey(program.id).get(1), before);
  });

  it('looks as clear in the light theme', async () => {
    await app.theme('light');
    await app.screenshot('8-run-packet-light');
    await app.theme('dark');
  });

  it('runs a packet where the program is attached: its counters move, and it says so', async () => {
    const program = network.attached();
    assert.ok(program);
    const panel = await app.webview('XDP Packet');
    const mode = panel.locator('select[name=mode]');
    await mode.selectOption({ label: `xdp_counter on ${network.near} (attached)` });
    await panel.getByText(/its counters move\./).waitFor();
    const before: number = packetsByKey(program.id).get(1) ?? 0;
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByText(/its counters moved\./).waitFor();
    assert.equal(packetsByKey(program.id).get(1), before + 1);
    await app.screenshot('8-run-attached');
    await mode.selectOption('fresh');
  });

  it('keeps a run as a packet test', async () => {
    const panel = await app.webview('XDP Packet');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByRole('button', { name: 'Keep as Test' }).click();
    await panel.getByText(/Kept as .*xdp_counter: XDP_DROP.* in xdp_counter\.xdptest\.json/).waitFor();
    const kept = JSON.parse(readFileSync(path.join(folder, 'counter/xdp_counter.xdptest.json'), 'utf8')) as {
      tests: { name: string; packet: string; expect: { action: string } }[];
    };
    const test = kept.tests.at(-1);
    assert.equal(test?.name, 'xdp_counter: XDP_DROP');
    assert.match(test?.packet ?? '', /^Ether\(\)\/IP\(src='10\.0\.0\.66'\)/);
    assert.equal(test?.expect.action, 'XDP_DROP');
    await app.screenshot('8-kept-as-test');
  });

  it('detaches, and leaves nothing', async () => {
    const program = network.attached();
    assert.ok(program);
    await app.command('View: Close All Editors');
    await app.command('XDP: Detach from Interface');
    await until('nothing attached', async () => (network.attached() === undefined ? true : undefined));
    const programs = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })) as {
      id: number;
    }[];
    assert.ok(!programs.some(({ id }) => id === program.id));
    assert.deepEqual(
      pins().filter((pin) => !pinsBefore.includes(pin)),
      [],
    );
    await until('no helper', async () => (helperProcesses(app.home, 'own').length === 0 ? true : undefined));
    await app.screenshot('9-detached');
  });

  it('says that the helper was killed, offers a restart, and leaves nothing attached', async () => {
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Attach to Interface');
    await app.pick(network.near);
    await app.pick('generic');
    await app.statusBarItem(`xdp_counter on ${network.near} (generic)`);
    for (const pid of helperProcesses(app.home, 'own')) process.kill(pid, 'SIGKILL');
    await until('nothing attached', async () => (network.attached() === undefined ? true : undefined));
    await app.notification(/helper/i);
    await app.screenshot('10-helper-killed');
    await app.pressInNotification(/helper/i, 'Restart Helper');
    await until('a helper', async () => (helperProcesses(app.home, 'own').length > 0 ? true : undefined));
    await app.clearNotifications();
  });
});

describe('a workspace that is not trusted', () => {
  it('is neither compiled nor attached, and nothing that would do so is offered', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'xdp-untrusted-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    const app = await launchApp({ folder, vsix, trust: false });
    try {
      await app.openFile('xdp_counter.bpf.c');
      const isOffered = async (title: string): Promise<boolean> => (await app.commandsFor(title)).includes(title);
      await until('the log to be offered', async () => (await isOffered('XDP: Show Log')) || undefined);
      for (const title of ['XDP: Compile Current File', 'XDP: Attach to Interface', 'XDP: Run Packet'])
        assert.equal(await isOffered(title), false, title);
      await app.screenshot(`11-untrusted`);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.endsWith('.o')),
        [],
      );
      for (const profile of ['own', 'system'] as const) assert.deepEqual(helperProcesses(app.home, profile), []);
    } finally {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function digits(text: string): number {
  return Number(text.replace(/\D/g, ''));
}

/** What this user keeps attached. */
function pins(): string[] {
  const folder = `/sys/fs/bpf/xdp-vscode/${process.getuid?.() ?? 0}`;
  return existsSync(folder) ? readdirSync(folder) : [];
}
