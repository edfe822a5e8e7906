import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { commands } from '../../extension/host/ids.ts';

const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp')?.extensionPath ?? '';
const folder = path.join(workspace, 'disassembled');
const file = vscode.Uri.file(path.join(folder, 'xdp_firewall.bpf.c'));

/** Resolves when `found` finds something, which an event of the document's text brings about. */
async function listing(found: (document: vscode.TextDocument) => boolean): Promise<vscode.TextDocument> {
  for (let left = 200; left > 0; left--) {
    const document = vscode.workspace.textDocuments.find(
      (each) => each.uri.scheme === 'xdp-disassembly' && each.uri.query.endsWith('/xdp_firewall.bpf.c') && found(each),
    );
    if (document !== undefined) return document;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no such listing is open');
}

describe('the disassembly beside a source', function () {
  this.timeout(60_000);

  before(() => cpSync(path.join(extension, 'bpf/examples/firewall'), folder, { recursive: true }));
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(folder, { recursive: true, force: true });
  });

  it('opens beside it, leads back to the C line, and follows what is saved', async () => {
    const source = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(source, vscode.ViewColumn.One);
    await vscode.commands.executeCommand(commands.showDisassembly, file);
    const document = await listing((each) => each.languageId === 'bpf-asm');
    assert.equal(
      vscode.window.activeTextEditor?.document.uri.toString(),
      file.toString(),
      'the source keeps the focus',
    );

    const rows = document.getText().split('\n');
    const lookup = rows.findIndex((row) => row.includes('bpf_map_lookup_elem(&dropped'));
    const call = rows.findIndex((row) => row.includes('call bpf_map_lookup_elem'));
    assert.ok(lookup >= 0 && call > lookup, document.getText());
    const places = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeDefinitionProvider',
      document.uri,
      new vscode.Position(lookup, 0),
    );
    assert.equal(places[0]?.uri.toString(), file.toString());
    const line = source.lineAt(places[0]?.range.start.line ?? 0).text;
    assert.match(line, /bpf_map_lookup_elem\(&dropped/);

    const jump = rows.findIndex((row) => / goto L\d+$/.test(row));
    const targets = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeDefinitionProvider',
      document.uri,
      new vscode.Position(jump, (rows[jump]?.length ?? 0) - 1),
    );
    assert.equal(rows[targets[0]?.range.start.line ?? 0]?.trim(), `${/L\d+$/.exec(rows[jump] ?? '')?.[0]}:`);

    // The suite runs as root, so that nobody is asked for a password.
    await vscode.commands.executeCommand(commands.showMachineCode, file);
    const machine = await listing(
      (each) => each.uri.path.includes(`.${process.arch}.`) && each.languageId === 'bpf-asm',
    );
    assert.match(machine.getText(), /\n {6}\+0x0 +\w/);

    const edit = new vscode.WorkspaceEdit();
    const at = source.getText().indexOf('(*packets)++');
    edit.insert(file, source.positionAt(at), '(*packets) += 4242; ');
    await vscode.workspace.applyEdit(edit);
    await source.save();
    await listing((each) => each.getText().includes('+= 4243'));
  });
});
