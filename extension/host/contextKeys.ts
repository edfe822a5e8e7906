import * as vscode from 'vscode';
import type { Attachments } from '../session/attach/attachments.ts';
import { contextKeys } from './ids.ts';

export type ContextKey = keyof typeof contextKeys;

export function setContext(key: ContextKey, value: boolean): void {
  void vscode.commands.executeCommand('setContext', contextKeys[key], value);
}

export function isBpfSource(document: vscode.TextDocument): boolean {
  return /\bSEC\s*\(\s*"/.test(document.getText());
}

/** A C file is a BPF source when it puts anything into an ELF section by SEC("…"): the title buttons appear on those. */
export function followActiveEditor(): vscode.Disposable {
  const update = (editor: vscode.TextEditor | undefined): void => {
    const isBpf = editor?.document.languageId === 'c' && isBpfSource(editor.document);
    setContext('isBpfSource', isBpf);
  };
  update(vscode.window.activeTextEditor);
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidSaveTextDocument((document) => {
      if (document === vscode.window.activeTextEditor?.document) update(vscode.window.activeTextEditor);
    }),
  );
}

/** Commands about what this window has attached are offered while there is something, and those about a guard while it counts. */
export function followAttachments(attachments: Attachments): { dispose(): void } {
  const said: Partial<Record<ContextKey, boolean>> = {};
  const say = (key: ContextKey, value: boolean): void => {
    if ((said[key] ?? false) === value) return;
    said[key] = value;
    setContext(key, value);
  };
  return attachments.onDidChange(() => {
    const { live } = attachments;
    say('attached', live.length > 0);
    say(
      'guarded',
      live.some((each) => attachments.isGuarded(each)),
    );
  });
}
