import * as vscode from 'vscode';
import { toErrorData } from '../core/errors.ts';
import { translated } from '../core/text/language.ts';
import { commands } from './ids.ts';
import type { Services } from './services.ts';

/** Shows a failure once: what happened and what to do, with the one button that helps. The log keeps the whole of it. */
export async function showError(services: Pick<Services, 'log'>, error: unknown): Promise<void> {
  const data = toErrorData(error);
  if (data.code === 'cancelled') return;
  const verifierLog = data.details?.['log'];
  services.log.error(`${data.message}${data.fix === undefined ? '' : ` ${data.fix}`}`);
  if (typeof verifierLog === 'string') services.log.info(`Verifier log:\n${verifierLog}`);
  if (!(error instanceof Error && error.name === 'XdpError') && error instanceof Error)
    services.log.debug(error.stack ?? '');

  const message = inWords(data);
  if (data.code === 'untrusted-workspace') {
    const manage = vscode.l10n.t('Manage Workspace Trust');
    if ((await vscode.window.showWarningMessage(message, manage)) === manage) {
      await vscode.commands.executeCommand('workbench.trust.manage');
    }
    return;
  }
  if (data.code === 'helper-died') {
    const restart = vscode.l10n.t('Restart Helper');
    if ((await vscode.window.showErrorMessage(message, restart)) === restart) {
      await vscode.commands.executeCommand(commands.restartHelper);
    }
    return;
  }
  if (typeof verifierLog === 'string') {
    const open = vscode.l10n.t('Open Verifier Log');
    if ((await vscode.window.showErrorMessage(message, open)) === open) await openVerifierLog(verifierLog);
    return;
  }
  if (data.code === 'compile-failed') {
    const problems = vscode.l10n.t('Show Problems');
    if ((await vscode.window.showErrorMessage(message, problems)) === problems) {
      await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
    }
    return;
  }
  const showLog = vscode.l10n.t('Show Log');
  if ((await vscode.window.showErrorMessage(message, showLog)) === showLog) services.log.show();
}

/** An error's message and what to do next, in the language of VS Code. */
export function inWords({ message, fix }: { message: string; fix?: string | undefined }, separator = ' '): string {
  return fix === undefined ? translated(message) : `${translated(message)}${separator}${translated(fix)}`;
}

async function openVerifierLog(log: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content: log, language: 'bpf-verifier-log' });
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}
