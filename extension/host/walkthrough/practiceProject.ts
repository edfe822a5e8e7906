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

/** Beside the walkthrough, so that its next step stays in sight. `reading`: the user goes on there, not in the walkthrough. */
export async function openPractice(
  services: Services,
  which: PracticeFile,
  { reading = false }: { reading?: boolean } = {},
): Promise<vscode.Uri> {
  const file = await practiceFile(services, which);
  await vscode.window.showTextDocument(file, {
    viewColumn: besideWalkthrough(),
    preview: false,
    preserveFocus: !reading,
  });
  return file;
}

/**
 * The column that is there beside the walkthrough, else a new one. Which group is the active one is no help: a link of the
 * walkthrough runs before its group has become that. VS Code says nothing of what the walkthrough's own tab holds.
 */
export function besideWalkthrough(): vscode.ViewColumn {
  const others = vscode.window.tabGroups.all.filter(
    ({ activeTab }) => activeTab !== undefined && activeTab.input !== undefined,
  );
  return others.at(-1)?.viewColumn ?? vscode.ViewColumn.Beside;
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return await vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
