import * as vscode from 'vscode';
import { translated } from '../core/text/language.ts';
import type { CompileDiagnostic } from '../session/bpfObject.ts';
import type { VerdictStore } from './language/verdictStore.ts';

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  note: vscode.DiagnosticSeverity.Information,
} as const;

/** The files that the last compilation of a source put Problems on: they are cleared together. */
const touched = new Map<string, vscode.Uri[]>();

/** Shows what clang said. Notes explain the diagnostic before them, so they become its related information. */
export function showDiagnostics(
  collection: vscode.DiagnosticCollection,
  source: vscode.Uri,
  diagnostics: readonly CompileDiagnostic[],
): void {
  for (const uri of touched.get(source.toString()) ?? []) collection.delete(uri);
  const byFile = new Map<string, vscode.Diagnostic[]>();
  let last: vscode.Diagnostic | undefined;
  for (const each of diagnostics) {
    const place = new vscode.Location(vscode.Uri.file(each.file), rangeOf(each));
    if (each.severity === 'note' && last) {
      const note = new vscode.DiagnosticRelatedInformation(place, translated(each.message));
      last.relatedInformation = [...(last.relatedInformation ?? []), note];
      continue;
    }
    last = new vscode.Diagnostic(place.range, translated(each.message), severities[each.severity]);
    last.source = 'clang';
    const list = byFile.get(each.file) ?? [];
    list.push(last);
    byFile.set(each.file, list);
  }
  const uris: vscode.Uri[] = [];
  for (const [file, list] of byFile) {
    const uri = vscode.Uri.file(file);
    collection.set(uri, list);
    uris.push(uri);
  }
  touched.set(source.toString(), uris);
}

/** A file or folder that is deleted or renamed in VS Code takes its Problems with it, and its programs' verdicts. */
export function forgetGoneFiles(collection: vscode.DiagnosticCollection, verdicts: VerdictStore): vscode.Disposable {
  const forget = (gone: readonly vscode.Uri[]): void => {
    const isGone = (uri: vscode.Uri): boolean =>
      gone.some(({ scheme, path }) => uri.scheme === scheme && (uri.path === path || uri.path.startsWith(`${path}/`)));
    forgetGone(collection, isGone);
    verdicts.forget(isGone);
  };
  return vscode.Disposable.from(
    vscode.workspace.onDidDeleteFiles(({ files }) => forget(files)),
    vscode.workspace.onDidRenameFiles(({ files }) => forget(files.map(({ oldUri }) => oldUri))),
  );
}

/** Neither has Problems what only the compilation of a file that is gone found fault with. */
function forgetGone(collection: vscode.DiagnosticCollection, isGone: (uri: vscode.Uri) => boolean): void {
  for (const [source, uris] of touched) {
    if (!isGone(vscode.Uri.parse(source))) continue;
    for (const uri of uris) collection.delete(uri);
    touched.delete(source);
  }
  collection.forEach((uri) => {
    if (isGone(uri)) collection.delete(uri);
  });
}

/** To the end of the word that the message points at. */
function rangeOf(diagnostic: CompileDiagnostic): vscode.Range {
  const line = Math.max(0, diagnostic.line - 1);
  const column = Math.max(0, diagnostic.column - 1);
  const document = vscode.workspace.textDocuments.find((each) => each.uri.fsPath === diagnostic.file);
  const start = new vscode.Position(line, column);
  if (!document || line >= document.lineCount) return new vscode.Range(start, start);
  return document.getWordRangeAtPosition(start) ?? new vscode.Range(start, start.translate(0, 1));
}
