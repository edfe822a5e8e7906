import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { attachmentOf, placeOf } from '../views/interfaces/nodes.ts';

/** The file that an attachment of this window, or a kept one, was made from. */
export function sourceOf(target: unknown): vscode.Uri | undefined {
  const file = attachmentOf(target)?.object?.file ?? placeOf(target)?.file;
  return file ? vscode.Uri.file(file) : undefined;
}

/** Opens the source at the program's function, as far as the object tells where that is. */
export async function goToSourceCommand(target: unknown): Promise<void> {
  const source = sourceOf(target);
  if (source === undefined) {
    throw new XdpError('usage', vscode.l10n.t('The source of that program is not known.'), {
      fix: vscode.l10n.t('It is known for what this window attached and for what you kept.'),
    });
  }
  const live = attachmentOf(target);
  const place = live?.object?.spec.programs.find(({ name }) => name === live.program)?.source;
  const line = place !== undefined && place.file === source.fsPath ? Math.max(0, place.line - 1) : 0;
  const selection = new vscode.Range(line, 0, line, 0);
  await vscode.window.showTextDocument(source, { selection });
}
