import path from 'node:path';
import * as vscode from 'vscode';
import { translated } from '../../core/text/language.ts';
import { createProject } from '../../session/project/newProject.ts';
import { listTemplates } from '../../session/project/templates.ts';
import type { Services } from '../services.ts';

/**
 * XDP: New Project. Asks for a template, a name and where, makes the folder and offers to open it. `asked` answers the
 * questions beforehand: `{ template, folder }`.
 */
export async function newProjectCommand(services: Services, asked: unknown): Promise<unknown> {
  const bpfFolder = vscode.Uri.joinPath(services.extensionUri, 'bpf').fsPath;
  const choice = isChoice(asked) ? asked : await choose(bpfFolder);
  if (choice === undefined) return undefined;
  const created = await createProject({ ...choice, bpfFolder });
  if (!isChoice(asked)) await offerToOpen(created.folder, created.main);
  return created;
}

interface Choice {
  template: string;
  folder: string;
}

function isChoice(value: unknown): value is Choice {
  return typeof value === 'object' && value !== null && 'template' in value && 'folder' in value;
}

async function choose(bpfFolder: string): Promise<Choice | undefined> {
  const templates = await listTemplates(bpfFolder);
  const picked = await vscode.window.showQuickPick(
    templates.map(({ name, description }) => ({ label: name, detail: translated(description) })),
    {
      title: vscode.l10n.t('New XDP project (1/3): template'),
      placeHolder: vscode.l10n.t('Program, packet tests, Makefile and CI workflow'),
      matchOnDetail: true,
      // Asked from the walkthrough, which takes the focus back when its step slides open.
      ignoreFocusOut: true,
    },
  );
  if (picked === undefined) return undefined;
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t('New XDP project (2/3): name'),
    ignoreFocusOut: true,
    value: `xdp-${picked.label.replaceAll('_', '-')}`,
    validateInput: (text) =>
      /^[\w][\w.-]*$/.test(text)
        ? undefined
        : vscode.l10n.t('A folder name of letters, digits, dots, dashes and underscores.'),
  });
  if (name === undefined) return undefined;
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const parents = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('New XDP project (3/3): the folder in which {0} is made', name),
    openLabel: vscode.l10n.t('Make It Here'),
    canSelectFiles: false,
    canSelectFolders: true,
    ...(workspace === undefined ? {} : { defaultUri: workspace }),
  });
  const parent = parents?.[0];
  return parent === undefined ? undefined : { template: picked.label, folder: path.join(parent.fsPath, name) };
}

async function offerToOpen(folder: string, main: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  const inside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  if (inside) {
    await vscode.window.showTextDocument(vscode.Uri.joinPath(uri, main));
    return;
  }
  const open = vscode.l10n.t('Open');
  const newWindow = vscode.l10n.t('Open in New Window');
  const made = vscode.l10n.t('{0} was made.', folder);
  const answer = await vscode.window.showInformationMessage(made, open, newWindow);
  if (answer === undefined) return;
  await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: answer === newWindow });
}
