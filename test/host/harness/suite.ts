import { readdirSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';
import { recordResults, SilentReporter } from '../../support/vscodeResults.ts';

/**
 * What VS Code calls inside the extension host: runs every bundled test beside this file. What it says here reaches
 * the terminal only in the end, if at all; the results file is the truth.
 */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 60_000, reporter: SilentReporter });
  for (const file of readdirSync(__dirname).sort()) {
    if (file.endsWith('.test.js')) mocha.addFile(path.join(__dirname, file));
  }
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    recordResults(runner, path.join(__dirname, 'results.json'), (line) => console.log(line));
  });
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
