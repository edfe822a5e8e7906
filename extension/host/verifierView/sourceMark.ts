import path from 'node:path';
import * as vscode from 'vscode';

export interface MarkedPlace {
  /** Absolute, or a name without folders where only a log is known. */
  file: string;
  /** 1-based. */
  line: number;
  column: number | null;
  /** Go there, instead of only showing it. */
  focus: boolean;
}

/** The C line of the step that the verifier view is on: marked in the source, and in sight. */
export class SourceMark implements vscode.Disposable {
  readonly #marked = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.stackFrameHighlightBackground'),
    overviewRulerColor: new vscode.ThemeColor('editorOverviewRuler.rangeHighlightForeground'),
    overviewRulerLane: vscode.OverviewRulerLane.Center,
  });
  readonly #found = new Map<string, vscode.Uri | undefined>();
  #turn = 0;

  /** Sources are shown beside the view, never in its place. */
  async reveal({ file, line, column, focus }: MarkedPlace, ownColumn: vscode.ViewColumn | undefined): Promise<void> {
    const turn = ++this.#turn;
    const uri = await this.#uriOf(file);
    if (uri === undefined) return;
    let editor = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri.toString());
    if (editor === undefined || focus) {
      const viewColumn =
        editor?.viewColumn ?? (ownColumn === vscode.ViewColumn.One ? vscode.ViewColumn.Beside : vscode.ViewColumn.One);
      editor = await vscode.window.showTextDocument(uri, { viewColumn, preserveFocus: !focus }).then(
        (shown) => shown,
        () => undefined,
      );
    }
    // Keys repeat faster than editors open: only the last step is marked.
    if (editor === undefined || turn !== this.#turn || line > editor.document.lineCount) return;
    this.clear();
    const range = editor.document.lineAt(line - 1).range;
    editor.setDecorations(this.#marked, [range]);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    if (focus) {
      const at = new vscode.Position(line - 1, Math.max(0, (column ?? 1) - 1));
      editor.selection = new vscode.Selection(at, at);
    }
  }

  clear(): void {
    for (const editor of vscode.window.visibleTextEditors) editor.setDecorations(this.#marked, []);
  }

  async #uriOf(file: string): Promise<vscode.Uri | undefined> {
    if (path.isAbsolute(file)) return vscode.Uri.file(file);
    const name = path.basename(file);
    const open = vscode.window.visibleTextEditors.find(({ document }) => path.basename(document.uri.fsPath) === name);
    if (open !== undefined) return open.document.uri;
    if (!/^[\w.+-]{1,255}$/.test(name)) return undefined;
    if (!this.#found.has(name)) {
      const [only, another] = await vscode.workspace.findFiles(`**/${name}`, '**/node_modules/**', 2);
      this.#found.set(name, another === undefined ? only : undefined);
    }
    return this.#found.get(name);
  }

  dispose(): void {
    this.#marked.dispose();
  }
}
