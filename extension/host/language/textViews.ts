import * as vscode from 'vscode';

export const textViewScheme = 'xdp-text';

/** Texts that are shown in an editor beside the source, to be read and not to be saved. */
export class TextViews implements vscode.TextDocumentContentProvider {
  readonly #texts = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;

  /** Shows a text under a name; one that is shown already is replaced. */
  async show(name: string, text: string): Promise<void> {
    const uri = uriOf(name);
    this.#texts.set(uri.toString(), text);
    this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    // Where one is shown already the next one comes, too.
    const shown = vscode.window.visibleTextEditors.find((each) => each.document.uri.scheme === textViewScheme);
    const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.Beside;
    await vscode.window.showTextDocument(document, { viewColumn, preview: true });
  }

  /** Replaces the text where it is shown. */
  update(name: string, text: string): void {
    const key = uriOf(name).toString();
    if (!this.#texts.has(key)) return;
    this.#texts.set(key, text);
    this.#changed.fire(uriOf(name));
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? '';
  }
}

function uriOf(name: string): vscode.Uri {
  return vscode.Uri.from({ scheme: textViewScheme, path: `/${name}` });
}
