import * as v from 'valibot';
import * as vscode from 'vscode';
import { type FromTestEditor, fromTestEditor, type ToTestEditor } from '../../protocol/packetTestEditor.ts';
import { commands, packetTestEditor } from '../ids.ts';
import type { Services } from '../services.ts';
import { configureWebview } from '../webviewHtml.ts';
import { answerCapture } from './captures.ts';

/**
 * The packet builder as an editor of `*.xdptest.json`. The document is the text: every change is a text edit, so undo, redo,
 * saving, comparing and hot exit are VS Code's own.
 */
export class PacketTestEditor implements vscode.CustomTextEditorProvider {
  readonly #services: Pick<Services, 'log' | 'extensionUri'>;

  constructor(services: Pick<Services, 'log' | 'extensionUri'>) {
    this.#services = services;
  }

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.registerCustomEditorProvider(packetTestEditor, this, {
        webviewOptions: { retainContextWhenHidden: true },
      }),
      vscode.commands.registerCommand(commands.openPacketTests, (target: unknown) => reopen(target, packetTestEditor)),
      vscode.commands.registerCommand(commands.openPacketTestsAsText, (target: unknown) => reopen(target, 'default')),
    );
  }

  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    configureWebview(webview, this.#services.extensionUri, { script: 'packetTests', element: 'xdp-test-editor' });
    const post = (message: ToTestEditor): void => void webview.postMessage(message);
    const name = document.uri.path.slice(document.uri.path.lastIndexOf('/') + 1);
    const send = (): void => post({ kind: 'document', name, text: document.getText(), version: document.version });
    const changes = vscode.workspace.onDidChangeTextDocument((event) => {
      if (event.document === document && event.contentChanges.length > 0) send();
    });
    const messages = webview.onDidReceiveMessage((raw: unknown) => {
      const message = v.safeParse(fromTestEditor, raw);
      if (!message.success) return;
      this.#receive(document, message.output, { post, send }).catch((error: unknown) => {
        this.#services.log.error(String(error));
        post({ kind: 'refused', message: String(error) });
      });
    });
    panel.onDidDispose(() => {
      changes.dispose();
      messages.dispose();
    });
  }

  async #receive(
    document: vscode.TextDocument,
    message: FromTestEditor,
    { post, send }: { post: (message: ToTestEditor) => void; send: () => void },
  ): Promise<void> {
    switch (message.kind) {
      case 'ready':
        send();
        return;
      case 'edit':
        if (await applyEdits(document, message)) return;
        // Somebody else was faster: the editor starts again from what is there now.
        send();
        return;
      case 'showText': {
        const position = document.positionAt(message.offset);
        await vscode.window.showTextDocument(document.uri, { selection: new vscode.Range(position, position) });
        return;
      }
      case 'runTests':
        if (document.isDirty) await document.save();
        // By the file: while a custom editor is shown, there is no current one.
        await vscode.commands.executeCommand('testing.run.uri', document.uri);
        return;
      case 'openCapture':
      case 'saveCapture':
        return await answerCapture(message, post);
    }
  }
}

/** False where the document is another one by now. */
async function applyEdits(
  document: vscode.TextDocument,
  { version, edits }: Extract<FromTestEditor, { kind: 'edit' }>,
): Promise<boolean> {
  if (document.version !== version) return false;
  const edit = new vscode.WorkspaceEdit();
  for (const { offset, length, text } of edits) {
    const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
    edit.replace(document.uri, range, text);
  }
  return await vscode.workspace.applyEdit(edit);
}

/** Of the command's argument, else of what is open: a custom editor's tab has no text editor. */
function targetOf(target: unknown): vscode.Uri | undefined {
  if (target instanceof vscode.Uri) return target;
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText) return input.uri;
  return vscode.window.activeTextEditor?.document.uri;
}

async function reopen(target: unknown, editor: string): Promise<void> {
  const uri = targetOf(target);
  if (uri !== undefined) await vscode.commands.executeCommand('vscode.openWith', uri, editor);
}
