#!/usr/bin/env node
/**
 * `npm run test:host`: the tests of test/host, with mocha, inside the extension host of a real VS Code that has this
 * checkout loaded as the extension under development.
 */
import path from 'node:path';
import { build } from 'esbuild';
import { cache, root } from '../../extension/build/paths.mjs';
import { runMain } from '../../extension/build/terminal.mjs';
import { conclude } from '../support/vscodeRun.mjs';
import { bundleHostTests, consumer } from './harness/bundle.mjs';

await runMain(async () => {
  const { entry, results } = await bundleHostTests();
  const outfile = path.join(cache, 'host-harness', 'runInServer.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['test/host/harness/runInServer.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
  const { runInServer } = await import(outfile);
  await runInServer({ extension: root, entry, consumer });
  conclude('host', results);
});
