import path from 'node:path';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { MutantResult, MutationReport } from '../../session/mutation/mutationCheck.ts';
import { saveIfDirty } from '../build.ts';
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
  const title = vscode.l10n.t('Changing the program to see which tests notice');
  const location = vscode.ProgressLocation.Notification;
  const report = await vscode.window.withProgress({ location, title, cancellable: true }, async (progress, token) => {
    const { checkByMutation } = await import('../../session/mutation/mutationCheck.ts');
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      return await checkByMutation({
        file: file.fsPath,
        build: services.buildOptions(file),
        timeMs,
        signal: abort.signal,
        onProgress: (done, all) => progress.report({ message: vscode.l10n.t('{0} of {1} changes', done, all) }),
      });
    } finally {
      cancelled.dispose();
    }
  });
  services.testNotices.show('mutation', report.mutants.flatMap(noticeOf));
  for (const { name, why } of report.failing) services.log.warn(`${name}: ${why}`);
  void tell(report);
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

function noticeOf({ file, line, column, from, to, status, ranBy }: MutantResult): Notice[] {
  const severity = vscode.DiagnosticSeverity.Information;
  switch (status) {
    case 'killed':
    case 'skipped':
      return [];
    case 'survived': {
      const message = vscode.l10n.t('No test would notice if {0} were {1}; {2} come here.', from, to, ranBy.length);
      return [{ file, line, column, message, severity }];
    }
    case 'unreached': {
      const message = vscode.l10n.t('No test comes here: nobody would notice if {0} were {1}.', from, to);
      return [{ file, line, column, message, severity }];
    }
  }
}

async function tell({ mutants, failing }: MutationReport): Promise<void> {
  const killed = mutants.filter(({ status }) => status === 'killed').length;
  const skipped = mutants.filter(({ status }) => status === 'skipped').length;
  const parts = [vscode.l10n.t('The tests notice {0} of {1} changes.', killed, mutants.length)];
  if (skipped > 0) parts.push(vscode.l10n.t('{0} were not tried.', skipped));
  if (failing.length > 0) parts.push(vscode.l10n.t('{0} tests do not pass as it is.', failing.length));
  const show = vscode.l10n.t('Show Problems');
  const chosen = await vscode.window.showInformationMessage(
    parts.join(' '),
    ...(killed < mutants.length ? [show] : []),
  );
  if (chosen === show) await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
}
