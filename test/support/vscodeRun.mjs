import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { artifacts, root } from '../../extension/build/paths.mjs';

/**
 * @typedef {{ title: string, file?: string, state: 'passed' | 'failed' | 'skipped', durationMs: number, error?: string }} TestResult
 * @typedef {{ complete: boolean, tests: TestResult[] }} SuiteResults
 */

/**
 * Test files of a folder, relative to the repository.
 * @param {string} folder
 */
export function testFiles(folder) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/**
 * Judges a run by what it wrote down, never by its exit status alone: an extension host that is killed is reported
 * as a success. Keeps the results as artifacts/results/SUITE.json and sets this process's exit status.
 * @param {string} suite
 * @param {string} file
 */
export function conclude(suite, file) {
  const { complete, tests } = readResults(file);
  if (!complete || tests.length === 0) {
    const why = tests.length === 0 ? 'No test was run.' : 'It ended before its tests did.';
    tests.push({ title: `${suite}: the suite comes to its end`, state: 'failed', durationMs: 0, error: why });
    console.error(`  ✗ ${why}`);
  }
  const kept = path.join(artifacts, 'results', `${suite}.json`);
  mkdirSync(path.dirname(kept), { recursive: true });
  writeFileSync(kept, JSON.stringify({ complete, tests }, null, 2));
  /** @param {string} state */
  const count = (state) => tests.filter((test) => test.state === state).length;
  console.log(`${suite}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
  process.exitCode = count('failed') > 0 ? 1 : 0;
}

/**
 * @param {string} file
 * @returns {SuiteResults}
 */
export function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { complete: false, tests: [] };
  }
}
