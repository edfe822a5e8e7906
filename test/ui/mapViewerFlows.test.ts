import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator } from 'playwright-core';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';
import { helperProcesses } from './helperProcesses.ts';
import { createNetwork, type TestNetwork } from './network.ts';

const innerPin = `/sys/fs/bpf/xuf_inner_${process.pid}`;
const outerPin = `/sys/fs/bpf/xuf_outer_${process.pid}`;
const innerName = `xuf_i${process.pid % 100_000}`;
const outerName = `xuf_o${process.pid % 100_000}`;

const bpftool = (...args: string[]): string => execFileSync('bpftool', args, { encoding: 'utf8' });

const le = (size: number, number: number): string[] =>
  Array.from({ length: size }, (_, at) => String(Math.floor(number / 256 ** at) % 256));

/** Key → value of the inner map, as bpftool reads it. */
function entries(): Map<number, number> {
  const dump = JSON.parse(bpftool('-j', 'map', 'dump', 'pinned', innerPin)) as { key: string[]; value: string[] }[];
  const number = (bytes: string[]): number => bytes.reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
  return new Map(dump.map(({ key, value }) => [number(key), number(value)]));
}

const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PLACES 4

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} all SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PLACES);
  __type(key, __u32);
  __type(value, __u64);
} places SEC(".maps");

SEC("xdp")
int xdp_places(struct xdp_md *ctx)
{
  __u32 key = 0;
  __u64 *count = bpf_map_lookup_elem(&all, &key);
  __u64 *first = bpf_map_lookup_elem(&places, &key);
  if (count)
    __sync_fetch_and_add(count, 1);
  if (first)
    __sync_fetch_and_add(first, 1);
  return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
`;

/** What people do around the map viewer in a real VS Code: find maps, files, reloads, and looking away. */
describe('the map viewer around its table', () => {
  let app: App;
  let network: TestNetwork;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-map-flows-'));
    writeFileSync(path.join(folder, 'xdp_places.bpf.c'), source);
    writeFileSync(path.join(folder, 'notes.txt'), 'nothing of BPF\n');
    network = createNetwork('xmf');
    const innerMap = `type hash key 4 value 8 entries 8 name ${innerName}`;
    const outerMap = `type hash_of_maps key 4 value 4 entries 2 name ${outerName} inner_map pinned ${innerPin}`;
    bpftool('map', 'create', innerPin, ...innerMap.split(' '));
    bpftool('map', 'create', outerPin, ...outerMap.split(' '));
    bpftool('map', 'update', 'pinned', innerPin, 'key', ...le(4, 1), 'value', ...le(8, 42));
    bpftool('map', 'update', 'pinned', outerPin, 'key', ...le(4, 7), 'value', 'pinned', innerPin);
    app = await launchApp({ folder });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    network?.remove();
    rmSync(outerPin, { force: true });
    rmSync(innerPin, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  const inMenu = async (view: FrameLocator, name: string | RegExp): Promise<void> => {
    await view.getByRole('button', { name: 'More…' }).click();
    await view.getByRole('menuitem', { name }).click();
  };

  /** VS Code's own dialog for files, where it has no window of the system to show: a path is typed. */
  const typePath = async (file: string): Promise<void> => {
    const input = app.page.locator('.quick-input-widget .quick-input-box input');
    await until('the dialog for files', async () =>
      (await input.isVisible()) && (await input.inputValue()).startsWith('/') ? true : undefined,
    );
    // While it reads a folder it may put what it found in the place of what was typed.
    await until('an end of the dialog', async () => {
      await input.fill(file);
      // It must stay there: Enter would take whatever name the dialog proposes.
      await sleep(300);
      if ((await input.inputValue()) !== file) return undefined;
      await input.press('Enter');
      return await input.waitFor({ state: 'hidden', timeout: 5000 }).then(
        () => true as const,
        () => undefined,
      );
    });
  };

  it('opens a map by the path of its pin, and the map that lies in it', async () => {
    await app.command('XDP: Open Map…');
    await app.pick('Open by the path of its pin…');
    const asked = async (): Promise<boolean> => (await app.question()).includes('by the path of its pin');
    await until('the question for it', async () => ((await asked()) ? true : undefined));
    await app.answer(outerPin);
    const outer = await app.webview(outerName);
    const row = outer.locator('tr.entry[data-key="07000000"]');
    await row.waitFor();
    await row.locator('td').first().dblclick();
    const inner = await app.webview(innerName);
    await inner.locator('tr.entry[data-key="01000000"]').waitFor();
    await app.screenshot('maps-flows-1-inner');
  });

  it('writes entries to a file and takes them back from it', async () => {
    const view = await app.webview(innerName);
    const file = path.join(folder, 'inner.csv');
    await inMenu(view, /^Export/);
    await typePath(file);
    await app.notification(`1 entry of ${innerName} was written to inner.csv`);
    assert.equal(readFileSync(file, 'utf8'), 'key,value\r\n01000000,2a00000000000000\r\n');
    await app.clearNotifications();
    writeFileSync(file, 'key,value\r\n01000000,2b00000000000000\r\n02000000,0700000000000000\r\n');
    await inMenu(view, /^Import/);
    await typePath(file);
    await until('what the file says', async () =>
      entries().get(1) === 43 && entries().get(2) === 7 ? true : undefined,
    );
    await view.getByText('Imported: 2 entries.').waitFor();
  });

  it('asks the kernel for nothing while nobody looks', async () => {
    const view = await app.webview(innerName);
    await view.getByLabel('Read every').selectOption('50');
    const shown = await bpfCalls(1000);
    assert.ok(shown > 5, `${shown} calls while it is read`);
    await app.openFile('notes.txt');
    // What was asked before is answered still.
    await until('rest', async () => ((await bpfCalls(500)) === 0 ? true : undefined));
    assert.equal(await bpfCalls(3000), 0);
    await app.command('View: Close Editor');
    await until('it to be read again', async () => ((await bpfCalls(500)) > 5 ? true : undefined));
  });

  it('undoes an import, also after the view was out of sight', async () => {
    await inMenu(await app.webview(innerName), 'Undo Edit (1)');
    await until('what was there before', async () =>
      entries().get(1) === 42 && entries().size === 1 ? true : undefined,
    );
  });

  /** bpf() calls of the helper that reads maps, in so many milliseconds. */
  async function bpfCalls(ms: number): Promise<number> {
    const [pid, ...others] = helperProcesses(app.home, 'own');
    assert.ok(pid !== undefined && others.length === 0);
    const strace = spawn('strace', ['-f', '-e', 'trace=bpf', '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(strace, 'exit');
    let said = '';
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    try {
      await until('strace', async () => (said.includes('attached') ? true : undefined));
      const before = said.length;
      await sleep(ms);
      return said.slice(before).split('bpf(').length - 1;
    } finally {
      strace.kill('SIGINT');
      await ended;
    }
  }

  it('has its tabs again after the window was loaded anew, as they were', async () => {
    const before = await app.webview(innerName);
    await before.getByLabel('Read every').selectOption('2000');
    await until('VS Code to have kept it', async () =>
      (await keptState()).some((text) => ofInterval.test(text)) ? true : undefined,
    );
    await app.reload();
    const view = await app.webview(innerName);
    await view.getByRole('button', { name: 'Open Again' }).click();
    await view.locator('tr.entry[data-key="01000000"]').waitFor();
    assert.equal(await view.getByLabel('Read every').inputValue(), '2000');
    await view.getByRole('button', { name: 'Open Again' }).waitFor({ state: 'hidden' });
    await app.screenshot('maps-flows-2-reloaded');
    await app.command('View: Open Previous Editor');
    const outer = await app.webview(outerName);
    await outer.getByRole('button', { name: 'Open Again' }).click();
    await outer.locator('tr.entry[data-key="07000000"]').waitFor();
  });

  /** Of the tab of the inner map, in texts that may lie in texts. */
  const ofInterval = new RegExp(`${innerName}[^}]*}[^}]*intervalMs[\\\\"]*:2000\\b`);

  /** VS Code in a browser writes what it keeps every few seconds, and not when the page goes. */
  const keptState = (): Promise<string[]> =>
    app.page.evaluate(async () => {
      const done = <T>(request: IDBRequest<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(new Error(request.error?.message));
        });
      const found: string[] = [];
      for (const { name } of await indexedDB.databases()) {
        if (name?.startsWith('vscode-web-state-db-') !== true) continue;
        const database = await done(indexedDB.open(name));
        const values = await done(database.transaction('ItemTable').objectStore('ItemTable').getAll());
        found.push(...values.filter((value) => typeof value === 'string'));
        database.close();
      }
      return found;
    });

  it('goes on when a save replaces the program, also when that makes its map larger', async () => {
    await app.command('View: Close All Editors');
    const file = 'xdp_places.bpf.c';
    await app.openFile(file);
    await app.command('XDP: Attach to Interface');
    await app.pick(network.near);
    await app.pick('generic');
    await app.statusBarItem(`xdp_places on ${network.near} (generic)`);
    await app.command('XDP: Toggle Hot Reload');
    await app.command('XDP: Open Map…');
    await app.pick('places');
    await app.webview('places');
    await app.command('View: Move Editor into Right Group');
    await app.page.locator('.editor-group-container').nth(1).locator('.tab.active').waitFor();
    // Looked for each time: a view that moves is made anew.
    const reads = (count: string): Promise<true> =>
      until(`the count ${count}`, async () => {
        const value = (await app.webview('places')).locator('tr.entry[data-key="0"] td[data-column=value]');
        const shown = await value.textContent({ timeout: 2000 }).catch(() => undefined);
        return shown === count ? true : undefined;
      });
    const toSource = async (): Promise<void> => {
      await app.command('View: Focus Left Editor Group');
      await app.page.locator(`.editor-group-container.active .tab[data-resource-name="${file}"]`).waitFor();
    };
    const larger = async (from: number, to: number): Promise<void> => {
      await app.editor.goToLine(4, `#define PLACES ${from}`.length + 1);
      await app.page.keyboard.press('Backspace');
      await app.editor.type(String(to));
      await app.page.keyboard.press('Control+S');
      await app.notification(`These maps start empty: places (its max_entries changed from ${from} to ${to})`);
    };
    network.sendUdp(9, 25);
    await reads('25');
    const first = network.attached()?.id;
    await toSource();
    await app.editor.goToLine(3);
    await app.editor.type('// again');
    await app.page.keyboard.press('Control+S');
    const second = await until('the new build', async () => {
      const id = network.attached()?.id;
      return id === first ? undefined : id;
    });
    network.sendUdp(9, 5);
    await reads('30');
    await larger(4, 6);
    assert.notEqual(network.attached()?.id, second);
    network.sendUdp(9, 3);
    await reads('3');
    const view = await app.webview('places');
    await view.locator('.status').getByText('6 entries').waitFor();
    await app.screenshot('maps-flows-3-larger');
    // A tab that nobody looks at is of the new map, too.
    await app.command('View: Focus Right Editor Group');
    await app.openFile('notes.txt');
    await toSource();
    await larger(6, 8);
    const titles = await textsOf(app.page.locator('.tab .label-name'));
    assert.ok(titles.includes('places'), titles.join(', '));
  });
});
