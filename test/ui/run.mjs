#!/usr/bin/env node
/**
 * `npm run test:ui`: the tests of test/ui, which use a real VS Code in a real browser with the packaged `.vsix`
 * installed. `npm run test:ui -- TEXT` runs those whose title holds TEXT.
 */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { vsixPath } from '../../extension/build/package.mjs';
import { cache, root } from '../../extension/build/paths.mjs';
import { runMain, UserError } from '../../extension/build/terminal.mjs';
import { conclude, testFiles } from '../support/vscodeRun.mjs';

await runMain(async () => {
  const vsix = vsixPath(process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64');
  if (!existsSync(vsix)) throw new UserError('Run `npm run build && npm run package` first.');
  const folder = path.join(cache, 'ui-tests');
  rmSync(folder, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['test/ui/runner.ts', ...testFiles('test/ui')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // One instance of what tests share, such as the browser.
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const { runUiTests } = await import(path.join(folder, 'runner.mjs'));
  const results = path.join(folder, 'results.json');
  await runUiTests({ folder, results, title: process.argv[2] });
  conclude('ui', results);
});
