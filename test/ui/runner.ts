import Mocha from 'mocha';
import { closeBrowser } from '../support/vscodeBrowser.ts';
import { recordResults, SilentReporter } from '../support/vscodeResults.ts';
import { openApps } from './driver.ts';

export interface UiRun {
  /** The bundled test files, absolute. */
  files: readonly string[];
  results: string;
  /** Only tests whose title holds this. */
  title?: string;
}

/** Runs the tests one after another. A failing one leaves a screenshot, and no VS Code is left running. */
export async function runUiTests({ files, results, title }: UiRun): Promise<void> {
  const mocha = new Mocha({
    ui: 'bdd',
    timeout: 120_000,
    reporter: SilentReporter,
    ...(title !== undefined && { fgrep: title }),
  });
  mocha.rootHooks({
    async afterEach(this: Mocha.Context) {
      const test = this.currentTest;
      if (test?.state !== 'failed') return;
      const name = test
        .fullTitle()
        .replace(/[^\w.-]+/g, '-')
        .slice(0, 100);
      for (const app of openApps) await app.keep(`failed-${name}`);
    },
  });
  for (const file of files) mocha.addFile(file);
  await mocha.loadFilesAsync();
  await new Promise<number>((resolve) => {
    recordResults(mocha.run(resolve), results, (line) => console.log(line));
  });
  for (const app of openApps) await app.close();
  await closeBrowser();
}
