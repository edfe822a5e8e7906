import * as vscode from 'vscode';

/** Another network namespace, as `--netns` takes it; undefined when the user wants none. */
export async function pickNamespace(): Promise<string | undefined> {
  const { otherNamespaces, requireNetnsText } = await import('../../session/attach/namespaces.ts');
  const found = await otherNamespaces();
  const typed = { label: `$(edit) ${vscode.l10n.t('By the number of a process…')}`, netns: undefined };
  const items = found.map(({ netns, label, kind }) => ({
    label,
    description: kind === 'name' ? 'ip netns' : vscode.l10n.t('process {0}', netns),
    netns,
  }));
  const picked = await vscode.window.showQuickPick([...items, typed], {
    title: vscode.l10n.t('Attach: network namespace'),
    matchOnDescription: true,
  });
  if (picked === undefined || picked.netns !== undefined) return picked?.netns;
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Attach: network namespace'),
    prompt: vscode.l10n.t('A name of ip netns, the number of a process, or /proc/PID/ns/net'),
  });
  return text === undefined ? undefined : requireNetnsText(text.trim());
}
