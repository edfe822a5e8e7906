import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { cache, root } from './paths.mjs';
import { findCommand } from './processes.mjs';
import { isWsl } from './system.mjs';
import { say, UserError } from './terminal.mjs';
import { ensureVSCodeServer } from './vscodeInstall.mjs';
import { installVsix, quietSettings, startServer } from './vscodeServer.mjs';

const folder = path.join(root, 'bpf/examples');

/**
 * @typedef {object} Editor
 * @property {string} [url]
 * @property {Promise<string>} [ended]
 * @property {() => Promise<void>} stop
 */

/** The desktop's screen, which a browser or VS Code can open a window on. */
const hasScreen = Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

/**
 * The desktop VS Code, where there is one that can show this checkout: not as root (it refuses), not in WSL (there
 * `code` is a Windows program), and not from a terminal of a remote VS Code.
 */
export function findDesktopCode() {
  if (!hasScreen || isWsl || process.getuid?.() === 0 || process.env.VSCODE_IPC_HOOK_CLI) return undefined;
  return findCommand('code') ?? findCommand('codium');
}

/**
 * @param {string} code
 * @returns {Editor}
 */
export function openDesktop(code) {
  spawn(code, ['--new-window', `--extensionDevelopmentPath=${root}`, folder], { stdio: 'ignore', detached: true })
    .on('error', (error) => say(`${code} did not start: ${error.message}`))
    .unref();
  return { stop: async () => undefined };
}

/**
 * The real VS Code in the browser, with the packaged extension installed as a user would.
 * @param {{ open: boolean, vsix: string }} options
 * @returns {Promise<Editor>}
 */
export async function openInBrowser({ open, vsix }) {
  const install = await ensureVSCodeServer();
  const dataDir = path.join(cache, 'start');
  const extensionsDir = path.join(dataDir, 'extensions');
  await installVsix(install, { vsix, dataDir, extensionsDir });
  // What a person has set in an earlier session stays.
  const first = !existsSync(path.join(dataDir, 'data/User/settings.json'));
  // Loopback is open to every user of this machine; the token is not.
  const connectionToken = randomBytes(16).toString('hex');
  const server = await startServer({
    install,
    dataDir,
    extensionsDir,
    connectionToken,
    // Whoever runs `npm start` has trusted this checkout already.
    workspaceTrust: false,
    ...(first && { settings: quietSettings }),
  });
  const url = `${server.url}/?folder=${encodeURI(folder)}&tkn=${connectionToken}`;
  const opener = findCommand('xdg-open');
  if (open && hasScreen && opener !== undefined) {
    spawn(opener, [url], { stdio: 'ignore', detached: true })
      .on('error', () => undefined)
      .unref();
  }
  return { url, ended: server.ended, stop: server.stop };
}

/** The `.vsix` for this machine. */
export function thisTarget() {
  if (process.arch === 'x64' || process.arch === 'arm64') return /** @type {const} */ (`linux-${process.arch}`);
  throw new UserError(`The kernel helper is built for x64 and arm64; this machine is ${process.arch}.`);
}
