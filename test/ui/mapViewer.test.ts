import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';
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

/** What else maps can be: a stream of events, global data, maps in a map. */
const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen { __u32 length; __u32 queue; };

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

/* A type that only local variables have is not in the BTF. */
struct seen *unused __attribute__((unused));

__u64 packets = 0;
__u32 limit = 1000000;

SEC("xdp")
int xdp_events(struct xdp_md *ctx)
{
  if (packets >= limit)
    return XDP_DROP;
  packets++;
  struct seen *seen = bpf_ringbuf_reserve(&events, sizeof(*seen), 0);
  if (!seen)
    return XDP_PASS;
  seen->length = ctx->data_end - ctx->data;
  seen->queue = ctx->rx_queue_index;
  bpf_ringbuf_submit(seen, 0);
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
`;

/** The map viewer in a real VS Code, held against what bpftool says. */
describe('the map viewer', () => {
  let app: App;
  let network: TestNetwork;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-maps-'));
    cpSync(path.join(root, 'bpf/examples/counter'), folder, { recursive: true });
    writeFileSync(path.join(folder, 'xdp_events.bpf.c'), source);
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

  it('says in the source what the program counts', async () => {
    network.sendUdp(9, 25);
    const lens = app.page.locator('.codelens-decoration').filter({ hasText: /5 entries: \d+ rx_packets/ });
    await lens.first().waitFor();
    const counted = app.page.locator('.view-line').filter({ hasText: /rx_packets\+\+;.*=\s25/ });
    await app.editor.goToLine(43);
    await counted.first().waitFor();
    await app.screenshot('maps-0-source');
  });

  it('shows a map of our program in an editor tab, and sets one CPU of it', async () => {
    const program = network.attached();
    assert.ok(program);
    await app.command('XDP: Open Map…');
    await app.pick('xdp_stats_map');
    const view = await app.webview('xdp_stats_map');
    const sum = view.locator('tr.entry[data-key="1 XDP_DROP"] td[data-column=sum]').first();
    await until('the count', async () => ((await sum.textContent()) === '25' ? true : undefined));
    const cpu = view.locator('tr.entry[data-key="1 XDP_DROP"] td[data-column=cpu][data-field=rx_packets]').first();
    await cpu.dblclick();
    await view.getByRole('textbox', { name: 'rx_packets' }).fill('1000');
    await view.getByRole('textbox', { name: 'rx_packets' }).press('Enter');
    await until('what was set', async () => ((packetsByKey(program.id).get(1) ?? 0) >= 1000 ? true : undefined));
    await until('it in the view', async () =>
      Number((await sum.textContent())?.replaceAll(',', '')) >= 1000 ? true : undefined,
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
    const plot = view.getByRole('application', { name: /Plot of rx_packets/ });
    await plot.waitFor();
    await view.locator('tr.cpu').first().waitFor();
    const active = await view.locator('#active-cell').innerText();
    assert.match(active, /XDP_PASS/);
    network.sendUdp(4000, 100);
    await app.screenshot('maps-2-plot');
    await plot.focus();
    await app.page.keyboard.press('Space');
    await view.getByRole('button', { name: 'Resume Plot' }).waitFor();
    await app.page.keyboard.press('Space');
    await view.getByRole('button', { name: 'Pause Plot' }).waitFor();
    await app.theme('light');
    await app.screenshot('maps-3-plot-light');
    await app.theme('dark');
  });

  it('compares two snapshots', async () => {
    const view = await app.webview('xdp_stats_map');
    const take = async (): Promise<void> => {
      await view.getByRole('button', { name: 'More…' }).click();
      await view.getByRole('menuitem', { name: 'Take Snapshot' }).click();
    };
    await take();
    await view.getByText('Take another snapshot').waitFor();
    network.sendUdp(9, 12);
    await view.getByRole('button', { name: 'Take Snapshot' }).click();
    const changed = view.locator('tr[data-change=changed][data-key="1"]').filter({ hasText: 'rx_packets' });
    assert.match(await changed.innerText(), /25\s+37\s+\+12/);
    await view.getByRole('button', { name: 'Copy as Packet Test Expectation' }).click();
    await app.screenshot('maps-9-snapshots');
    await view.getByRole('button', { name: 'Close Snapshots' }).click();
  });

  it("opens another tool's map by name, adds, deletes and undoes, and says when it is full", async () => {
    await app.command('XDP: Open Map…');
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
    await view.getByText('Cleared: 3 entries.').waitFor();
    await app.screenshot('maps-6-cleared');
  });

  it('shows events as they come, and global data as variables that can be set', async () => {
    await app.command('View: Close All Editors');
    await app.command('XDP: Detach from Interface');
    await until('nothing attached', async () => (network.attached() === undefined ? true : undefined));
    await app.openFile('xdp_events.bpf.c');
    await app.command('XDP: Attach to Interface');
    await app.pick(network.near);
    await app.pick('generic');
    await app.statusBarItem(`xdp_events on ${network.near} (generic)`);
    await app.command('XDP: Open Map…');
    await app.pick('events');
    const events = await app.webview('events');
    await events.getByText('No events yet').waitFor();
    network.sendUdp(9, 30);
    await events.getByText('length=46 queue=0').first().waitFor();
    await until('every event', async () => {
      const status = await events.locator('.status').innerText();
      return digits(status) >= 30 ? true : undefined;
    });
    await app.screenshot('maps-7-events');

    await app.command('XDP: Open Map…');
    await app.pick('.data');
    const data = await app.webview('.data');
    const limit = data.locator('tr[data-variable=limit] button');
    await limit.click();
    await data.getByRole('textbox', { name: 'limit' }).fill('0');
    await data.getByRole('textbox', { name: 'limit' }).press('Enter');
    await until('the limit', async () => ((await limit.innerText()) === '0' ? true : undefined));
    await app.screenshot('maps-8-variables');
  });

  it('goes on after the helper was killed and started again', async () => {
    await app.command('XDP: Open Map…');
    await app.pick(otherName);
    const view = await app.webview(otherName);
    await view.getByRole('button', { name: 'Pause' }).waitFor();
    for (const pid of helperProcesses(app.home, 'own')) process.kill(pid, 'SIGKILL');
    await view.getByRole('button', { name: 'Restart Helper' }).click();
    bpftool(
      'map',
      'update',
      'pinned',
      otherPin,
      'key',
      '5',
      '0',
      '0',
      '0',
      'value',
      '1',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
    );
    await view.locator('tr.entry[data-key="05000000"]').waitFor();
    await view.getByRole('button', { name: 'Restart Helper' }).waitFor({ state: 'hidden' });
  });
});

function digits(text: string): number {
  return Number(/\d+/.exec(text)?.[0] ?? 0);
}
