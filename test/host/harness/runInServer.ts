import { cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { artifacts, root } from '../../../extension/build/paths.mjs';
import { closeBrowser, openPage, workbenchUrl } from '../../support/vscodeBrowser.ts';
import { startTestServer } from '../../support/vscodeServer.ts';

export interface HostRun {
  /** The extension under development. */
  extension: string;
  /** The module whose `run` VS Code calls. */
  entry: string;
  /** Another extension, which is installed. */
  consumer: { name: string; folder: string };
}

const limitMs = 8 * 60_000;

/** Loads the extension and its tests into a VS Code, and returns when VS Code says that they have ended. */
export async function runInServer({ extension, entry, consumer }: HostRun): Promise<void> {
  const server = await startTestServer({ readsPayload: true, extensions: { [consumer.name]: consumer.folder } });
  try {
    // A copy, since tests compile and save there.
    const folder = path.join(server.folder, 'examples');
    // Without the packet tests: a workspace that has some activates the extension, and tests look at that themselves.
    cpSync(path.join(root, 'bpf/examples'), folder, {
      recursive: true,
      filter: (file) => !file.endsWith('.xdptest.json'),
    });
    const { page } = await openPage();
    // Before the page loads, or what a fast suite says is lost.
    const ended = new Promise<string>((resolve) => {
      void page.exposeFunction('codeAutomationExit', (code: number) => resolve(`exit status ${code}`));
      page.on('crash', () => resolve('the page crashed'));
    });
    await page.exposeFunction('codeAutomationLog', (_type: string, words: unknown[]) => {
      const line = words.map(String).join(' ');
      // Only the suite's own lines; VS Code's are in the kept logs.
      if (/^ {2,}\S/.test(line)) console.log(line);
    });
    await page.goto(
      workbenchUrl(server.url, folder, { extensionDevelopmentPath: extension, extensionTestsPath: entry }),
    );
    const how = await Promise.race([ended, sleep(limitMs, 'too slow', { ref: false })]);
    if (how !== 'exit status 0') {
      console.log(`  The extension host ended: ${how}`);
      mkdirSync(path.join(artifacts, 'screenshots'), { recursive: true });
      await page.screenshot({ path: path.join(artifacts, 'screenshots/host-end.png') });
    }
  } finally {
    keepLogs(path.join(server.folder, 'server/data/logs'));
    await closeBrowser();
    await server.stop();
  }
}

/** VS Code's own logs, for whoever has to find out. */
function keepLogs(folder: string): void {
  const kept = path.join(artifacts, 'logs/host');
  rmSync(kept, { recursive: true, force: true });
  cpSync(folder, kept, { recursive: true });
}
