import { readFileSync } from 'node:fs';
import path from 'node:path';
import { staticImports } from './moduleGraph.mjs';
import { dist, root } from './paths.mjs';

/** What runs in webviews, each the script of a page. */
export const webviewEntries = {
  maps: 'webview/maps/main.ts',
  packet: 'webview/packet/main.ts',
  packetTests: 'webview/packetTests/main.ts',
  verifier: 'webview/verifier/main.ts',
};

/** What a page loads when it has its first rows. */
const laterEntries = { mapsLater: 'webview/maps/later.ts' };

/**
 * The files that pages share, and which of them have each: `dist/webview/chunks/NAME.js`. A page names its own beside its script,
 * so that all of them are on their way at once (extension/host/webviewHtml.ts). Few, since each is a request that VS Code answers
 * through a service worker and two processes.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const webviewParts = JSON.parse(readFileSync(path.join(root, 'extension/host/webviewParts.json'), 'utf8'));

/**
 * Also for the tests, which show the views outside of VS Code.
 * @param {{ outdir?: string, minify?: boolean, sourcemap?: boolean }} [options]
 * @returns {import('rolldown').BuildOptions & { output: import('rolldown').OutputOptions }}
 */
export function webviewModules({ outdir = path.join(dist, 'webview'), minify = true, sourcemap = true } = {}) {
  const atOnce = staticImports({ ...webviewEntries, ...laterEntries });
  return {
    cwd: root,
    input: webviewEntries,
    platform: 'browser',
    transform: { target: 'es2022' },
    moduleTypes: { '.css': 'text' },
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: outdir,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: (chunk) => `chunks/${chunk.name in webviewParts ? '[name]' : '[name]-[hash]'}.js`,
      minify,
      sourcemap,
      // notices.mjs writes the licences of all that is bundled into one file.
      comments: false,
      codeSplitting: {
        // What most have first: a group takes along what its modules import, unless an earlier one has it.
        groups: Object.entries(webviewParts).map(([part, pages]) => ({
          debugName: part,
          priority: pages.length,
          name: (id, graph) => (partOf(usersOf(id, (entry) => atOnce(entry, graph))) === part ? part : null),
        })),
      },
    },
  };
}

/**
 * @param {string} id of a module
 * @param {(entry: keyof typeof webviewEntries | keyof typeof laterEntries) => ReadonlySet<string>} atOnce
 * @returns {string[]} who needs it and does not have it already
 */
function usersOf(id, atOnce) {
  const pages = /** @type {(keyof typeof webviewEntries)[]} */ (Object.keys(webviewEntries));
  const users = pages.filter((page) => atOnce(page).has(id));
  return atOnce('mapsLater').has(id) && !users.includes('maps') ? [...users, 'mapsLater'] : users;
}

/**
 * @param {readonly string[]} users of a module
 * @returns {string | undefined} the part with the fewest pages that all of them have; a module with one user stays with it
 */
function partOf(users) {
  if (users.length < 2) return undefined;
  const parts = Object.entries(webviewParts).filter(([, pages]) => users.every((user) => pages.includes(user)));
  return parts.sort(([, a], [, b]) => a.length - b.length)[0]?.[0];
}
