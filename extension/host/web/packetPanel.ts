import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { openObject } from '../../session/bpfObject.ts';
import type { PanelSurroundings } from '../panels/packetPanel.ts';
import { machineRunner } from '../panels/packetRunner.ts';

/** The packet panel in a page: objects that were built before, in the built-in machine. */
export function panelInPage(around: Pick<PanelSurroundings, 'log' | 'milestones' | 'extensionUri'>): PanelSurroundings {
  const runner = machineRunner((file) => openObject(file.path, { bundledInclude: '/' }));
  return { ...around, runner, build: (file) => runner.open(file), target };
}

async function target(argument: unknown): Promise<vscode.Uri | undefined> {
  if (argument instanceof vscode.Uri) return argument;
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active !== undefined && /\.(c|o)$/.test(active.path)) return active;
  const found = await vscode.workspace.findFiles('**/*.bpf.o', '**/node_modules/**', 200);
  const [only] = found;
  if (only === undefined) {
    throw new XdpError('file-not-found', vscode.l10n.t('This folder has no BPF object.'), {
      fix: vscode.l10n.t('Build it where clang is (xdp compile), and keep the object beside its source.'),
    });
  }
  if (found.length === 1) return only;
  const picked = await vscode.window.showQuickPick(
    found
      .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
      .sort((left, right) => left.label.localeCompare(right.label)),
    { title: vscode.l10n.t('XDP program'), placeHolder: vscode.l10n.t('Choose a source or object file') },
  );
  return picked?.uri;
}
