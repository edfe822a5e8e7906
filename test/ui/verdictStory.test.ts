import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

/** Why a packet got its verdict, in the editor. */
describe('the verdict story', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-story-'));
    cpSync(path.join(root, 'bpf/examples/firewall'), folder, { recursive: true });
    app = await launchApp({
      folder,
      settings: { 'workbench.colorTheme': 'Default Dark Modern', 'editor.minimap.enabled': false },
    });
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What stands behind the code: VS Code draws it as a pseudo-element. */
  const behind = (): Promise<string[]> =>
    app.page.evaluate(() =>
      [...document.querySelectorAll('.editor-instance .view-line span')]
        .map((span) => getComputedStyle(span, '::after').content)
        .filter((text) => text !== 'none' && text !== 'normal')
        .map((text) => text.slice(1, -1)),
    );

  async function told(text: string): Promise<void> {
    await until(`"${text}" behind a line`, async () => {
      const texts = await behind();
      return texts.some((each) => each.replaceAll('\u00a0', ' ').includes(text)) ? true : undefined;
    });
  }

  it('a run of the packet panel is followed to its verdict, and the path goes when it is cleared', async () => {
    await app.openFile('xdp_firewall.bpf.c');
    await app.command('XDP: Run Packet');
    const panel = await app.webview('XDP Packet');
    await panel.getByRole('button', { name: 'Run', exact: true }).click();
    await panel.getByRole('button', { name: 'Show Path in Editor' }).click();
    await told('→ XDP_PASS');
    await told('0x0800 = 0x0800 → false');
    await told('ip = ipv4 header at byte 14 → false');
    await app.screenshot('story-1-dark');
    await app.theme('light');
    await app.screenshot('story-2-light');
    await app.command('XDP: Clear Verdict Story');
    await until('no path any more', async () =>
      (await behind()).some((text) => text.includes('XDP_PASS')) ? undefined : true,
    );
  });
});
