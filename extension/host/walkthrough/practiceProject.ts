import * as vscode from 'vscode';
import { createProject } from '../../session/project/newProject.ts';
import type { Services } from '../services.ts';

/** The program that the kernel refuses, for the step about the verifier. */
const broken = 'xdp_missing_check.bpf.c';

const names = { firewall: 'xdp_firewall.bpf.c', broken, tests: 'xdp_firewall.xdptest.json' } as const;

export type PracticeFile = keyof typeof names;

/** A file of the practice project, which is made on first use: a firewall, in a folder of the extension's own. */
export async function practiceFile(services: Services, which: PracticeFile): Promise<vscode.Uri> {
  const folder = vscode.Uri.joinPath(services.storageUri, 'first-steps');
  const bpfFolder = vscode.Uri.joinPath(services.extensionUri, 'bpf');
  if (!(await exists(folder))) {
    await vscode.workspace.fs.createDirectory(services.storageUri);
    await createProject({ template: 'firewall', folder: folder.fsPath, bpfFolder: bpfFolder.fsPath });
  }
  const name = names[which];
  const file = vscode.Uri.joinPath(folder, name);
  if (!(await exists(file))) {
    const original = name === broken ? 'templates/walkthrough' : 'examples/firewall';
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(bpfFolder, original, name), file);
  }
  return file;
}

/** Beside the walkthrough, so that its next step stays in sight. */
export async function openPractice(services: Services, which: PracticeFile): Promise<vscode.Uri> {
  const file = await practiceFile(services, which);
  const shown = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === file.toString());
  const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.Beside;
  await vscode.window.showTextDocument(file, { viewColumn, preview: false });
  return file;
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return await vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
