import path from 'node:path';
import * as vscode from 'vscode';
import { XdpError } from '../core/errors.ts';
import { type BpfObject, CompileFailed, type CompileResult, openObject } from '../session/bpfObject.ts';
import { showDiagnostics } from './diagnostics.ts';
import { withCancel } from './progress.ts';
import type { Services } from './services.ts';
import { requireTrust } from './trust.ts';

/**
 * The object behind a file: saved, compiled when it is a source, with clang's words as Problems either way. The one
 * place where the host turns files into programs, so also the one that asks for trust.
 */
export async function buildFile(services: Services, file: vscode.Uri, signal?: AbortSignal): Promise<BpfObject> {
  requireTrust();
  await saveIfDirty(file);
  try {
    services.verdicts.clear();
    const object = await openObject(file.fsPath, { ...services.buildOptions(file), ...(signal && { signal }) });
    if (object.compiled) showCompiled(services, file, object.compiled);
    void services.disassembly.built(file, object);
    return object;
  } catch (error) {
    if (error instanceof CompileFailed) showCompiled(services, file, error.result);
    throw error;
  }
}

/** The same, telling of it when it takes a while; stopping it stops clang and leaves nothing. */
export async function buildWithProgress(services: Services, file: vscode.Uri): Promise<BpfObject> {
  const title = vscode.l10n.t('Compiling {0}', path.basename(file.fsPath));
  return await withCancel(title, (_, signal) => buildFile(services, file, signal));
}

function showCompiled(services: Services, file: vscode.Uri, result: CompileResult): void {
  showDiagnostics(services.diagnostics, file, result.diagnostics);
  services.compileView.remember(file, result);
}

/** What is compiled is what is on the screen. */
export async function saveIfDirty(file: vscode.Uri): Promise<void> {
  const document = vscode.workspace.textDocuments.find((each) => each.uri.toString() === file.toString());
  if (document?.isDirty && !(await document.save())) {
    throw new XdpError('file-not-found', vscode.l10n.t('{0} has changes that could not be saved.', file.fsPath), {
      fix: vscode.l10n.t('Save the file first.'),
    });
  }
}

/** An object is no text, so its tab has no text editor. */
function activeFile(): vscode.Uri | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined) return editor.document.uri;
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom ? input.uri : undefined;
}

/** A new tab that holds C is what the command is about, although it has no name yet. */
function isUnsavedSource(): boolean {
  const document = vscode.window.activeTextEditor?.document;
  return document?.isUntitled === true && document.languageId === 'c';
}

/** clang and the kernel read files: neither a tab that was never saved nor what is on another system is one. */
function requireOnDisk(file: vscode.Uri): vscode.Uri {
  if (file.scheme === 'file') return file;
  if (file.scheme === 'untitled') {
    throw new XdpError('usage', vscode.l10n.t('This tab has not been saved yet: it is no file.'), {
      fix: vscode.l10n.t('Save it first, as NAME.bpf.c for example.'),
    });
  }
  throw new XdpError('not-available', vscode.l10n.t('{0} is not on a disk of this machine.', file.toString(true)), {
    fix: vscode.l10n.t('Open the file itself, from a folder on disk.'),
  });
}

/** The file a command is about: its argument, else the active tab, else the only source in sight, else one the user picks. */
export async function targetFile(argument: unknown): Promise<vscode.Uri | undefined> {
  requireTrust();
  if (argument instanceof vscode.Uri) return requireOnDisk(argument);
  const active = activeFile();
  if (active !== undefined && (/\.(c|o)$/.test(active.path) || isUnsavedSource())) return requireOnDisk(active);
  // A view or the walkthrough is active, and the program stands beside it.
  const inSight = vscode.window.visibleTextEditors.filter(({ document }) => document.uri.path.endsWith('.c'));
  const [only] = inSight;
  if (only !== undefined && inSight.length === 1) return only.document.uri;
  const found = await vscode.workspace.findFiles('**/*.{bpf.c,kern.c,_kern.c,bpf.o}', '**/node_modules/**', 200);
  const sources = found.sort((left, right) => left.path.localeCompare(right.path));
  if (sources.length === 0) {
    throw new XdpError(
      'file-not-found',
      vscode.l10n.t('No XDP program is open, and this workspace has no .bpf.c file.'),
      {
        fix: vscode.l10n.t('Open the C file of an XDP program first.'),
      },
    );
  }
  const picked = await vscode.window.showQuickPick(
    sources.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri })),
    { title: vscode.l10n.t('XDP program'), placeHolder: vscode.l10n.t('Choose a source or object file') },
  );
  return picked?.uri;
}
