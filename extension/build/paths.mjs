import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The repository. Found by walking up, so that it is the same from a script and from a bundle made of it under
 * `.cache/`.
 */
export const root = findRoot(path.dirname(fileURLToPath(import.meta.url)));
/** What the build makes. */
export const dist = path.join(root, 'dist');
/** Intermediate files of this checkout. */
export const cache = path.join(root, '.cache');
/** What a test run leaves for people to look at: results, screenshots, logs. */
export const artifacts = path.join(root, 'artifacts');
/** Large downloads that every checkout of this user shares. `XDP_VSCODE_CACHE` moves it. */
export const sharedCache =
  process.env.XDP_VSCODE_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'xdp-vscode');

/** @param {string} from */
function findRoot(from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'vscode-xdp') return folder;
    if (folder === path.dirname(folder)) throw new Error(`${from} is not inside a checkout of XDP for VS Code`);
  }
}
