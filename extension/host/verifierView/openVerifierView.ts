import * as vscode from 'vscode';
import { scanSource } from '../../core/c/source.ts';
import { XdpError } from '../../core/errors.ts';
import { chooseProgram } from '../../session/bpfObject.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import { logText } from '../language/explainLog.ts';
import type { Services } from '../services.ts';
import type { VerifierView } from './verifierView.ts';

/**
 * `XDP: Open Verifier View`: of the named program, else of the one that the cursor is in, the one that was refused, or the
 * first; of an open log where one is active.
 */
export async function openVerifierViewCommand(
  services: Services,
  view: VerifierView,
  target: unknown,
  named: unknown,
): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (target === undefined && editor !== undefined && editor.document.languageId === 'bpf-verifier-log')
    return await openLogCommand(view);
  const file = await targetFile(target);
  if (!file) return;
  const beside = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === file.toString());
  const program = typeof named === 'string' ? named : await programOf(services, file, beside);
  await view.open({ kind: 'program', file, program });
}

/** `XDP: Show Verifier Log as Steps`: the selection, the open log, or what is in the clipboard. */
export async function openLogCommand(view: VerifierView): Promise<void> {
  const { walksIn } = await import('../../session/verifierSteps.ts');
  const walks = walksIn(await logText());
  if (walks.length === 0) {
    throw new XdpError('usage', vscode.l10n.t('There is no log of the verifier in this text.'), {
      fix: vscode.l10n.t('Select the log in an editor, or copy it, with its last lines; then run the command again.'),
    });
  }
  await view.open({ kind: 'log', title: vscode.l10n.t('Verifier log'), walks, selected: 0 });
}

async function programOf(services: Services, file: vscode.Uri, source: vscode.TextEditor | undefined): Promise<string> {
  const atCursor = source === undefined ? undefined : programAtCursor(source);
  if (atCursor !== undefined) return atCursor;
  const { refused } = services.verdicts;
  const [first] = refused?.file.toString() === file.toString() ? refused.programs : [];
  if (first !== undefined) return first;
  const object = await buildWithProgress(services, file);
  return (object.spec.programs[0] ?? chooseProgram(object, undefined)).name;
}

function programAtCursor({ document, selection }: vscode.TextEditor): string | undefined {
  const at = document.offsetAt(selection.active);
  return scanSource(document.getText()).functions.find(
    ({ section, span }) => section !== undefined && span.start <= at && at <= span.end,
  )?.name;
}
