import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { disassemblyScheme } from '../disassembly/disassemblyViews.ts';
import { LineSync } from '../disassembly/lineSync.ts';
import { CodeLenses } from './codeLenses.ts';
import { QuickFixes } from './quickFixes.ts';
import { textViewScheme } from './textViews.ts';

const selector: vscode.DocumentSelector = [{ language: 'c', scheme: 'file' }];

/** What the editor offers on BPF sources. Nothing of it is in the way of another C extension: all only adds. */
export function registerLanguage(services: Services): vscode.Disposable {
  const lineSync = new LineSync(services.disassembly);
  return vscode.Disposable.from(
    lineSync,
    vscode.workspace.registerTextDocumentContentProvider(disassemblyScheme, services.disassembly),
    vscode.languages.registerDefinitionProvider({ scheme: disassemblyScheme }, lineSync),
    vscode.languages.registerCodeActionsProvider(selector, new QuickFixes(services), {
      providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
    }),
    vscode.languages.registerCodeLensProvider(selector, new CodeLenses(services.verdicts)),
    vscode.workspace.registerTextDocumentContentProvider(textViewScheme, services.textViews),
  );
}
