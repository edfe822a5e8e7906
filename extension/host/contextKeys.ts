import * as vscode from 'vscode';
import { contextKeys } from './ids.ts';

export function isBpfSource(document: vscode.TextDocument): boolean {
  return /\bSEC\s*\(\s*"/.test(document.getText());
}

/** A C file is a BPF source when it puts anything into an ELF section by SEC("…"): the title buttons appear on those. */
export function followActiveEditor(): vscode.Disposable {
  const update = (editor: vscode.TextEditor | undefined): void => {
    const isBpf = editor?.document.languageId === 'c' && isBpfSource(editor.document);
    void vscode.commands.executeCommand('setContext', contextKeys.isBpfSource, isBpf);
  };
  update(vscode.window.activeTextEditor);
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidSaveTextDocument((document) => {
      if (document === vscode.window.activeTextEditor?.document) update(vscode.window.activeTextEditor);
    }),
  );
}
