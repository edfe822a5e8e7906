import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type App, launchApp } from './driver.ts';
import { textsOf, until } from './driverWaits.ts';

const source = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "limits.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LIMIT);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

SEC("xdp")
int xdp_ttl(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ttl < 2)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
`;

/** What happens in a real VS Code when a BPF source is saved, and what the editor offers about it. */
describe('the verifier as a linter', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-language-'));
    const files = {
      'src/xdp_ttl.bpf.c': source,
      'one/limits.bpf.h': '#define LIMIT 4\n',
      'two/limits.bpf.h': '#define LIMIT 8\n',
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    // Before VS Code lists the files: it may not know one that is made a moment before it is asked for.
    const log = readFileSync(path.join(import.meta.dirname, '../../test/fixtures/verifier/packetBounds.log'), 'utf8');
    writeFileSync(path.join(folder, 'pasted.verifier.log'), log);
    app = await launchApp({ folder });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('asks which of two headers is meant, and remembers it in the workspace', async () => {
    await app.openFile('xdp_ttl.bpf.c');
    await app.command('XDP: Compile Current File');
    await app.pressInNotification('2 headers named limits.bpf.h', 'Choose');
    await app.screenshot('language-1-choice');
    await app.pick('two/limits.bpf.h');
    const settings = path.join(folder, '.vscode/settings.json');
    const kept = await until('the choice in the settings', async () => {
      const text = await Promise.resolve()
        .then(() => readFileSync(settings, 'utf8'))
        .catch(() => '');
      return text.includes('two') ? text : undefined;
    });
    assert.deepEqual(JSON.parse(kept), { 'xdp.compile.includePath': ['two'] });
    await app.clearNotifications();
  });

  it('shows on save what the verifier refuses, at the expression, with the way there', async () => {
    await app.editor.goToEnd();
    await app.editor.type('\n');
    await app.editor.save();
    const problems = await app.editor.problems();
    const line = source.split('\n').findIndex((text) => text.includes('ip->ttl')) + 1;
    const refused = problems.find(({ message }) => message.includes('xdp_ttl:'));
    assert.equal(refused?.line, line, JSON.stringify(problems));
    assert.equal(refused.column, 6);
    await app.screenshot('language-2-refused');
  });

  it('inserts the check with the action of this program, and the kernel takes it', async () => {
    await app.editor.goToLine(27, 8);
    await app.page.keyboard.press('Control+.');
    const menu = app.page.locator('.action-widget .monaco-list-row').filter({ hasText: 'lies inside the packet' });
    await menu.first().waitFor();
    await app.screenshot('language-3-fix');
    await menu.first().click();
    await app.editor.save();
    const lens = app.page.locator('.codelens-decoration').filter({ hasText: /\d+ instructions/ });
    await lens.first().waitFor();
    await until('no squiggle', async () => ((await app.editor.squiggles()) === 0 ? true : undefined));
    const text = readFileSync(path.join(folder, 'src/xdp_ttl.bpf.c'), 'utf8');
    assert.match(text, /\tif \(\(void \*\)\(ip \+ 1\) > data_end\)\n\t\treturn XDP_DROP;\n\tif \(ip->ttl < 2\)/);
    await app.command('View: Toggle Panel Visibility');
    await app.screenshot('language-4-accepted');
  });

  it('says what a change cost the verifier', async () => {
    const file = path.join(folder, 'src/xdp_ttl.bpf.c');
    await app.editor.goToLine(27);
    await app.page.keyboard.press('Home');
    await app.editor.type('if (bpf_ktime_get_ns() & 1) return XDP_PASS;\n');
    await app.editor.save();
    const lens = app.page
      .locator('.codelens-decoration')
      .filter({ hasText: /\+\d+ instructions.*since the last save/ });
    await lens.first().waitFor();
    await app.screenshot('language-5-difference');
    assert.match(readFileSync(file, 'utf8'), /ktime/);
  });

  it('offers Verify, Attach, Run Packet and Debug over a program, and its map', async () => {
    const titles = await textsOf(app.page.locator('.codelens-decoration a'));
    for (const title of ['Verify', 'Attach', 'Run Packet', 'Debug', 'Open map'])
      assert.ok(titles.includes(title), titles.join('; '));
  });

  it('explains a log that was pasted', async () => {
    await app.openFile('pasted.verifier.log');
    await app.command('XDP: Explain Verifier Log');
    await until('the explanation', async () => {
      const lines = await textsOf(app.page.locator('.editor-instance .view-line'));
      return lines.join('\n').replaceAll('\u00a0', ' ').includes('packet-bounds') || undefined;
    });
    await app.screenshot('language-6-explained');
    await app.command('View: Close All Editors');
    if (await app.page.locator('.monaco-dialog-box').isVisible()) await app.pressInDialog("Don't Save");
  });

  it('hands the flags to clangd', async () => {
    await app.openFile('xdp_ttl.bpf.c');
    await app.command('XDP: Give Flags to clangd or C/C++…');
    await app.screenshot('language-7-share');
    await app.pick('clangd');
    await app.notification('The flags of src/xdp_ttl.bpf.c are in .clangd now.');
    const text = readFileSync(path.join(folder, '.clangd'), 'utf8');
    assert.match(text, /PathMatch: "src\/xdp_ttl\\\\\.bpf/);
    assert.ok(text.includes(path.join(folder, 'two')), text);
    await app.clearNotifications();
  });

  it('says how a file is compiled', async () => {
    await app.openFile('xdp_ttl.bpf.c');
    await app.command('XDP: Show How Current File Is Compiled');
    await until('the reasons', async () => {
      const lines = await textsOf(app.page.locator('.editor-instance .view-line'));
      return lines.join('\n').includes('given') || undefined;
    });
    await app.screenshot('language-7-compiled');
    await app.theme('light');
    await app.screenshot('language-8-light');
  });
});
