import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

export interface TestResult {
  title: string;
  /** The bundled test file it comes from, absolute. */
  file?: string;
  state: 'passed' | 'failed' | 'skipped';
  durationMs: number;
  error?: string;
}

/** What a suite leaves behind. `complete` is false as long as it has not come to its end by itself. */
export interface SuiteResults {
  complete: boolean;
  tests: TestResult[];
}

/**
 * Writes the results after every test, so that a process that dies leaves what it had done, marked as incomplete.
 * `note` gets a line for people.
 */
export function recordResults(runner: Mocha.Runner, file: string, note: (line: string) => void): void {
  const results: SuiteResults = { complete: false, tests: [] };
  const save = (): void => writeFileSync(file, JSON.stringify(results, null, 2));
  mkdirSync(path.dirname(file), { recursive: true });
  save();
  const add = (test: Mocha.Runnable, state: TestResult['state'], error?: Error): void => {
    const title = test.fullTitle();
    const durationMs = test.duration ?? 0;
    results.tests.push({
      title,
      ...(test.file !== undefined && { file: test.file }),
      state,
      durationMs,
      ...(error && { error: error.stack ?? error.message }),
    });
    save();
    const mark = { passed: '✓', failed: '✗', skipped: '-' }[state];
    note(`  ${mark} ${title}${state === 'passed' ? ` (${durationMs} ms)` : ''}`);
    if (error) note(`    ${(error.stack ?? error.message).replaceAll('\n', '\n    ')}`);
  };
  runner.on('pass', (test) => add(test, 'passed'));
  // Also for hooks: a failing `before` is a failure of its own.
  runner.on('fail', (test, error: Error) => add(test, 'failed', error));
  runner.on('pending', (test) => add(test, 'skipped'));
  runner.on('end', () => {
    results.complete = true;
    save();
  });
}

/** mocha's own reporters would say everything a second time: what there is to say, recordResults says. */
export class SilentReporter extends Mocha.reporters.Base {}
