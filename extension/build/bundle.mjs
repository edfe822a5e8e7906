#!/usr/bin/env node
/**
 * `npm run build`: what each process and each webview loads, into `dist/`. Touches nothing but this folder.
 * With `--watch`: rebuilds on every change, not minified.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { componentsOf, writeNotices } from './notices.mjs';
import { dist, root } from './paths.mjs';
import { constants, processEntries, processModules } from './moduleGraph.mjs';
import { runMain, say, UserError } from './terminal.mjs';
import { webviewEntries, webviewModules } from './webviewModules.mjs';

/** What runs with privilege: one file that holds all of it, since `xdp admin install` copies it to where only root writes. */
const helperEntry = 'extension/kernel/main.ts';

/** Where VS Code is a page without a machine behind it: one file, since a web worker loads no other. */
const webEntry = 'extension/host/web/extension.ts';

/** The command that people type keeps its name, whatever the modules behind it are called. */
export const command = { out: 'cli.js', text: "#!/usr/bin/env node\nimport('./cli.mjs');\n" };

const copies = [
  { from: 'node_modules/@vscode/codicons/dist/codicon.css', to: 'webview/codicon.css' },
  { from: 'node_modules/@vscode/codicons/dist/codicon.ttf', to: 'webview/codicon.ttf' },
];

/** @param {{ watch?: boolean }} [options] */
export async function build({ watch = false } = {}) {
  const startedMs = performance.now();
  const configurations = [privilegedBundle(), webBundle()];
  if (!existsSync(path.join(root, 'node_modules/esbuild'))) throw new UserError('Run `npm ci` first.');
  const [esbuild, rolldown] = await Promise.all([import('esbuild'), import('rolldown')]);
  mkdirSync(path.join(dist, 'webview'), { recursive: true });
  for (const { from, to } of copies) copyFileSync(path.join(root, from), path.join(dist, to));
  writeFileSync(path.join(dist, command.out), command.text, { mode: 0o755 });

  const contexts = await Promise.all(
    configurations.map((configuration) => esbuild.context({ ...configuration, minify: !watch })),
  );
  if (watch) {
    await Promise.all(contexts.map((context) => context.watch()));
    const watcher = rolldown.watch([processModules({ minify: false }), webviewModules({ minify: false })]);
    watcher.on('event', (event) => {
      if (event.code === 'ERROR') say(event.error.message);
      if (event.code === 'BUNDLE_END' || event.code === 'ERROR') void event.result.close();
    });
    say('Watching; Ctrl-C ends it.');
    return;
  }
  // All of them, so that every mistake is seen at once; esbuild has printed each with its place.
  const results = await Promise.allSettled(contexts.map((context) => context.rebuild()));
  const [processes, webviews] = await Promise.all(
    [processModules(), webviewModules()].map((options) =>
      rolldown.build(options).catch((/** @type {Error} */ error) => say(error.message)),
    ),
  );
  await Promise.all(contexts.map((context) => context.dispose()));
  const metafiles = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value.metafile ?? []) : []));
  if (metafiles.length < results.length || !processes || !webviews) {
    throw new UserError('Not everything could be built: see above.');
  }
  const inputs = [
    ...metafiles.flatMap(({ inputs }) => Object.keys(inputs)),
    ...[...processes.output, ...webviews.output].flatMap((file) => (file.type === 'chunk' ? file.moduleIds : [])),
  ];
  const notices = writeNotices(componentsOf(inputs.map((file) => path.relative(root, file))));
  removeLeftovers([
    ...metafiles.flatMap(({ outputs }) => Object.keys(outputs).map((file) => path.join(root, file))),
    ...[...processes.output.map(({ fileName }) => fileName), ...notices].map((file) => path.join(dist, file)),
    ...webviews.output.map(({ fileName }) => path.join(dist, 'webview', fileName)),
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

/** @returns {import('esbuild').BuildOptions} */
export function privilegedBundle() {
  return {
    ...common,
    entryPoints: { helper: helperEntry },
    outdir: dist,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['koffi'],
    define: constants,
  };
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
 * Removes what earlier builds made and this one does not.
 * @param {readonly string[]} bundles their paths
 */
function removeLeftovers(bundles) {
  const made = new Set([
    ...bundles,
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
    ...Object.keys(processEntries).map((name) => `${name}.mjs`),
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
