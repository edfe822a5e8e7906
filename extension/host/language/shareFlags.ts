import path from 'node:path';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { pathBelow, type SharedFlags, withClangdFlags, withCppProperties } from '../../session/editorFlags.ts';
import { targetFile } from '../build.ts';
import { compileCommand } from '../commands/compile.ts';
import type { Services } from '../services.ts';

/** Hands the flags of a file to the extension that understands its C, so that it agrees with the compiler. */
export async function shareFlagsCommand(services: Services, target: unknown): Promise<void> {
  const file = await targetFile(target);
  if (!file) return;
  const folder = vscode.workspace.getWorkspaceFolder(file);
  const relative = folder && pathBelow(folder.uri.fsPath, file.fsPath);
  if (folder === undefined || relative === undefined) {
    throw new XdpError('usage', vscode.l10n.t('{0} is in no folder of this workspace.', file.fsPath), {
      fix: vscode.l10n.t('Open its folder first.'),
    });
  }
  const picked = await vscode.window.showQuickPick(
    [
      { label: 'clangd', detail: vscode.l10n.t('A fragment for this file in .clangd'), kindOf: 'clangd' as const },
      {
        label: 'C/C++',
        detail: vscode.l10n.t('A configuration named XDP in .vscode/c_cpp_properties.json'),
        kindOf: 'cpptools' as const,
      },
    ],
    { title: vscode.l10n.t('Give the flags of {0} to', path.basename(file.fsPath)) },
  );
  if (picked === undefined) return;
  const result = await compileCommand(services, file);
  if (result === undefined) return;
  const flags: SharedFlags = { file: relative, command: result.command };
  const name = picked.kindOf === 'clangd' ? '.clangd' : '.vscode/c_cpp_properties.json';
  const uri = vscode.Uri.joinPath(folder.uri, name);
  const before = await readText(uri);
  const text = picked.kindOf === 'clangd' ? withClangdFlags(before ?? '', flags) : withCppProperties(before, flags);
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const open = vscode.l10n.t('Open');
  const said = vscode.l10n.t('The flags of {0} are in {1} now.', relative, name);
  void vscode.window.showInformationMessage(said, open).then((chosen) => {
    if (chosen === open) void vscode.window.showTextDocument(uri);
  });
}

async function readText(uri: vscode.Uri): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    // Not there yet.
    return undefined;
  }
}
