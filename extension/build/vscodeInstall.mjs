import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sharedCache } from './paths.mjs';
import { run } from './processes.mjs';
import { say, UserError } from './terminal.mjs';

/** code-server carries VS Code's server and web workbench as one npm package; this one holds VS Code 1.139. */
const codeServerVersion = '4.139.1';
/** The Node that this VS Code is built for. It is used for VS Code only. */
const nodeVersion = '24';

/** @typedef {{ node: string; serverMain: string }} VSCodeServerInstall */

export function isVSCodeServerInstalled() {
  return existsSync(path.join(serverHome(), 'complete'));
}

/**
 * The real VS Code server, from npm alone: about 800 MB, 1 to 2 minutes the first time, then shared by all checkouts.
 * Needs a C++ compiler, make and python3 for two small native modules.
 * @returns {Promise<VSCodeServerInstall>}
 */
export async function ensureVSCodeServer() {
  const nodePackage = nodePackageName();
  const home = serverHome();
  const install = {
    node: path.join(home, 'node_modules', nodePackage, 'bin/node'),
    serverMain: path.join(home, 'node_modules/code-server/lib/vscode/out/server-main.js'),
  };
  if (isVSCodeServerInstalled()) return install;
  say(`Installing the VS Code server into ${home} (about 800 MB, once; 1 to 2 minutes) …`);
  // Made beside its place and renamed at the end, so that an interrupted installation is never taken for a whole one.
  const partial = `${home}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    await installInto(partial, nodePackage);
    rmSync(home, { recursive: true, force: true });
    renameSync(partial, home);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return install;
}

/**
 * @param {string} home
 * @param {string} nodePackage
 */
async function installInto(home, nodePackage) {
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];
  // No optional peer or user setting may change where these go.
  writeFileSync(path.join(home, 'package.json'), JSON.stringify({ private: true }));
  const nodeHome = path.join(home, 'node_modules', nodePackage);
  const vscode = path.join(home, 'node_modules/code-server/lib/vscode');
  await run('npm', [...install, `${nodePackage}@${nodeVersion}`, `code-server@${codeServerVersion}`], { cwd: home });
  const production = [...install, '--omit=dev'];
  await run('npm', production, { cwd: vscode });
  await run('npm', production, { cwd: path.join(vscode, 'extensions') });
  // Without these two modules VS Code starts but has no output channels.
  await run('npm', ['rebuild', '--no-progress', '--loglevel=error', '@vscode/spdlog', '@vscode/native-watchdog'], {
    cwd: vscode,
    env: {
      ...process.env,
      PATH: `${path.join(nodeHome, 'bin')}${path.delimiter}${process.env.PATH}`,
      npm_config_nodedir: nodeHome,
      npm_config_ignore_scripts: 'false',
    },
  });
  const product = JSON.parse(readFileSync(path.join(vscode, 'product.json'), 'utf8'));
  writeFileSync(path.join(home, 'complete'), `${product.version ?? codeServerVersion}\n`);
}

function serverHome() {
  return path.join(sharedCache, `code-server-${codeServerVersion}-${nodePackageName()}-${nodeVersion}`);
}

function nodePackageName() {
  if (process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64'))
    return `node-linux-${process.arch}`;
  throw new UserError(`There is no VS Code server for ${process.platform} ${process.arch} here.
Install the desktop VS Code and make sure that its command 'code' is on the PATH.`);
}
