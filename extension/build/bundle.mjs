#!/usr/bin/env node
/**
 * `npm run build`: one bundle per process, into `dist/`. Touches nothing but this folder.
 * With `--watch`: rebuilds on every change, not minified.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { componentsOf, writeNotices } from './notices.mjs';
import { dist, root } from './paths.mjs';
import { runMain, say, UserError } from './terminal.mjs';

/** In VS Code's extension host: what activation needs, and chunks that load when they are first used. */
const hostBundle = { entry: 'extension/host/extension.ts', out: 'extension.mjs' };

/** What else runs in Node. */
const nodeBundles = [
  { entry: 'extension/kernel/main.ts', out: 'helper.js' },
  { entry: 'extension/cli/main.ts', out: 'cli.js', executable: true },
  { entry: 'extension/kernel/labTraffic.ts', out: 'lab-traffic.js' },
  { entry: 'extension/debug/main.ts', out: 'debug.js' },
  { entry: 'extension/language/main.ts', out: 'language.js' },
];

/** What runs in webviews. */
const browserBundles = [
  { entry: 'webview/maps/main.ts', out: 'webview/maps.js' },
  { entry: 'webview/packet/main.ts', out: 'webview/packet.js' },
  { entry: 'webview/packetTests/main.ts', out: 'webview/packetTests.js' },
];

const copies = [
  { from: 'node_modules/@vscode/codicons/dist/codicon.css', to: 'webview/codicon.css' },
  { from: 'node_modules/@vscode/codicons/dist/codicon.ttf', to: 'webview/codicon.ttf' },
];

/** @param {{ watch?: boolean }} [options] */
export async function build({ watch = false } = {}) {
  const startedMs = performance.now();
  const configurations = [
    extensionHostBundle(hostBundle),
    ...nodeBundles.map(nodeBundle),
    ...browserBundles.map(browserBundle),
  ];
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
  const metafiles = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value.metafile ?? []) : []));
  const notices = writeNotices(componentsOf(metafiles.flatMap(({ inputs }) => Object.keys(inputs))));
  removeLeftovers([
    ...metafiles.flatMap(({ outputs }) => Object.keys(outputs)),
    ...notices.map((file) => path.relative(root, path.join(dist, file))),
  ]);
  report(Math.round(performance.now() - startedMs));
}

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  metafile: true,
  // Beside the bundles, for debugging in the checkout; .vscodeignore leaves them out of the package.
  sourcemap: 'linked',
  // notices.mjs writes the licences of all that is bundled into one file.
  legalComments: 'none',
  logLevel: 'warning',
};

/**
 * Split, since VS Code compiles a whole file before it activates the extension: one file would make everybody who opens a
 * C file wait for the packet tests' machine.
 * @param {{ entry: string, out: string }} bundle
 * @returns {import('esbuild').BuildOptions}
 */
function extensionHostBundle({ entry }) {
  return {
    ...common,
    entryPoints: [entry],
    outdir: dist,
    entryNames: '[name]',
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    format: 'esm',
    splitting: true,
    target: 'node20',
    external: ['vscode'],
    // For the libraries that are CommonJS.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  };
}

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
  const made = new Set([
    ...bundles.map((file) => path.join(root, file)),
    ...copies.map(({ to }) => path.join(dist, to)),
  ]);
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !made.has(file)) rmSync(file);
  }
}

/** @param {number} tookMs */
function report(tookMs) {
  const outputs = [hostBundle, ...nodeBundles, ...browserBundles].map(({ out }) => out);
  for (const out of outputs.filter((out) => existsSync(path.join(dist, out)))) {
    say(`  dist/${out.padEnd(20)} ${(statSync(path.join(dist, out)).size / 1024).toFixed(0).padStart(6)} KB`);
  }
  say(`Built in ${tookMs} ms.`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(() => build({ watch: process.argv.includes('--watch') }));
}
