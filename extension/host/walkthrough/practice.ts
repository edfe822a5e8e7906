import * as vscode from 'vscode';
import { createProject } from '../../session/project/newProject.ts';
import { walkthroughId } from '../ids.ts';
import type { Services } from '../services.ts';

/** The program that the kernel refuses, for the step about the verifier. */
const broken = 'xdp_missing_check.bpf.c';

/** What the walkthrough's buttons ask for; anything else is the firewall. */
const practiceFiles = new Map<unknown, string>([
  ['broken', broken],
  ['tests', 'xdp_firewall.xdptest.json'],
]);

/** Opens a file of the practice project, which is made on first use: a firewall, in a folder of the extension's own. */
export async function openPracticeCommand(services: Services, asked: unknown): Promise<void> {
  const folder = vscode.Uri.joinPath(services.storageUri, 'first-steps');
  const bpfFolder = vscode.Uri.joinPath(services.extensionUri, 'bpf');
  if (!(await exists(folder))) {
    await vscode.workspace.fs.createDirectory(services.storageUri);
    await createProject({ template: 'firewall', folder: folder.fsPath, bpfFolder: bpfFolder.fsPath });
  }
  const name = practiceFiles.get(asked) ?? 'xdp_firewall.bpf.c';
  const file = vscode.Uri.joinPath(folder, name);
  if (!(await exists(file))) {
    const original = name === broken ? 'templates/walkthrough' : 'examples/firewall';
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(bpfFolder, original, name), file);
  }
  // Beside the walkthrough, so that its next step stays in sight.
  await vscode.window.showTextDocument(file, { viewColumn: vscode.ViewColumn.Beside, preview: false });
  services.milestones.reach('practice');
}

/** XDP: Get Started. */
export async function openWalkthroughCommand(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openWalkthrough', walkthroughId, false);
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return await vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
