#!/usr/bin/env node
/**
 * `npm run build`: one bundle per process, into `dist/`. Touches nothing but this folder.
 * With `--watch`: rebuilds on every change, not minified.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { dist, root } from './paths.mjs';
import { runMain, say, UserError } from './terminal.mjs';

/** What runs in Node: VS Code's, or the user's for the CLI and the helper. */
const nodeBundles = [
  { entry: 'extension/host/extension.ts', out: 'extension.js' },
  { entry: 'extension/kernel/main.ts', out: 'helper.js' },
  { entry: 'extension/cli/main.ts', out: 'cli.js', executable: true },
  { entry: 'extension/session/lab/traffic.ts', out: 'lab-traffic.js' },
  { entry: 'extension/kernel/launch/askpass.ts', out: 'askpass.js', optional: true },
];

/** What runs in webviews. */
const browserBundles = [
  { entry: 'webview/maps/main.ts', out: 'webview/maps.js' },
  { entry: 'webview/packet/main.ts', out: 'webview/packet.js' },
];

const copies = [
  { from: 'node_modules/@vscode/codicons/dist/codicon.css', to: 'webview/codicon.css' },
  { from: 'node_modules/@vscode/codicons/dist/codicon.ttf', to: 'webview/codicon.ttf' },
];

/** @param {{ watch?: boolean }} [options] */
export async function build({ watch = false } = {}) {
  const startedMs = performance.now();
  const configurations = [...nodeBundles.filter(isWanted).map(nodeBundle), ...browserBundles.map(browserBundle)];
  if (!existsSync(path.join(root, 'node_modules/esbuild'))) throw new UserError('Run `npm ci` first.');
  const esbuild = await import('esbuild');
  mkdirSync(path.join(dist, 'webview'), { recursive: true });
  for (const { from, to } of copies) copyFileSync(path.join(root, from), path.join(dist, to));

  const contexts = await Promise.all(
    configurations.map((configuration) => esbuild.context({ ...configuration, minify: !watch })),
  );
  // All of them, so that every mistake is seen at once; esbuild has printed each with its place.
  const results = await Promise.allSettled(contexts.map((context) => context.rebuild()));
  for (const { out, executable } of nodeBundles) {
    if (executable && existsSync(path.join(dist, out))) chmodSync(path.join(dist, out), 0o755);
  }
  if (watch) {
    await Promise.all(contexts.map((context) => context.watch()));
    say('Watching; Ctrl-C ends it.');
    return;
  }
  await Promise.all(contexts.map((context) => context.dispose()));
  const failed = results.filter((result) => result.status === 'rejected').length;
  if (failed > 0) throw new UserError(`${failed} of ${results.length} bundles could not be built: see above.`);
  removeLeftovers(configurations.flatMap(({ outfile = '' }) => [outfile, `${outfile}.map`, `${outfile}.LEGAL.txt`]));
  report(Math.round(performance.now() - startedMs));
}

/** @param {{ entry: string, optional?: boolean }} bundle */
function isWanted({ entry, optional = false }) {
  return !optional || existsSync(path.join(root, entry));
}

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  // Beside the bundles, for debugging in the checkout; .vscodeignore leaves them out of the package.
  sourcemap: 'linked',
  // The licences of what is bundled, beside each bundle.
  legalComments: 'linked',
  logLevel: 'warning',
};

/**
 * @param {{ entry: string, out: string, executable?: boolean }} bundle
 * @returns {import('esbuild').BuildOptions}
 */
function nodeBundle({ entry, out, executable = false }) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return {
    ...common,
    entryPoints: [entry],
    outfile: path.join(dist, out),
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode', 'koffi'],
    define: { __XDP_VERSION__: JSON.stringify(version) },
    ...(executable && { banner: { js: '#!/usr/bin/env node' } }),
  };
}

/**
 * @param {{ entry: string, out: string }} bundle
 * @returns {import('esbuild').BuildOptions}
 */
function browserBundle({ entry, out }) {
  return {
    ...common,
    entryPoints: [entry],
    outfile: path.join(dist, out),
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    loader: { '.css': 'text' },
  };
}

/**
 * Removes what earlier builds made and this one does not.
 * @param {readonly string[]} bundles
 */
function removeLeftovers(bundles) {
  const made = new Set([...bundles, ...copies.map(({ to }) => path.join(dist, to))]);
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !made.has(file)) rmSync(file);
  }
}

/** @param {number} tookMs */
function report(tookMs) {
  const outputs = [...nodeBundles, ...browserBundles].map(({ out }) => out);
  for (const out of outputs.filter((out) => existsSync(path.join(dist, out)))) {
    say(`  dist/${out.padEnd(20)} ${(statSync(path.join(dist, out)).size / 1024).toFixed(0).padStart(6)} KB`);
  }
  say(`Built in ${tookMs} ms.`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(() => build({ watch: process.argv.includes('--watch') }));
}
