import * as vscode from 'vscode';
import { amongAll, type FileCoverage, totalsOf } from '../../core/coverage/coverage.ts';
import { possibleCpus } from '../../session/engine/target.ts';
import { CoverageRun } from '../../session/engine/coverage.ts';
import { type FileTests, runTests, type TestServices } from './runTests.ts';

/** What VS Code shows of a file, with what it is asked for when the file is opened. */
class MeasuredFile extends vscode.FileCoverage {
  readonly coverage: FileCoverage;
  readonly #byTest: ReadonlyMap<vscode.TestItem, FileCoverage>;

  constructor(coverage: FileCoverage, byTest: ReadonlyMap<vscode.TestItem, FileCoverage>) {
    const { lines, branches, functions } = totalsOf(coverage);
    super(vscode.Uri.file(coverage.file), lines, branches, functions, [...byTest.keys()]);
    this.coverage = coverage;
    this.#byTest = byTest;
  }

  /** What one test ran of it. */
  of(test: vscode.TestItem): FileCoverage {
    // VS Code may hand out the item that took the place of the one that ran.
    const [, ran] = [...this.#byTest].find(([{ id, uri }]) => id === test.id && String(uri) === String(test.uri)) ?? [];
    const { file } = this.coverage;
    return amongAll(this.coverage, ran ?? { file, lines: new Map(), functions: new Map(), branches: new Map() });
  }
}

/** Runs tests in the built-in machine, and shows which lines, branches and functions of the sources ran. */
export async function runWithCoverage(
  run: vscode.TestRun,
  files: readonly FileTests[],
  { services, token }: { services: TestServices; token: vscode.CancellationToken },
): Promise<void> {
  const source = files.find((each) => each.source !== undefined)?.source;
  if (source === undefined) return;
  const measured = new CoverageRun(services.buildOptions(vscode.Uri.file(source)), possibleCpus());
  await runTests(run, files, {
    services,
    engine: 'vm',
    token,
    save: true,
    around: (engine, testFile) => measured.around(engine, testFile),
  });
  for (const remark of measured.remarks) run.appendOutput(`${remark}\r\n`);
  for (const coverage of measured.files()) {
    const byTest = new Map<vscode.TestItem, FileCoverage>();
    for (const { testFile, test, files: ran } of measured.byTest()) {
      const own = ran.find(({ file }) => file === coverage.file);
      const item = files.find(({ file }) => file.uri?.fsPath === testFile)?.tests.find(({ id }) => id === test);
      if (own !== undefined && item !== undefined) byTest.set(item, own);
    }
    run.addCoverage(new MeasuredFile(coverage, byTest));
  }
}

/** Lines with their branches, and functions; of one test, or of all. */
export function detailsOf(file: vscode.FileCoverage, test?: vscode.TestItem): vscode.FileCoverageDetail[] {
  if (!(file instanceof MeasuredFile)) return [];
  const { lines, branches, functions } = test === undefined ? file.coverage : file.of(test);
  const start = (line: number): vscode.Position => new vscode.Position(line - 1, 0);
  return [
    ...[...lines].map(([line, count]) => {
      const ways = (branches.get(line) ?? []).flatMap(({ taken, notTaken }) => [
        new vscode.BranchCoverage(taken, start(line), vscode.l10n.t('condition false')),
        new vscode.BranchCoverage(notTaken, start(line), vscode.l10n.t('condition true')),
      ]);
      return new vscode.StatementCoverage(
        count,
        new vscode.Range(start(line), new vscode.Position(line - 1, 1000)),
        ways,
      );
    }),
    ...[...functions].map(([name, { line, count }]) => new vscode.DeclarationCoverage(name, count, start(line))),
  ];
}
