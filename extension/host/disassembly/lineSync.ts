import * as vscode from 'vscode';
import { isSameLine } from '../../core/disassembly/places.ts';
import type { Row } from '../../core/disassembly/rows.ts';
import type { SourcePlace } from '../../core/object/spec.ts';
import type { DisassemblyViews, OpenListing } from './disassemblyViews.ts';

/** The cursor's C line and its instructions are marked in both editors, and the other one scrolls to them. */
export class LineSync implements vscode.Disposable, vscode.DefinitionProvider {
  readonly #views: DisassemblyViews;
  readonly #marked = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.wordHighlightStrongBackground'),
    overviewRulerColor: new vscode.ThemeColor('editorOverviewRuler.wordHighlightStrongForeground'),
    overviewRulerLane: vscode.OverviewRulerLane.Center,
  });
  readonly #subscriptions: vscode.Disposable;

  constructor(views: DisassemblyViews) {
    this.#views = views;
    this.#subscriptions = vscode.Disposable.from(
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.#moved(textEditor)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (views.listingOf(document) !== undefined) this.#again();
      }),
      vscode.window.onDidChangeVisibleTextEditors((editors) => {
        if (editors.some(({ document }) => views.listingOf(document) !== undefined)) this.#again();
        // The last listing was closed, or is behind another tab: what was marked for it says nothing any more.
        else for (const editor of editors) this.#mark(editor, []);
      }),
      this.#marked,
    );
  }

  /** From an instruction to its C line; from a jump to where it leads; from a call to the function. */
  provideDefinition(document: vscode.TextDocument, position: vscode.Position): vscode.Location | undefined {
    const listing = this.#views.listingOf(document);
    if (listing === undefined) return undefined;
    const range = document.getWordRangeAtPosition(position);
    const word = range === undefined ? '' : document.getText(range);
    const labelled = word === '' ? -1 : listing.rows.findIndex(({ text }) => text.trim() === `${word}:`);
    if (labelled >= 0 && labelled !== position.line) {
      return new vscode.Location(document.uri, new vscode.Position(labelled, 0));
    }
    const place = listing.rows[position.line]?.place;
    const file = place === undefined ? undefined : fileOf(place, listing);
    if (place === undefined || file === undefined) return undefined;
    return new vscode.Location(file, new vscode.Position(place.line - 1, Math.max(0, place.column - 1)));
  }

  #moved(editor: vscode.TextEditor): void {
    const line = editor.selection.active.line;
    const listing = this.#views.listingOf(editor.document);
    if (listing !== undefined) {
      const place = listing.rows[line]?.place;
      this.#mark(editor, rowsOfPlace(listing.rows, place));
      for (const other of vscode.window.visibleTextEditors) {
        if (this.#views.listingOf(other.document) !== undefined) continue;
        const file = place === undefined ? undefined : fileOf(place, listing);
        const isHere = place !== undefined && file?.toString() === other.document.uri.toString();
        this.#markAndReveal(other, isHere ? [place.line - 1] : []);
      }
      return;
    }
    for (const other of vscode.window.visibleTextEditors) {
      const shown = this.#views.listingOf(other.document);
      if (shown === undefined) continue;
      const lines = rowsInFile(shown, editor.document.uri, line + 1);
      this.#mark(editor, lines.length === 0 ? [] : [line]);
      this.#markAndReveal(other, lines);
    }
  }

  /** A listing came to sight, or was made anew: its marks belong to the old one. */
  #again(): void {
    const active = vscode.window.activeTextEditor;
    if (active !== undefined) this.#moved(active);
  }

  #mark(editor: vscode.TextEditor, lines: readonly number[]): void {
    editor.setDecorations(
      this.#marked,
      lines.map((line) => new vscode.Range(line, 0, line, 0)),
    );
  }

  #markAndReveal(editor: vscode.TextEditor, lines: readonly number[]): void {
    this.#mark(editor, lines);
    const [first] = lines;
    if (first === undefined || lines.some((line) => isInSight(editor, line))) return;
    editor.revealRange(new vscode.Range(first, 0, first, 0), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }
}

function isInSight(editor: vscode.TextEditor, line: number): boolean {
  return editor.visibleRanges.some((range) => line >= range.start.line && line <= range.end.line);
}

function rowsOfPlace(rows: readonly Row[], place: SourcePlace | undefined): number[] {
  if (place === undefined) return [];
  return rows.flatMap((row, index) => (isSameLine(row.place, place) ? [index] : []));
}

function rowsInFile(listing: OpenListing, file: vscode.Uri, line: number): number[] {
  return listing.rows.flatMap(({ place }, index) =>
    place?.line === line && fileOf(place, listing)?.toString() === file.toString() ? [index] : [],
  );
}

/** Debug information may name files as they were given to the compiler: then from the folder of the source. */
function fileOf({ file }: SourcePlace, listing: OpenListing): vscode.Uri | undefined {
  if (file === '') return undefined;
  if (file.startsWith('/')) return vscode.Uri.file(file);
  return listing.file === undefined ? undefined : vscode.Uri.joinPath(listing.file, '..', file);
}
