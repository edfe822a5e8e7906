import * as vscode from 'vscode';

/** Something about a place of the source that a command found out. Lines and columns count from 1. */
export interface Notice {
  file: string;
  line: number;
  column: number;
  /** Characters that it is about; 0: the word there. */
  length: number;
  message: string;
  severity: vscode.DiagnosticSeverity;
}

/**
 * What generated packets and changed programs showed, as Problems at the source. Each command replaces what it said before; an edit
 * of a file takes what is said of it away, since lines are others then.
 */
export class TestNotices implements vscode.Disposable {
  readonly #generated = vscode.languages.createDiagnosticCollection('xdp-generated');
  readonly #mutation = vscode.languages.createDiagnosticCollection('xdp-mutation');
  readonly #edits = vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    if (contentChanges.length === 0) return;
    this.#generated.delete(document.uri);
    this.#mutation.delete(document.uri);
  });

  show(kind: 'generated' | 'mutation', notices: readonly Notice[]): void {
    const collection = kind === 'generated' ? this.#generated : this.#mutation;
    collection.clear();
    const byFile = new Map<string, vscode.Diagnostic[]>();
    for (const { file, line, column, length, message, severity } of notices) {
      const start = new vscode.Position(Math.max(0, line - 1), Math.max(0, column - 1));
      const diagnostic = new vscode.Diagnostic(new vscode.Range(start, start.translate(0, length)), message, severity);
      diagnostic.source = 'xdp';
      const list = byFile.get(file) ?? [];
      list.push(diagnostic);
      byFile.set(file, list);
    }
    for (const [file, list] of byFile) collection.set(vscode.Uri.file(file), list);
  }

  dispose(): void {
    this.#edits.dispose();
    this.#generated.dispose();
    this.#mutation.dispose();
  }
}
