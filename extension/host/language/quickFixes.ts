import * as vscode from 'vscode';
import type { QuickFix } from '../../core/verifier/fixes/edits.ts';
import type { Services } from '../services.ts';

/** Light bulbs on what the verifier and clang say. The fixes themselves are core's; they are looked for when asked. */
export class QuickFixes implements vscode.CodeActionProvider {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    _range: vscode.Range,
    context: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const ours = context.diagnostics.filter(
      ({ source, code }) => source === 'verifier' || source === 'clang' || (source === 'xdp' && code === 'deprecated'),
    );
    if (ours.length === 0) return [];
    const { compilerFixes, verifierFixes } = await import('../../core/verifier/fixes/fixes.ts');
    const text = document.getText();
    return ours.flatMap((diagnostic) => {
      const { line, character } = diagnostic.range.start;
      const place = { line: line + 1, column: character + 1 };
      if (diagnostic.source !== 'verifier') {
        const notes = (diagnostic.relatedInformation ?? []).map(({ message }) => message);
        const fixes = compilerFixes(text, { ...place, message: diagnostic.message, notes });
        return fixes.map((fix, index) => actionOf(document, diagnostic, { fix, isPreferred: index === 0 }));
      }
      const failure = this.#services.verdicts.failureOf(document.uri, diagnostic);
      if (failure === undefined || failure.line === null) return [];
      const fixes = verifierFixes(text, { ...failure, line: failure.line, column: failure.column ?? place.column });
      return fixes.map((fix, index) => actionOf(document, diagnostic, { fix, isPreferred: index === 0 }));
    });
  }
}

function actionOf(
  document: vscode.TextDocument,
  diagnostic: vscode.Diagnostic,
  { fix, isPreferred }: { fix: QuickFix; isPreferred: boolean },
): vscode.CodeAction {
  const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = [diagnostic];
  action.isPreferred = isPreferred;
  action.edit = new vscode.WorkspaceEdit();
  for (const { start, end, text } of fix.edits) {
    const range = new vscode.Range(document.positionAt(start), document.positionAt(end));
    action.edit.replace(document.uri, range, text);
  }
  return action;
}
