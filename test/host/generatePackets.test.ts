import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Generated } from '../../extension/session/generate/generate.ts';
import type { MutationReport } from '../../extension/session/mutation/mutationCheck.ts';

const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp')?.extensionPath ?? '';
const folder = path.join(workspace, 'generated');
const source = vscode.Uri.file(path.join(folder, 'xdp_firewall.bpf.c'));
const tests = vscode.Uri.file(path.join(folder, 'xdp_firewall.xdptest.json'));

/** Both commands work without a kernel: nothing is attached, and nobody is asked for a password. */
describe('generated packets and changed programs', function () {
  this.timeout(120_000);

  before(() => cpSync(path.join(extension, 'bpf/examples/firewall'), folder, { recursive: true }));
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(folder, { recursive: true, force: true });
  });

  it('Generate Packets opens a new test file that is not saved, and a report', async () => {
    const generated = await vscode.commands.executeCommand<Generated>('xdp.generatePackets', source);
    assert.deepEqual(generated.verdicts, ['XDP_DROP', 'XDP_PASS']);
    const document = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'untitled');
    assert.equal(document?.uri.path, path.join(folder, 'xdp_firewall.generated.xdptest.json'));
    assert.equal(document?.getText(), generated.text);
    const report = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'xdp-text');
    assert.match(report?.getText() ?? '', /xdp_firewall: \d+ of \d+ branches/);
    assert.match(report?.getText() ?? '', /every lookup in dropped succeeds/);
    const { input } = vscode.window.tabGroups.activeTabGroup.activeTab ?? {};
    assert.ok(input instanceof vscode.TabInputCustom, 'it is in the packet builder');
    // The next one gets a name of its own.
    await vscode.commands.executeCommand('xdp.generatePackets', source);
    const names = vscode.workspace.textDocuments.map(({ uri }) => path.basename(uri.path));
    assert.ok(names.includes('xdp_firewall.generated2.xdptest.json'), names.join());
    await closeUnsaved();
  });

  it('what the machine stops is a Problem at its line, until the file is edited', async () => {
    const file = vscode.Uri.file(path.join(folder, 'broken.bpf.c'));
    const text = readFileSync(source.fsPath, 'utf8').replace('if (!ip)', 'if (0)');
    writeFileSync(file.fsPath, text);
    await vscode.commands.executeCommand('xdp.generatePackets', file);
    const [found] = problems(file);
    assert.match(found?.message ?? '', /^xdp_firewall: read of 4 bytes through a null pointer.*\npacket: Ether\(/);
    const line = text.slice(0, text.indexOf('ip->saddr')).split('\n').length - 1;
    assert.equal(found?.range.start.line, line);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(file, new vscode.Position(0, 0), '\n');
    await vscode.workspace.applyEdit(edit);
    assert.deepEqual(problems(file), []);
    await vscode.workspace.openTextDocument(file).then((document) => document.save());
    await closeUnsaved();
  });

  it('Check Tests by Mutation shows what no test would notice', async () => {
    const whole = await vscode.commands.executeCommand<MutationReport>('xdp.checkTests', tests);
    assert.ok(whole.mutants.length > 5);
    assert.deepEqual(problems(source), []);
    const few = JSON.parse(readFileSync(tests.fsPath, 'utf8')) as { tests: unknown[] };
    writeFileSync(tests.fsPath, JSON.stringify({ ...few, tests: few.tests.slice(0, 1) }));
    await vscode.commands.executeCommand('xdp.checkTests', tests);
    const found = problems(source);
    assert.ok(found.length > 0);
    assert.ok(found.every(({ severity }) => severity === vscode.DiagnosticSeverity.Information));
    assert.ok(found.some(({ message }) => message.startsWith('No test comes here')));
  });
});

function problems(file: vscode.Uri): vscode.Diagnostic[] {
  return vscode.languages.getDiagnostics(file).filter((each) => each.source === 'xdp');
}

/** Without being asked. */
async function closeUnsaved(): Promise<void> {
  for (const { uri } of vscode.workspace.textDocuments.filter((each) => each.isUntitled)) {
    await vscode.commands.executeCommand('vscode.open', uri);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  }
}
