import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { createNetwork, packetsByKey, type TestNetwork } from './network.ts';

const otherPin = `/sys/fs/bpf/xui_other_${process.pid}`;
const otherName = `xui_o${process.pid % 100_000}`;

const bpftool = (...args: string[]): string => execFileSync('bpftool', args, { encoding: 'utf8' });

/** Key → value of the map that the test pinned, as bpftool reads it. */
function entries(): Map<number, number> {
  const dump = JSON.parse(bpftool('-j', 'map', 'dump', 'pinned', otherPin)) as { key: string[]; value: string[] }[];
  const number = (bytes: string[]): number => bytes.reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
  return new Map(dump.map(({ key, value }) => [number(key), number(value)]));
}

/** The map viewer in a real VS Code, held against what bpftool says. */
describe('the map viewer', () => {
  let app: App;
  let network: TestNetwork;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-maps-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    network = createNetwork('xmv');
    bpftool('map', 'create', otherPin, 'type', 'hash', 'key', '4', 'value', '8', 'entries', '3', 'name', otherName);
    bpftool(
      'map',
      'update',
      'pinned',
      otherPin,
      'key',
      '1',
      '0',
      '0',
      '0',
      'value',
      '42',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
    );
    app = await launchApp({ folder });
    await app.theme('dark');
    await app.openFile('xdp_counter.bpf.c');
    await app.command('XDP: Attach to Interface');
    await app.pick(network.near);
    await app.pick('generic');
    await app.statusBarItem(`xdp_counter on ${network.near} (generic)`);
  });

  after(async () => {
    await app?.close();
    network?.remove();
    rmSync(otherPin, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows a map of our program in an editor tab, and sets one CPU of it', async () => {
    network.sendUdp(9, 25);
    const program = network.attached();
    assert.ok(program);
    await app.command('XDP: Open Map…');
    await app.pick('xdp_stats_map');
    const view = await app.webview('xdp_stats_map');
    const sum = view.locator('tr.entry[data-key="1 XDP_DROP"] td[data-column=sum]').first();
    await until('the count', async () => ((await sum.getAttribute('data-value')) === '25' ? true : undefined));
    const cpu = view.locator('tr.entry[data-key="1 XDP_DROP"] td[data-column=cpu][data-field=rx_packets]').first();
    await cpu.dblclick();
    await view.getByRole('textbox', { name: 'rx_packets' }).fill('1000');
    await view.getByRole('textbox', { name: 'rx_packets' }).press('Enter');
    await until('what was set', async () => ((packetsByKey(program.id).get(1) ?? 0) >= 1000 ? true : undefined));
    await until('it in the view', async () =>
      Number(await sum.getAttribute('data-value')) >= 1000 ? true : undefined,
    );
    await view.getByRole('button', { name: 'More…' }).click();
    await view.getByRole('menuitem', { name: /Undo Edit \(1\)/ }).click();
    await until('what was there before', async () => (packetsByKey(program.id).get(1) === 25 ? true : undefined));
    await app.screenshot('maps-1-editor');
  });

  it('is used by the keyboard alone', async () => {
    const view = await app.webview('xdp_stats_map');
    await view.getByRole('treegrid').focus();
    for (const key of ['Control+Home', 'ArrowDown', 'ArrowDown', 'Space', '+']) await app.page.keyboard.press(key);
    await view.getByRole('img', { name: /Plot of rx_packets/ }).waitFor();
    await view.locator('tr.cpu').first().waitFor();
    const active = await view.locator('#active-cell').innerText();
    assert.match(active, /XDP_PASS/);
    network.sendUdp(4000, 100);
    await app.screenshot('maps-2-plot');
    await app.theme('light');
    await app.screenshot('maps-3-plot-light');
    await app.theme('dark');
  });

  it("opens another tool's map by name, adds, deletes and undoes, and says when it is full", async () => {
    await app.command('XDP: Open Map…');
    await until('every map', async () =>
      (await app.choices()).some((row) => row.includes(otherName)) ? true : undefined,
    );
    await app.screenshot('maps-4-picker');
    await app.pick(otherName);
    const view = await app.webview(otherName);
    await view.locator('tr.entry[data-key="01000000"]').waitFor();
    const add = async (key: string, value: string): Promise<void> => {
      await view.getByRole('button', { name: 'More…' }).click();
      await view.getByRole('menuitem', { name: 'Add Entry…' }).click();
      await view.getByLabel('Key', { exact: true }).fill(key);
      await view.getByLabel('Value', { exact: true }).fill(value);
      await view.getByRole('button', { name: 'Add', exact: true }).click();
    };
    await add('02000000', '0700000000000000');
    await until('the new entry', async () => (entries().get(2) === 7 ? true : undefined));
    await view.locator('tr.entry[data-key="02000000"]').waitFor();
    await add('03000000', '0800000000000000');
    await until('another', async () => (entries().size === 3 ? true : undefined));
    await add('04000000', '0900000000000000');
    await view
      .getByText(/it is full: 3 entries/)
      .first()
      .waitFor();
    await app.screenshot('maps-5-full');
    await view.getByRole('button', { name: 'Cancel' }).click();
    await view.locator('tr.entry[data-key="02000000"] th').click();
    await app.page.keyboard.press('Delete');
    await until('one less', async () => (entries().has(2) ? undefined : true));
    await view.getByRole('button', { name: 'More…' }).click();
    await view.getByRole('menuitem', { name: /Undo Edit \(3\)/ }).click();
    await until('it is back', async () => (entries().get(2) === 7 ? true : undefined));
  });

  it('asks before it clears a map', async () => {
    const view = await app.webview(otherName);
    await view.getByRole('button', { name: 'More…' }).click();
    await view.getByRole('menuitem', { name: 'Clear Map…' }).click();
    await app.pressInDialog('Clear');
    await until('nothing', async () => (entries().size === 0 ? true : undefined));
    await view.getByText('3 entries cleared.').waitFor();
    await app.screenshot('maps-6-cleared');
  });
});
