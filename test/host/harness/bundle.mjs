import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { cache, dist, root } from '../../../extension/build/paths.mjs';
import { testFiles } from '../../support/vscodeRun.mjs';

/** Where the bundled tests lie; the results file is written beside them. */
export const bundledTests = path.join(cache, 'host-tests');

/** An extension that uses the product's API, by the folder's name where it is installed. */
export const consumer = {
  name: 'xdp-tests.api-consumer-0.0.1',
  folder: path.join(root, 'test/fixtures/apiConsumer'),
};

/** Bundles the suite and the tests into what an extension host can load. */
export async function bundleHostTests() {
  if (!existsSync(path.join(dist, 'extension.mjs'))) throw new Error('Run `npm run build` first.');
  rmSync(bundledTests, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['test/host/harness/suite.ts', ...testFiles('test/host')],
    outdir: bundledTests,
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode', 'mocha', 'koffi'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return { entry: path.join(bundledTests, 'suite.js'), results: path.join(bundledTests, 'results.json') };
}
