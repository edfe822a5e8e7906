import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

/** What a person sees of the language server while they type, in a real VS Code. */
describe('the language server', () => {
  let app: App;
  let folder: string;
  let lines: string[];

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-assist-'));
    cpSync(path.join(root, 'bpf/examples/firewall'), folder, { recursive: true });
    lines = readFileSync(path.join(folder, 'xdp_firewall.bpf.c'), 'utf8').split('\n');
    app = await launchApp({ folder, settings: { 'xdp.verify.onSave': false } });
    await app.theme('dark');
    await app.openFile('xdp_firewall.bpf.c');
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** 1-based line and column of a text in the example, as the Go to Line box counts: a tab is four columns there. */
  function placeOf(text: string): [line: number, column: number] {
    const line = lines.findIndex((each) => each.includes(text));
    assert.ok(line >= 0, text);
    return [line + 1, (lines[line] ?? '').replaceAll('\t', '    ').indexOf(text) + 2];
  }

  it('offers helpers with their documentation', async () => {
    const [line] = placeOf('return XDP_PASS;');
    await app.editor.goToLine(line);
    await app.editor.type('bpf_xdp_adj');
    const offered = await until('helpers', async () => {
      const labels = await app.editor.completions();
      return labels.some((label) => label.startsWith('bpf_xdp_adjust_head')) ? labels : undefined;
    });
    assert.ok(!offered.some((label) => label.startsWith('bpf_skb')), offered.join('; '));
    await app.screenshot('assist-1-completion');
    await app.page.keyboard.press('Escape');
    await app.command('File: Revert File');
  });

  it('tells what a map holds and needs', async () => {
    await app.editor.goToLine(...placeOf('dropped, &'));
    await app.page.keyboard.press('Control+K');
    await app.page.keyboard.press('Control+I');
    const hover = app.page.locator('.monaco-hover').filter({ hasText: 'on each possible CPU' });
    await hover.first().waitFor();
    await app.screenshot('assist-2-hover');
    await app.page.keyboard.press('Escape');
  });

  it('goes to a map, and knows the packet tests that use it', async () => {
    await app.editor.goToLine(...placeOf('dropped, &'));
    await app.page.keyboard.press('Shift+F12');
    await until('references in source and test', async () => {
      const rows = await textsOf(app.page.locator('.reference-zone-widget .ref-tree .monaco-list-row'));
      return rows.some((row) => row.includes('xdptest.json')) || undefined;
    });
    await app.screenshot('assist-3-references');
    await app.page.keyboard.press('Escape');
  });

  it('warns of a comparison in the wrong order while one types', async () => {
    const [line] = placeOf('if (ethertype != bpf_htons');
    await app.editor.goToLine(line);
    await app.editor.type('struct ethhdr *e = (void *)(long)ctx->data; if (e->h_proto == ETH_P_IP) return XDP_DROP;\n');
    const problems = await until('the warning', async () => {
      const found = await app.editor.problems();
      return found.some(({ message }) => message.includes('network order')) ? found : undefined;
    });
    assert.ok(problems.length >= 1);
    await app.screenshot('assist-4-warning');
    await app.command('File: Revert File');
    await app.command('View: Toggle Panel Visibility');
    await app.theme('light');
    await app.screenshot('assist-5-light');
  });
});
