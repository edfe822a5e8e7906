import * as vscode from 'vscode';
import type { Row } from '../../core/disassembly/rows.ts';
import type { BpfObject } from '../../session/bpfObject.ts';

export const disassemblyScheme = 'xdp-disassembly';

/** A listing that is open, with what it was made of. */
export interface OpenListing {
  /** The source or object; undefined for a program that somebody else loaded. */
  file: vscode.Uri | undefined;
  program: string;
  kind: 'bytecode' | 'machine';
  rows: readonly Row[];
  /** Makes the rows again after a build; absent where that would take privilege. */
  remake?: (object: BpfObject) => Promise<readonly Row[]>;
}

/** Listings beside their source: documents to be read. Those of bytecode follow each build of the file. */
export class DisassemblyViews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #open = new Map<string, OpenListing>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #closed = vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#open.delete(uri.toString()));

  async show(listing: OpenListing): Promise<void> {
    const uri = uriOf(listing);
    this.#open.set(uri.toString(), listing);
    this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    // A second listing stands where the first one is.
    const shown = vscode.window.visibleTextEditors.find((editor) => this.listingOf(editor.document) !== undefined);
    const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.Beside;
    await vscode.window.showTextDocument(document, { viewColumn, preview: false, preserveFocus: true });
  }

  /** The file was built again. A program that is gone, or that cannot be linked any more, keeps its last listing. */
  async built(file: vscode.Uri, object: BpfObject): Promise<void> {
    for (const [key, listing] of this.#open) {
      if (listing.file?.toString() !== file.toString() || listing.remake === undefined) continue;
      if (!object.spec.programs.some(({ name }) => name === listing.program)) continue;
      const rows = await listing.remake(object).catch(() => undefined);
      if (rows === undefined || !this.#open.has(key)) continue;
      this.#open.set(key, { ...listing, rows });
      this.#changed.fire(vscode.Uri.parse(key));
    }
  }

  /** Is a listing open that a build of this file makes anew? */
  follows(file: vscode.Uri): boolean {
    return [...this.#open.values()].some((each) => each.file?.toString() === file.toString() && each.remake);
  }

  listingOf(document: vscode.TextDocument): OpenListing | undefined {
    return this.#open.get(document.uri.toString());
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const rows = this.#open.get(uri.toString())?.rows;
    // After a restart VS Code opens the tab again, and nothing is known of what it showed.
    if (rows === undefined) return `; ${vscode.l10n.t('Run “XDP: Show Disassembly” again to fill this.')}\n`;
    return `${rows.map(({ text }) => text).join('\n')}\n`;
  }

  dispose(): void {
    this.#closed.dispose();
    this.#changed.dispose();
  }
}

function uriOf({ file, program, kind }: OpenListing): vscode.Uri {
  const name = kind === 'bytecode' ? `${program}.bpfasm` : `${program}.${process.arch}.bpfasm`;
  return vscode.Uri.from({ scheme: disassemblyScheme, path: `/${name}`, query: file?.toString() ?? '' });
}
