import * as vscode from 'vscode';
import type { Row } from '../../core/disassembly/rows.ts';
import type { BpfObject } from '../../session/bpfObject.ts';

export const disassemblyScheme = 'xdp-disassembly';

/** A listing that is open, with what it was made of. */
export interface OpenListing {
  /** The source or object it was asked for. */
  file: vscode.Uri;
  program: string;
  rows: readonly Row[];
}

export type MakeRows = (object: BpfObject) => Promise<readonly Row[]>;

/** Listings beside their source: documents to be read, which follow each build of the file. */
export class DisassemblyViews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #open = new Map<string, OpenListing & { make: MakeRows }>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #closed = vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#open.delete(uri.toString()));

  /** `make`: the rows, now and after each build. */
  async show(object: BpfObject, listing: { file: vscode.Uri; program: string; make: MakeRows }): Promise<void> {
    const uri = uriOf(listing);
    const rows = await listing.make(object);
    this.#open.set(uri.toString(), { ...listing, rows });
    this.#changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.languages.setTextDocumentLanguage(document, 'bpf-asm');
    await vscode.window.showTextDocument(document, {
      viewColumn: vscode.ViewColumn.Beside,
      preview: true,
      preserveFocus: true,
    });
  }

  /** The file was built again. A program that is gone, or that cannot be linked any more, keeps its last listing. */
  async built(file: vscode.Uri, object: BpfObject): Promise<void> {
    for (const [key, listing] of this.#open) {
      if (listing.file.toString() !== file.toString()) continue;
      if (!object.spec.programs.some(({ name }) => name === listing.program)) continue;
      const rows = await listing.make(object).catch(() => undefined);
      if (rows === undefined || !this.#open.has(key)) continue;
      this.#open.set(key, { ...listing, rows });
      this.#changed.fire(vscode.Uri.parse(key));
    }
  }

  /** Is a listing of this file open? */
  follows(file: vscode.Uri): boolean {
    return [...this.#open.values()].some((each) => each.file.toString() === file.toString());
  }

  listingOf(document: vscode.TextDocument): OpenListing | undefined {
    return this.#open.get(document.uri.toString());
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const rows = this.#open.get(uri.toString())?.rows;
    return rows === undefined ? '' : `${rows.map(({ text }) => text).join('\n')}\n`;
  }

  dispose(): void {
    this.#closed.dispose();
    this.#changed.dispose();
  }
}

function uriOf({ file, program }: { file: vscode.Uri; program: string }): vscode.Uri {
  return vscode.Uri.from({ scheme: disassemblyScheme, path: `/${program}.bpfasm`, query: file.toString() });
}
