import { inWords } from '../errors.ts';
import * as vscode from 'vscode';
import { toErrorData } from '../../core/errors.ts';
import type { FromPacketPanel, ToPacketPanel } from '../../protocol/webview.ts';

type Request = Extract<FromPacketPanel, { kind: 'openCapture' | 'saveCapture' }>;
type Capture = Extract<ToPacketPanel, { kind: 'capture' }>;

/** What a webview is given at once. Larger captures are cut by a tool that is made for it. */
const maxBytes = 64 << 20;

/** Opens or writes a capture for the packet builder, with VS Code's own dialogs: on the machine where the workspace is. */
export async function answerCapture(request: Request, post: (answer: Capture) => void): Promise<void> {
  try {
    if (request.kind === 'openCapture') await open(post);
    else await save(request.bytes);
  } catch (error) {
    void vscode.window.showErrorMessage(inWords(toErrorData(error)));
  }
}

async function open(post: (answer: Capture) => void): Promise<void> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Open Capture'),
      filters: { [vscode.l10n.t('Captures')]: ['pcap', 'pcapng', 'cap'], [vscode.l10n.t('All files')]: ['*'] },
    })) ?? [];
  if (uri === undefined) return;
  const { size } = await vscode.workspace.fs.stat(uri);
  const name = uri.path.slice(uri.path.lastIndexOf('/') + 1);
  if (size > maxBytes) {
    const limit = maxBytes >> 20;
    void vscode.window.showErrorMessage(
      vscode.l10n.t('{0} is larger than {1} MiB. Cut it first: editcap -c 100000 {0} part.pcapng', name, limit),
    );
    return;
  }
  post({ kind: 'capture', name, bytes: await vscode.workspace.fs.readFile(uri) });
}

async function save(bytes: Uint8Array): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const uri = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save as Capture'),
    filters: { [vscode.l10n.t('Captures')]: ['pcapng'] },
    ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, 'packets.pcapng') }),
  });
  if (uri !== undefined) await vscode.workspace.fs.writeFile(uri, bytes);
}
