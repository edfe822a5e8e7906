#!/usr/bin/env node
/**
 * `npm run build`: what each process and each webview loads, into `dist/`. Touches nothing but this folder.
 * With `--watch`: rebuilds on every change, not minified.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { componentsOf, writeNotices } from './notices.mjs';
import { dist, root } from './paths.mjs';
import { runMain, say, UserError } from './terminal.mjs';

/**
 * What runs in Node with its user's rights: every process loads what it needs when it needs it, from chunks that all of them
 * share (`dist/chunks`).
 */
const nodeEntries = {
  extension: 'extension/host/extension.ts',
  cli: 'extension/cli/main.ts',
  debug: 'extension/debug/main.ts',
  language: 'extension/language/main.ts',
  'lab-traffic': 'extension/kernel/labTraffic.ts',
};

/** What runs with privilege: one file that holds all of it, since `xdp admin install` copies it to where only root writes. */
const helperEntry = 'extension/kernel/main.ts';

/** Where VS Code is a page without a machine behind it: one file, since a web worker loads no other. */
const webEntry = 'extension/host/web/extension.ts';

/** What runs in webviews; they share chunks as well (`dist/webview/chunks`). */
const webviewEntries = {
  maps: 'webview/maps/main.ts',
  packet: 'webview/packet/main.ts',
  packetTests: 'webview/packetTests/main.ts',
  verifier: 'webview/verifier/main.ts',
};

/** The command that people type keeps its name, whatever the modules behind it are called. */
export const command = { out: 'cli.js', text: "#!/usr/bin/env node\nimport('./cli.mjs');\n" };

const copies = [
  { from: 'node_modules/@vscode/codicons/dist/codicon.css', to: 'webview/codicon.css' },
  { from: 'node_modules/@vscode/codicons/dist/codicon.ttf', to: 'webview/codicon.ttf' },
];

/** @param {{ watch?: boolean }} [options] */
export async function build({ watch = false } = {}) {
  const startedMs = performance.now();
  const configurations = [nodeModules(), privilegedBundle(), webBundle(), webviewModules()];
  if (!existsSync(path.join(root, 'node_modules/esbuild'))) throw new UserError('Run `npm ci` first.');
  const esbuild = await import('esbuild');
  mkdirSync(path.join(dist, 'webview'), { recursive: true });
  for (const { from, to } of copies) copyFileSync(path.join(root, from), path.join(dist, to));
  writeFileSync(path.join(dist, command.out), command.text, { mode: 0o755 });

  const contexts = await Promise.all(
    configurations.map((configuration) => esbuild.context({ ...configuration, minify: !watch })),
  );
  // All of them, so that every mistake is seen at once; esbuild has printed each with its place.
  const results = await Promise.allSettled(contexts.map((context) => context.rebuild()));
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

/** @type {import('esbuild').BuildOptions} */
const node = {
  ...common,
  platform: 'node',
  target: 'node20',
  external: ['vscode', 'koffi'],
  define: {
    __XDP_VERSION__: JSON.stringify(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version),
  },
};

/**
 * Split, since Node and VS Code compile a whole file before they run a line of it: one file would make everybody who opens a C
 * file wait for the packet tests' machine, and the CLI's user for the verbs that were not asked for.
 * @returns {import('esbuild').BuildOptions}
 */
export function nodeModules() {
  return {
    ...node,
    ...split(nodeEntries),
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    // For the libraries that are CommonJS, and for the entries, which find their neighbours in `dist` by it.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url), __dirname = require('node:path').dirname(require('node:url').fileURLToPath(import.meta.url));",
    },
  };
}

/** @returns {import('esbuild').BuildOptions} */
export function privilegedBundle() {
  return { ...node, entryPoints: { helper: helperEntry }, outdir: dist, format: 'cjs' };
}

/** @returns {import('esbuild').BuildOptions} */
export function webBundle() {
  return {
    ...common,
    entryPoints: { 'web/extension': webEntry },
    outdir: dist,
    platform: 'browser',
    format: 'cjs',
    target: 'es2022',
    external: ['vscode'],
    define: { 'process.platform': '"web"' },
    plugins: [{ name: 'stand-ins', setup: standIns }],
  };
}

/**
 * A browser has neither Node nor clang: paths and files are VS Code's there, and objects were built before.
 * @param {import('esbuild').PluginBuild} build
 */
function standIns(build) {
  const folder = path.join(root, 'extension/host/web');
  build.onResolve({ filter: /^node:/ }, () => ({ path: path.join(folder, 'standIn.ts') }));
  build.onResolve({ filter: /toolchain\/compile\.ts$/ }, () => ({ path: path.join(folder, 'prebuilt.ts') }));
  // What only the other engines, coverage and the debugger import, when they are asked for: here nobody can ask.
  const elsewhere = /\/(?:packetTest\/kernel|engine\/bothTests|coverage|debug\/debugTest)\.ts$/;
  build.onResolve({ filter: elsewhere }, ({ path: name, importer }) =>
    importer.includes(path.join('host', 'testing')) ? { path: name, namespace: 'absent' } : undefined,
  );
  build.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path: name }) => ({
    contents: `module.exports = {}; throw new Error(${JSON.stringify(`${name} is not for a browser`)});`,
  }));
}

/**
 * Also for the tests, which show the views outside of VS Code.
 * @returns {import('esbuild').BuildOptions}
 */
export function webviewModules() {
  return {
    ...common,
    ...split(webviewEntries),
    outdir: path.join(dist, 'webview'),
    platform: 'browser',
    target: 'es2022',
    loader: { '.css': 'text' },
  };
}

/**
 * @param {Record<string, string>} entryPoints
 * @returns {import('esbuild').BuildOptions}
 */
function split(entryPoints) {
  return { entryPoints, entryNames: '[name]', chunkNames: 'chunks/[name]-[hash]', format: 'esm', splitting: true };
}

/**
 * Removes what earlier builds made and this one does not.
 * @param {readonly string[]} bundles
 */
function removeLeftovers(bundles) {
  const made = new Set([
    ...bundles.map((file) => path.join(root, file)),
    ...[command.out, ...copies.map(({ to }) => to)].map((file) => path.join(dist, file)),
  ]);
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !made.has(file)) rmSync(file);
  }
}

/** @param {number} tookMs */
function report(tookMs) {
  const outputs = [
    ...Object.keys(nodeEntries).map((name) => `${name}.mjs`),
    'helper.js',
    'web/extension.js',
    ...Object.keys(webviewEntries).map((name) => `webview/${name}.js`),
  ];
  for (const out of outputs.filter((out) => existsSync(path.join(dist, out)))) {
    say(`  dist/${out.padEnd(20)} ${(statSync(path.join(dist, out)).size / 1024).toFixed(0).padStart(6)} KB`);
  }
  say(`Built in ${tookMs} ms.`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(() => build({ watch: process.argv.includes('--watch') }));
}
