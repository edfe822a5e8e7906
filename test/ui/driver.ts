import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BrowserContext, FrameLocator, Locator, Page } from 'playwright-core';
import { vsixPath } from '../../extension/build/package.mjs';
import { artifacts } from '../../extension/build/paths.mjs';
import { openPage, workbenchReady, workbenchUrl } from '../support/vscodeBrowser.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/vscodeServer.ts';
import { EditorDriver } from './driverEditor.ts';
import { Film } from './film.ts';
import { exactly, textsOf, until } from './driverWaits.ts';

export interface LaunchOptions extends Pick<TestServerOptions, 'trust' | 'settings' | 'env' | 'user'> {
  /** Absolute path of the folder to open, as it is: a test that changes files makes a copy first. */
  folder: string;
  /** Default: the packaged extension for this machine. */
  vsix?: string;
  /** What a language pack makes of VS Code for its extensions; its own words stay English. Default `en`. */
  language?: 'zh-cn';
}

export type ThemeName = 'light' | 'dark' | 'high contrast' | 'high contrast light';

/** The name in the picker, and the class that the workbench then has. */
const themes: Record<ThemeName, { label: string; className: string }> = {
  light: { label: 'Light Modern', className: 'vscode-theme-defaults-themes-light_modern-json' },
  dark: { label: 'Dark Modern', className: 'vscode-theme-defaults-themes-dark_modern-json' },
  'high contrast': { label: 'Dark High Contrast', className: 'hc-black' },
  'high contrast light': { label: 'Light High Contrast', className: 'hc-light' },
};

/** Those that are not closed yet. */
export const openApps = new Set<App>();

/** A real VS Code of this test's own, in a real browser. `await app.close()` in the end. */
export async function launchApp(options: LaunchOptions): Promise<App> {
  const target = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64';
  const { folder, vsix = vsixPath(target), language, ...others } = options;
  const server = await startTestServer({ vsix, ...others });
  try {
    const { context, page } = await openPage();
    if (language !== undefined) await context.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = '${language}';`);
    await page.goto(workbenchUrl(server.url, folder));
    await workbenchReady(page);
    const app = new App(server, folder, context, page);
    openApps.add(app);
    return app;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What a person does with VS Code, and what they see. Everything waits until it is there, and fails when it is not. */
export class App {
  readonly #server: TestServer;
  readonly #context: BrowserContext;
  /** The open folder. */
  readonly folder: string;
  /** For what has no method here. */
  readonly page: Page;
  readonly editor: EditorDriver;

  constructor(server: TestServer, folder: string, context: BrowserContext, page: Page) {
    this.#server = server;
    this.folder = folder;
    this.#context = context;
    this.page = page;
    this.editor = new EditorDriver(page);
    page.setDefaultTimeout(20_000);
  }

  /** The server's throwaway folder: HOME of everything in it. */
  get home(): string {
    return this.#server.folder;
  }

  /** What the server has said so far. */
  get serverLog(): string {
    return readFileSync(this.#server.log, 'utf8');
  }

  /** Runs a command from the palette by its whole title: `XDP: Attach to Interface`. */
  async command(title: string): Promise<void> {
    // The first hit is often another command that resembles it more in VS Code's eyes. A palette that opened before VS Code knew the
    // window's trust or the extension's commands does not get them later, and F1 in an open palette keeps its rows: closed, and opened
    // again, as a person would.
    const row = this.#quickRow(title).locator('.label-name').first();
    await until(`${title} in the palette`, async () => {
      await this.#openPicker('F1', `>${title}`);
      const offered = row.waitFor({ timeout: 4000 });
      return offered.then(() => true as const).catch(() => this.#closePicker());
    });
    await row.click();
    // What the command itself asks comes in the same widget: only then, or when it is gone, has the palette ended.
    await until(`${title} to start`, async () => {
      const input = this.#quickInput();
      const open = (await input.isVisible()) && (await input.inputValue()).startsWith('>');
      return open ? undefined : true;
    });
  }

  /** The titles that the palette offers for a text, in its order. Closes it again. */
  async commandsFor(text: string): Promise<string[]> {
    await this.#openPicker('F1', `>${text}`);
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    const titles = await textsOf(rows.locator('.quick-input-list-row:first-child .label-name'));
    await this.page.keyboard.press('Escape');
    return titles;
  }

  /** The rows of the open picker, as a screen reader says them: `veth0, veth, up, nothing attached`. */
  async choices(): Promise<string[]> {
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    await rows.first().waitFor();
    return rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
  }

  /** Chooses in the open picker: the row with exactly this label, else the only one that holds the text. */
  async pick(label: string): Promise<void> {
    const exact = this.#quickRow(label);
    const holding = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label });
    const either = exact.or(holding).first();
    // A long list draws only the rows on screen: then type, as a person would.
    await either.waitFor({ timeout: 2000 }).catch(() => this.#quickInput().fill(label));
    await either.waitFor();
    const chosen = (await exact.count()) > 0 ? exact.first() : holding;
    const before = await this.#quickInput().getAttribute('placeholder');
    await chosen.click();
    // Until this picker is gone, or another question has taken its place.
    await until(`an end of the picker after ${label}`, async () => {
      const input = this.#quickInput();
      const same = (await input.isVisible()) && (await input.getAttribute('placeholder')) === before;
      return same && (await chosen.isVisible()) ? undefined : true;
    });
  }

  /** Answers the open input box. */
  async answer(text: string): Promise<void> {
    await this.#quickInput().fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** The placeholder and the message of the open picker or input box. */
  async question(): Promise<string> {
    const widget = this.page.locator('.quick-input-widget');
    const placeholder = (await this.#quickInput().getAttribute('placeholder')) ?? '';
    const title = await widget.locator('.quick-input-title').textContent();
    const message = await widget.locator('.quick-input-message').textContent();
    return [title, placeholder, message].filter(Boolean).join('\n');
  }

  /** Opens a file of the folder by its name, and waits for its text. */
  async openFile(name: string): Promise<void> {
    await this.#openPicker('Control+P', name);
    await this.#quickRow(path.basename(name)).first().click();
    await this.page.locator(`.tab.active[data-resource-name="${path.basename(name)}"]`).waitFor();
    await this.page.locator('.editor-instance .view-line').first().waitFor();
  }

  /** Opens a view by the name of its icon in the activity bar. */
  async openView(name: string): Promise<void> {
    const icon = this.page.locator('.activitybar a.action-label').and(this.page.getByLabel(name));
    await icon.first().waitFor();
    if ((await icon.first().getAttribute('aria-expanded')) !== 'true') await icon.first().click();
  }

  /** The rows of a tree view, by the title of its pane. */
  treeRows(pane: string): Locator {
    return this.page.locator('.pane').filter({ hasText: pane }).locator('.monaco-list-row');
  }

  /** The content of a webview by the title of its panel or view. Waits until it has loaded. */
  async webview(title: string | RegExp): Promise<FrameLocator> {
    const name = await until(`a webview titled ${title}`, async () => {
      for (const frame of this.page.frames()) {
        const inner = frame.locator('iframe#active-frame');
        const found = await inner.getAttribute('title', { timeout: 500 }).catch(() => null);
        if (found !== null && (title instanceof RegExp ? title.test(found) : found === title)) return frame.name();
      }
      return undefined;
    });
    return this.page.frameLocator(`iframe.webview[name="${name}"]`).frameLocator('iframe#active-frame');
  }

  /** The texts of the status bar, icons left out. */
  async statusBar(): Promise<string[]> {
    const texts = await textsOf(this.page.locator('.statusbar-item'));
    return texts.map((text) => text.trim()).filter((text) => text !== '');
  }

  /** The item of the status bar that holds a text; waits for it. */
  async statusBarItem(text: string | RegExp): Promise<Locator> {
    const item = this.page.locator('.statusbar-item').filter({ hasText: text }).first();
    await item.waitFor();
    return item;
  }

  /** Texts of the notifications on screen. */
  async notifications(): Promise<string[]> {
    return textsOf(this.page.locator('.notifications-toasts .notification-list-item-message'));
  }

  /** A notification that holds a text; waits for it. */
  async notification(text: string | RegExp): Promise<Locator> {
    const item = this.page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text }).first();
    await item.waitFor();
    return item;
  }

  /** Presses a button of the notification that holds a text. */
  async pressInNotification(text: string | RegExp, button: string): Promise<void> {
    const pressed = (await this.notification(text)).getByRole('button', { name: button, exact: true });
    await pressed.click();
  }

  /** Closes every notification. */
  async clearNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }

  /** A modal dialog's button; waits for the dialog. */
  async pressInDialog(button: string): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: button, exact: true }).click();
  }

  /** The text of an output channel, as far as it is on screen. */
  async output(channel: string): Promise<string> {
    await this.command('Output: Show Output Channels...');
    await this.pick(channel);
    const lines = this.page.locator('.panel .view-lines');
    await lines.waitFor();
    return (await lines.locator('.view-line').allInnerTexts()).join('\n').replaceAll('\u00a0', ' ');
  }

  async theme(name: ThemeName): Promise<void> {
    const { label, className } = themes[name];
    // Shortly after the start the list is not complete: then it is opened again.
    await until(
      `the theme ${label}`,
      async () => {
        await this.command('Preferences: Color Theme');
        await this.#quickInput().fill(label);
        const row = this.#quickRow(label).first();
        const offered = await row.waitFor({ timeout: 3000 }).then(
          () => true,
          () => false,
        );
        if (offered) await row.click();
        else await this.page.keyboard.press('Escape');
        return offered || undefined;
      },
      60_000,
    );
    await this.page.locator(`.monaco-workbench.${className}`).waitFor();
  }

  /** Changes a user setting, as editing settings.json does. */
  async setting(key: string, value: unknown): Promise<void> {
    const settings = JSON.parse(readFileSync(this.#server.settingsFile, 'utf8')) as Record<string, unknown>;
    writeFileSync(this.#server.settingsFile, JSON.stringify({ ...settings, [key]: value }, null, 2));
  }

  /** Keeps what is on screen as artifacts/screenshots/NAME.png. */
  async screenshot(name: string): Promise<string> {
    const file = path.join(artifacts, 'screenshots', `${name}.png`);
    mkdirSync(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
    return file;
  }

  /** Films what follows until `end()`, for the documents: only where that was asked for, since it takes its time. */
  film(name: string): Pick<Film, 'end'> {
    return process.env.XDP_FILM === 'yes' ? new Film(this.page, name) : { end: async () => '' };
  }

  /** Keeps what may explain a failure: the screen, and VS Code's logs with the output channels. */
  async keep(name: string): Promise<void> {
    await this.screenshot(name);
    cpSync(path.join(this.home, 'server/data/logs'), path.join(artifacts, 'logs', name), { recursive: true });
    cpSync(this.#server.log, path.join(artifacts, 'logs', name, 'server.log'));
  }

  /** Loads the page again: a second look of the same person at the same server. */
  async reload(): Promise<void> {
    await this.page.reload();
    await workbenchReady(this.page);
  }

  /** A second window of the same person on the same server and folder: an extension host of its own. Close it before this one. */
  async secondWindow(): Promise<App> {
    const { context, page } = await openPage();
    await page.goto(workbenchUrl(this.#server.url, this.folder));
    await workbenchReady(page);
    const app = new App({ ...this.#server, stop: async () => undefined }, this.folder, context, page);
    openApps.add(app);
    return app;
  }

  /** kill -9 of every process of the server at once, as when a machine runs out of memory. `close` afterwards. */
  killServer(): void {
    process.kill(-this.#server.pid, 'SIGKILL');
  }

  /** The processes that run extensions, one for each window. */
  extensionHosts(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => this.#isExtensionHost(pid));
  }

  #isExtensionHost(pid: number): boolean {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=extensionHost')) return false;
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`HOME=${this.home}`);
    } catch {
      return false;
    }
  }

  /** Ends the window, the server and everything that they started. */
  async close(): Promise<void> {
    openApps.delete(this);
    await this.#context.close();
    await this.#server.stop();
  }

  #quickInput(): Locator {
    return this.page.locator('.quick-input-widget .quick-input-box input');
  }

  #quickRow(label: string): Locator {
    const name = this.page.locator('.label-name').filter({ hasText: exactly(label) });
    return this.page.locator('.quick-input-list .monaco-list-row').filter({ has: name });
  }

  /** Opens a picker by its key. Something else that takes the focus at that moment closes it again: then once more. */
  async #closePicker(): Promise<undefined> {
    await this.page.keyboard.press('Escape');
    await this.#quickInput().waitFor({ state: 'hidden' });
  }

  async #openPicker(key: string, text: string): Promise<void> {
    await until(`the picker of ${key}`, async () => {
      await this.page.keyboard.press(key);
      const filled = this.#quickInput().fill(text, { timeout: 2000 });
      return filled.then(() => true as const).catch(() => undefined);
    });
  }
}
