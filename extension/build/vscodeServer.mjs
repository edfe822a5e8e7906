import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { capture, endGroup, findCommand } from './processes.mjs';
import { UserError } from './terminal.mjs';

/**
 * No telemetry, no updates, no look-ups on the network, nothing that covers the editor at the first start; files are
 * saved when the user says so, as in the desktop VS Code.
 */
export const quietSettings = {
  'files.autoSave': 'off',
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': 'off',
  'git.openRepositoryInParentFolders': 'never',
  'extensions.ignoreRecommendations': true,
  'chat.disableAIFeatures': true,
  'typescript.disableAutomaticTypeAcquisition': true,
  'npm.fetchOnlinePackageInfo': false,
  'json.schemaDownload.enable': false,
};

/**
 * @typedef {object} ServerOptions
 * @property {import('./vscodeInstall.mjs').VSCodeServerInstall} install
 * @property {string} dataDir where it keeps everything but the extensions
 * @property {string} extensionsDir
 * @property {Record<string, unknown>} [settings] user settings, replacing those that are there
 * @property {boolean} [workspaceTrust] VS Code asks whether a folder is trusted; default true
 * @property {string} [connectionToken] what the URL must carry; without it every local user can connect
 * @property {readonly string[]} [args]
 * @property {readonly string[]} [prefix] a command that becomes the server, such as one that changes the user
 * @property {NodeJS.ProcessEnv} [env]
 *
 * @typedef {object} Server
 * @property {string} url `http://127.0.0.1:PORT`
 * @property {number} pid also its process group
 * @property {string} log
 * @property {Promise<string>} ended resolves, with how, when it has ended
 * @property {() => Promise<void>} stop ends it and everything it started
 */

/**
 * Starts VS Code's server on the loopback address, as a process group of its own. Returns when it answers.
 * @param {ServerOptions} options
 * @returns {Promise<Server>}
 */
export async function startServer(options) {
  const { install, dataDir, extensionsDir, workspaceTrust = true, connectionToken } = options;
  const userData = path.join(dataDir, 'data');
  for (const folder of [extensionsDir, path.join(userData, 'User'), path.join(userData, 'Machine')])
    mkdirSync(folder, { recursive: true });
  if (options.settings !== undefined)
    writeFileSync(path.join(userData, 'User/settings.json'), JSON.stringify(options.settings, null, 2));
  const tokenFile = path.join(dataDir, 'connection-token');
  if (connectionToken !== undefined) writeFileSync(tokenFile, connectionToken, { mode: 0o600 });
  const port = await freePort();
  const log = path.join(dataDir, 'server.log');
  const output = openSync(log, 'w');
  const folders = ['--server-data-dir', dataDir, '--user-data-dir', userData, '--extensions-dir', extensionsDir];
  const args = [
    install.serverMain,
    '--host=127.0.0.1',
    `--port=${port}`,
    connectionToken === undefined ? '--without-connection-token' : `--connection-token-file=${tokenFile}`,
    '--accept-server-license-terms',
    '--telemetry-level=off',
    '--disable-telemetry',
    ...(workspaceTrust ? [] : ['--disable-workspace-trust']),
    ...folders,
    ...(options.args ?? []),
  ];
  // However this process ends, even killed, the server ends with it.
  const setpriv = findCommand('setpriv');
  const guard = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM', '--'];
  const [file = '', ...rest] = [...(options.prefix ?? []), ...guard, install.node, ...args];
  const child = spawn(file, rest, {
    env: serverEnvironment(options.env),
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  /** @type {string | undefined} */
  let end;
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve((end = error.message)));
    child.on('exit', (code, signal) => resolve((end = signal ?? `exit status ${code}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    endGroup(child.pid, 'SIGTERM');
    await Promise.race([ended, sleep(5000, undefined, { ref: false })]);
    // The group may outlive its leader: an extension host that hangs, a terminal's shell.
    endGroup(child.pid, 'SIGKILL');
    await ended;
  };
  try {
    await untilAnswers(url, () => end);
  } catch (error) {
    await stop();
    const words = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
    throw new UserError(`The VS Code server did not start: ${String(error)}\n${words}`);
  }
  return { url, pid: child.pid ?? 0, log, ended, stop };
}

/**
 * Installs a `.vsix` as a user would.
 * @param {import('./vscodeInstall.mjs').VSCodeServerInstall} install
 * @param {{ vsix: string, dataDir: string, extensionsDir: string }} target
 */
export async function installVsix(install, { vsix, dataDir, extensionsDir }) {
  const folders = ['--server-data-dir', dataDir, '--user-data-dir', path.join(dataDir, 'data')];
  const { code, stdout, stderr } = await capture(
    install.node,
    [install.serverMain, ...folders, '--extensions-dir', extensionsDir, '--install-extension', vsix, '--force'],
    { env: serverEnvironment(), timeoutMs: 60_000 },
  );
  if (code !== 0 || !stdout.includes('successfully installed'))
    throw new UserError(`VS Code did not install ${vsix}:\n${stdout}${stderr}`);
}

/** @param {NodeJS.ProcessEnv} [extra] */
function serverEnvironment(extra = {}) {
  /** @type {NodeJS.ProcessEnv} */
  const environment = {
    ...process.env,
    // No marketplace: nothing is fetched from outside.
    EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: '' }),
    ...extra,
  };
  // From a terminal inside VS Code, these would make the new server talk to the old one.
  for (const name of Object.keys(environment))
    if (/^(NODE_OPTIONS$|VSCODE_|ELECTRON_)/.test(name)) delete environment[name];
  return environment;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/**
 * @param {string} url
 * @param {() => string | undefined} ended
 */
async function untilAnswers(url, ended) {
  const deadlineMs = Date.now() + 60_000;
  while (Date.now() < deadlineMs) {
    const end = ended();
    if (end !== undefined) throw new Error(`it ended (${end})`);
    // Any answer will do: with a connection token this one is 403.
    const answer = await fetch(`${url}/version`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer !== undefined) return;
    await sleep(100);
  }
  throw new Error('it did not answer within 60 seconds');
}
