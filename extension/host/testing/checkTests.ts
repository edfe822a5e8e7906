import path from 'node:path';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { translated } from '../../core/text/language.ts';
import type { MutantResult, MutationReport } from '../../session/mutation/mutationCheck.ts';
import { saveIfDirty } from '../build.ts';
import { withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';
import type { Notice } from './testNotices.ts';

/** What is not tried by then is left out, and that is said. Milliseconds. */
const timeMs = 120_000;

/** XDP: Check Tests by Mutation. What no test notices stands as a Problem at the C line. */
export async function checkTestsCommand(services: Services, target: unknown): Promise<MutationReport | undefined> {
  requireTrust();
  const file = await testFileOf(target);
  if (file === undefined) return undefined;
  if (file.scheme !== 'file') {
    throw new XdpError('file-not-found', vscode.l10n.t('{0} has not been saved yet.', path.basename(file.path)), {
      fix: vscode.l10n.t('Save the file first.'),
    });
  }
  await saveIfDirty(file);
  const title = vscode.l10n.t('Checking the tests of {0} by mutation', path.basename(file.path));
  const report = await withCancel(title, async (tell, signal) => {
    const { checkByMutation } = await import('../../session/mutation/mutationCheck.ts');
    let before = 0;
    return await checkByMutation({
      file: file.fsPath,
      build: services.buildOptions(file),
      timeMs,
      signal,
      onProgress: (done, all) => {
        tell({ message: vscode.l10n.t('{0} of {1} changes', done, all), increment: (100 * (done - before)) / all });
        before = done;
      },
    });
  });
  services.testNotices.show(
    'mutation',
    report.mutants.flatMap((each) => noticesOf(each, report)),
  );
  for (const { name, why } of report.failing)
    services.log.warn(`Not counted, since it does not pass as it is: ${name}: ${why}`);
  void conclude(services, report);
  return report;
}

/** The argument, the test file in the active tab, or one beside the source in the active editor. */
async function testFileOf(target: unknown): Promise<vscode.Uri | undefined> {
  if (target instanceof vscode.Uri) return target;
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const active = input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText ? input.uri : undefined;
  if (active?.path.endsWith('.xdptest.json') === true) return active;
  const folder = active === undefined ? undefined : path.dirname(active.fsPath);
  const pattern = folder === undefined ? '**/*.xdptest.json' : new vscode.RelativePattern(folder, '*.xdptest.json');
  const found = await vscode.workspace.findFiles(pattern, '**/node_modules/**', 200);
  const [only] = found;
  if (only === undefined) {
    throw new XdpError('file-not-found', vscode.l10n.t('There is no packet test file here.'), {
      fix: vscode.l10n.t('Keep a run of the packet panel as a test, or use XDP: Generate Packets.'),
    });
  }
  if (found.length === 1) return only;
  const picked = await vscode.window.showQuickPick(
    found
      .sort((left, right) => left.path.localeCompare(right.path))
      .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri })),
    { title: vscode.l10n.t('Packet test file') },
  );
  return picked?.uri;
}

function noticesOf(mutant: MutantResult, { failing }: MutationReport): Notice[] {
  const { file, line, column, kind, text, from, to, status, ranBy } = mutant;
  const severity = vscode.DiagnosticSeverity.Information;
  // A verdict stands in its statement; what else is changed is where it is said to be.
  const [marked = ''] = (kind === 'verdict' ? text : from).split('\n');
  const notice = (message: string): Notice[] => [{ file, line, column, length: marked.length, message, severity }];
  switch (status) {
    case 'killed':
    case 'skipped':
      return [];
    case 'survived':
      return notice(
        ranBy.length === 1
          ? vscode.l10n.t('“{0}” could be “{1}”, and the one test that comes here would still pass.', from, to)
          : vscode.l10n.t(
              '“{0}” could be “{1}”, and all {2} tests that come here would still pass.',
              from,
              to,
              ranBy.length,
            ),
      );
    case 'unreached':
      return notice(
        failing.length === 0
          ? vscode.l10n.t('No test comes here: “{0}” could be “{1}”, and nobody would notice.', from, to)
          : vscode.l10n.t('No test that passes comes here: “{0}” could be “{1}”, and nobody would notice.', from, to),
      );
  }
}

/** What came of it, with a way to what there is to be read. */
async function conclude(services: Services, report: MutationReport): Promise<void> {
  const { mutants, failing, source, remarks } = report;
  const count = (status: MutantResult['status']): number => mutants.filter((each) => each.status === status).length;
  const [killed, skipped] = [count('killed'), count('skipped')];
  const name = path.basename(source);
  const parts = [
    mutants.length === 0
      ? vscode.l10n.t('Nothing in {0} can be changed: it has no comparison, and no return of a verdict.', name)
      : vscode.l10n.t('The tests notice {0} of {1} changes of {2}.', killed, mutants.length, name),
  ];
  if (skipped > 0) parts.push(vscode.l10n.t('Not tried: {0}.', skipped));
  if (failing.length === 1) parts.push(vscode.l10n.t('1 test does not pass as it is, and was not counted.'));
  if (failing.length > 1) {
    parts.push(vscode.l10n.t('{0} tests do not pass as they are, and were not counted.', failing.length));
  }
  parts.push(...remarks.map((remark) => translated(remark)));
  const problems = vscode.l10n.t('Show Problems');
  const log = vscode.l10n.t('Show Log');
  const buttons = [...(killed + skipped < mutants.length ? [problems] : []), ...(failing.length > 0 ? [log] : [])];
  const show = failing.length > 0 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  const chosen = await show(parts.join(' '), ...buttons);
  if (chosen === problems) await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
  if (chosen === log) services.log.show();
}
