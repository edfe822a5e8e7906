import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

const source = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_refused(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (ip->ttl < 2)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
`;

const lineOf = (text: string): number => source.split('\n').findIndex((line) => line.includes(text)) + 1;

/** The verifier view in a real VS Code: a refused program, stepped through with keys, beside its source. */
describe('the verifier view', () => {
  let app: App;
  let folder: string;
  let view: FrameLocator;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-verifier-'));
    writeFileSync(path.join(folder, 'xdp_refused.bpf.c'), source);
    const log = readFileSync(path.join(import.meta.dirname, '../../test/fixtures/verifier/subprograms.log'), 'utf8');
    writeFileSync(path.join(folder, 'pasted.verifier.log'), log);
    app = await launchApp({ folder });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const selected = () => view.locator('[role=option].selected');

  /** Waits until the C line is the one that is marked in the source. */
  async function marked(text: string): Promise<void> {
    const number = String(lineOf(text));
    await until(`the mark on line ${number}`, async () => {
      const mark = await app.page
        .locator('.view-overlays .cdr[class*="ced-"]')
        .first()
        .boundingBox()
        .catch(() => null);
      const margin = app.page.locator('.editor-instance .line-numbers').filter({ hasText: new RegExp(`^${number}$`) });
      const line = await margin
        .first()
        .boundingBox()
        .catch(() => null);
      return mark !== null && line !== null && Math.abs(mark.y - line.y) < 4 ? true : undefined;
    });
  }

  it('opens a refused program at the failing instruction, with its cause and its line', async () => {
    await app.openFile('xdp_refused.bpf.c');
    await app.command('XDP: Open Verifier View');
    view = await app.webview('Verifier');
    await selected().filter({ hasText: 'refused here' }).waitFor();
    await view.getByText('only 14 bytes are proven').waitFor();
    await marked('ip->ttl < 2');
    await app.screenshot('verifier-1-refused');
  });

  it('steps with the keys, and the source follows', async () => {
    // Whoever opened the view by its command need not click into it first.
    const steps = view.locator('.scroller');
    const isFocused = (): Promise<boolean> =>
      steps.evaluate((element) => element.matches(':focus') && element.ownerDocument.hasFocus());
    await until('the focus on the steps', async () => ((await isFocused()) ? true : undefined));
    await app.page.keyboard.press('ArrowUp');
    await marked('(void *)(eth + 1) > data_end');
    await app.page.keyboard.press('Home');
    await selected()
      .filter({ hasText: /r0 = 1|r1|r2/ })
      .waitFor();
  });

  it('follows a register back to where its value came from', async () => {
    await app.page.keyboard.press('End');
    await selected().filter({ hasText: 'refused here' }).waitFor();
    const stations = view.locator('xdp-trail-pane li');
    await stations.filter({ hasText: 'known better by a comparison' }).waitFor();
    await stations.filter({ hasText: 'read from the context' }).waitFor();
    await app.page.keyboard.press('ArrowLeft');
    await marked('(void *)(eth + 1) > data_end');
    await app.page.keyboard.press('ArrowLeft');
    await marked('data = (void *)(long)ctx->data;');
    await app.page.mouse.move(600, 560);
    await app.screenshot('verifier-2-origin');
  });

  it('goes to the first step of the line that the cursor is on', async () => {
    await app.page.keyboard.press('Enter');
    await app.statusBarItem(new RegExp(`Ln ${lineOf('data = (void *)(long)ctx->data;')}, `));
    await app.page.locator('.editor-instance .view-line').filter({ hasText: 'ctx->data_end' }).click();
    const line = lineOf('data_end = (void *)');
    await until(`a step of line ${line}`, async () => {
      const label = await selected().textContent();
      return label?.trim().startsWith(`line ${line}:`) ? true : undefined;
    });
  });

  it('shows a log that somebody has', async () => {
    await app.openFile('pasted.verifier.log');
    await app.command('XDP: Show Verifier Log as Steps');
    await view.locator('xdp-step-list').getByText('call bpf_loop').first().waitFor();
    assert.match((await view.locator('.place').innerText()) ?? '', /step 1 of \d+/);
  });
});
