#!/usr/bin/env node
/**
 * `npm run test:ui`: the tests of test/ui, which use a real VS Code in a real browser with the packaged `.vsix`
 * installed. `npm run test:ui -- TEXT` runs those whose title holds TEXT, `-- --file NAME` those of test/ui/NAME.test.ts.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { vsixPath } from '../../extension/build/package.mjs';
import { cache, root } from '../../extension/build/paths.mjs';
import { runStatus } from '../../extension/build/processes.mjs';
import { runMain, UserError } from '../../extension/build/terminal.mjs';
import { conclude, readResults, testFiles } from '../support/vscodeRun.mjs';

const folder = path.join(cache, 'ui-tests');
const results = path.join(folder, 'results.json');
/** More failures than in this many files are no accident of a busy machine. */
const mostFilesAgain = 2;

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { again: { type: 'string', multiple: true }, file: { type: 'string', multiple: true } },
  });
  if (values.again !== undefined) return runFiles({ files: values.again, into: againResults(values.again) });
  const vsix = vsixPath(process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64');
  if (!existsSync(vsix)) throw new UserError('Run `npm run build && npm run package` first.');
  await bundleTests();
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.test.mjs') && (values.file?.includes(name.replace('.test.mjs', '')) ?? true))
    .sort()
    .map((name) => path.join(folder, name));
  await runFiles({ files, into: results, title: positionals[0] });
  await runFailedAgain();
  conclude('ui', results);
});

async function bundleTests() {
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
}

/** @param {{ files: readonly string[], into: string, title?: string }} run */
async function runFiles({ files, into, title }) {
  const { runUiTests } = await import(path.join(folder, 'runner.mjs'));
  await runUiTests({ files, results: into, title });
}

/**
 * A browser on a machine that is busy with something else misses a click now and then. A file with a failure gets
 * one more run, whole, in a new VS Code and a process of its own, and what failed first is printed: a test that fails
 * twice is a failure, one that does not is named as unsteady, for somebody to look at.
 */
async function runFailedAgain() {
  const { complete, tests } = readResults(results);
  const failed = tests.filter(({ state }) => state === 'failed');
  const files = [...new Set(failed.map(({ file }) => file ?? ''))];
  if (!complete || files.length === 0 || files.length > mostFilesAgain || files.includes('')) return;
  console.log(`Again, once: ${files.map((file) => path.basename(file)).join(', ')}`);
  const own = fileURLToPath(import.meta.url);
  await runStatus(process.execPath, [own, ...files.map((file) => `--again=${file}`)], { cwd: root });
  const second = readResults(againResults(files));
  if (!second.complete || second.tests.length === 0) return;
  const kept = tests.filter(({ file }) => !files.includes(file ?? ''));
  writeFileSync(results, JSON.stringify({ complete, tests: [...kept, ...second.tests] }));
  for (const { title } of failed) {
    const failedTwice = second.tests.some((test) => test.title === title && test.state === 'failed');
    if (!failedTwice) console.log(`  ! unsteady: ${title} (failed, then passed)`);
  }
}

/** @param {readonly string[]} files */
function againResults(files) {
  return path.join(folder, `again-${files.map((file) => path.basename(file, '.test.mjs')).join('-')}.json`);
}
