import * as vscode from 'vscode';
import { views } from './ids.ts';
import type { Services } from './services.ts';

/** `xdp_counter on veth0 (native)`: what this window holds; a click opens the views. */
export function createStatusBar(services: Services): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('xdp.attached', vscode.StatusBarAlignment.Left, 10);
  item.name = 'XDP';
  item.command = `${views.maps}.focus`;
  const update = (): void => {
    const { live } = services.attachments;
    const [first] = live;
    if (!first) {
      item.hide();
      return;
    }
    const more = live.length > 1 ? ` +${live.length - 1}` : '';
    item.text = `$(plug) ${vscode.l10n.t('{0} on {1} ({2})', first.program, first.iface, first.mode)}${more}`;
    item.tooltip = live
      .map(({ program, iface, mode, progId }) =>
        vscode.l10n.t('{0} on {1} ({2}), id {3}', program, iface, mode, progId),
      )
      .join('\n');
    item.show();
  };
  update();
  return vscode.Disposable.from(item, services.attachments.onDidChange(update));
}
