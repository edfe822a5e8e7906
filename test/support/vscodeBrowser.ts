import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findBrowser } from '../../extension/build/requirements.mjs';

/** No look-ups and no connection to anywhere but the loopback address. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

let shared: Promise<Browser> | undefined;

/** A page in a browser profile of its own; the browser itself is started once. */
export async function openPage(): Promise<{ context: BrowserContext; page: Page }> {
  shared ??= chromium.launch({ executablePath: requireBrowser(), headless: true, args: flags });
  const browser = await shared;
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  return { context, page: await context.newPage() };
}

export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = undefined;
}

function requireBrowser(): string {
  const browser = findBrowser();
  if (browser !== undefined) return browser;
  throw new Error('No Chromium or Chrome was found. Install chromium, or set XDP_TEST_BROWSER to one.');
}

/**
 * The address of a workbench. `payload` is what the smoke-test driver reads: extensionDevelopmentPath,
 * extensionTestsPath; paths are those of the server.
 */
export function workbenchUrl(server: string, folder: string, payload: Record<string, string> = {}): string {
  const { host } = new URL(server);
  const pairs = Object.entries(payload).map(([key, file]) => [key, `vscode-remote://${host}${file}`]);
  const all = [...pairs, ['skipWelcome', 'true'], ['skipReleaseNotes', 'true']];
  return `${server}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(JSON.stringify(all))}`;
}

/** Waits until people could use it. */
export async function workbenchReady(page: Page): Promise<void> {
  await page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
  await page.locator('.explorer-folders-view .monaco-list-row, .part.editor .tab').first().waitFor({ timeout: 60_000 });
}
