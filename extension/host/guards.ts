import * as vscode from 'vscode';
import { XdpError } from '../core/errors.ts';
import type { LiveAttachment } from '../session/attach/attachmentTypes.ts';
import { showError } from './errors.ts';
import { commands, settings } from './ids.ts';
import type { Services } from './services.ts';

/** How long an attachment to this interface waits to be confirmed; undefined: nothing speaks against it, or it is off. */
export async function guardSecondsFor(
  services: Services,
  iface: string,
  netns: string | undefined,
): Promise<number | undefined> {
  const seconds = vscode.workspace.getConfiguration().get<number>(settings.guardSeconds) ?? 15;
  if (seconds <= 0) return undefined;
  const lifelines = await services.attachments.lifelines(iface, netns);
  return lifelines.length === 0 ? undefined : seconds;
}

/** A guarded attachment: a notification with both answers, and the countdown (the helper's) in the status bar. */
export function watchGuards(services: Services): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('xdp.guard', vscode.StatusBarAlignment.Left, 11);
  item.name = vscode.l10n.t('XDP: guarded attachment');
  item.command = commands.confirmAttachment;
  item.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
  const asked = new Set<LiveAttachment>();
  const subscription = services.attachments.onDidChange((event) => {
    const { attachment: live } = event;
    switch (event.kind) {
      case 'counting':
        item.text = `$(shield) ${vscode.l10n.t('{0} on {1} reverts in {2} s: keep?', live.program, live.iface, event.secondsLeft)}`;
        item.tooltip = vscode.l10n.t('Click to keep it. Without an answer it is undone.');
        item.show();
        if (!asked.has(live)) {
          asked.add(live);
          void ask(services, live, event.secondsLeft).catch((error: unknown) => showError(services, error));
        }
        return;
      case 'reverted':
        asked.delete(live);
        item.hide();
        services.log.info(`${live.program} on ${live.iface} was reverted`);
        void vscode.window.showInformationMessage(
          event.restored === undefined
            ? vscode.l10n.t('{0} is detached from {1} again, since nobody kept it.', live.program, live.iface)
            : vscode.l10n.t(
                '{0} runs on {1} again, since nobody kept the new program.',
                event.restored.program,
                live.iface,
              ),
        );
        return;
      case 'confirmed':
      case 'detached':
      case 'lost':
        if (asked.delete(live)) item.hide();
        return;
      case 'attached':
      case 'replaced':
        return;
    }
  });
  return vscode.Disposable.from(item, subscription);
}

async function ask(services: Services, live: LiveAttachment, seconds: number): Promise<void> {
  const keep = vscode.l10n.t('Keep');
  const revert = vscode.l10n.t('Revert Now');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t(
      '{0} is attached to {1}, which your connection may depend on. It is undone in {2} s unless you keep it.',
      live.program,
      live.iface,
      seconds,
    ),
    keep,
    revert,
  );
  // An answer that comes too late is about nothing: that it was reverted has been said.
  if (answer === undefined || !services.attachments.isGuarded(live)) return;
  if (answer === keep) await services.attachments.confirm(live);
  else await services.attachments.revert(live);
}

export async function confirmCommand(services: Services): Promise<void> {
  const waiting = services.attachments.live.filter((live) => services.attachments.isGuarded(live));
  if (waiting.length === 0) {
    throw new XdpError('nothing-attached', vscode.l10n.t('No attachment waits to be confirmed.'));
  }
  for (const live of waiting) await services.attachments.confirm(live);
}
