import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';

const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp')?.extensionPath ?? '';
const folder = path.join(workspace, 'assisted');
const file = vscode.Uri.file(path.join(folder, 'xdp_firewall.xdptest.json'));

/** What VS Code shows in a test file for what its source has: completion and hovers together with those of the JSON schema. */
describe('packet test files know their source', function () {
  this.timeout(60_000);

  before(() => cpSync(path.join(extension, 'bpf/examples/firewall'), folder, { recursive: true }));
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function labelsAt(text: string): Promise<string[]> {
    const offset = text.indexOf('|');
    const document = await vscode.workspace.openTextDocument(file);
    const edit = new vscode.WorkspaceEdit();
    const whole = new vscode.Range(document.positionAt(0), document.positionAt(document.getText().length));
    edit.replace(file, whole, text.replace('|', ''));
    await vscode.workspace.applyEdit(edit);
    const list = await vscode.commands.executeCommand<vscode.CompletionList>(
      'vscode.executeCompletionItemProvider',
      file,
      document.positionAt(offset),
    );
    return list.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
  }

  // What was typed is not kept.
  afterEach(async () => {
    await vscode.window.showTextDocument(file);
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  const inTest = (body: string): string => `{ "source": "xdp_firewall.bpf.c", "tests": [{ "name": "t", ${body} }] }`;

  it('offers programs, maps, and the fields of keys', async () => {
    assert.ok((await labelsAt('{ "source": "xdp_firewall.bpf.c", "program": "|" }')).includes('xdp_firewall'));
    const maps = await labelsAt(inTest('"maps": { "|" }'));
    assert.deepEqual(
      ['blocklist', 'dropped'].filter((name) => !maps.includes(name)),
      [],
    );
    const fields = await labelsAt(inTest('"maps": { "blocklist": [{ "key": { "|" } }] }'));
    assert.deepEqual(
      ['prefixlen', 'addr'].filter((name) => !fields.includes(name)),
      [],
    );
  });

  it('says what a map is', async () => {
    const document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    const offset = document.getText().indexOf('"blocklist"') + 3;
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      file,
      document.positionAt(offset),
    );
    const words = hovers.flatMap(({ contents }) =>
      contents.map((each) => (typeof each === 'string' ? each : each.value)),
    );
    assert.match(words.join('\n'), /lpm.{1,2}trie/);
  });
});
