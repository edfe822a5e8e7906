import * as vscode from 'vscode';
import { commands } from '../ids.ts';
import type { VerdictStore } from '../language/verdictStore.ts';

/** On the light bulb of what the verifier refused: the steps that led there. */
export function registerShowInView(verdicts: VerdictStore): vscode.Disposable {
  return vscode.languages.registerCodeActionsProvider(
    [{ language: 'c', scheme: 'file' }],
    { provideCodeActions: (_document, _range, { diagnostics }) => actionsFor(verdicts, diagnostics) },
    { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
  );
}

function actionsFor(verdicts: VerdictStore, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction[] {
  const { refused } = verdicts;
  if (refused === undefined) return [];
  return diagnostics
    .filter(({ source }) => source === 'verifier')
    .flatMap((diagnostic) => {
      const program = refused.programs.find((name) => diagnostic.message.startsWith(`${name}: `));
      if (program === undefined) return [];
      const title = vscode.l10n.t('Show the steps of {0} in the verifier view', program);
      const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = [diagnostic];
      action.command = { title, command: commands.openVerifierView, arguments: [refused.file, program] };
      return [action];
    });
}
