import { translated } from '../core/text/language.ts';
import * as vscode from 'vscode';
import { XdpError } from '../core/errors.ts';
import { showError } from './errors.ts';
import type { Services } from './services.ts';

/** An attachment that ended without being asked to, and a helper that died, are said once, with the way back. */
export function reportLosses(services: Services): vscode.Disposable {
  return vscode.Disposable.from(
    services.attachments.onDidChange((event) => {
      if (event.kind !== 'lost' || event.stays) return;
      const { program, iface } = event.attachment;
      services.log.warn(`${program} is not attached to ${iface} any more: ${event.reason}`);
      void vscode.window.showWarningMessage(
        vscode.l10n.t('{0} is not attached to {1} any more: {2}', program, iface, translated(event.reason)),
      );
    }),
    services.kernel.onUnexpectedExit(({ reason }) => {
      const error = new XdpError(
        'helper-died',
        vscode.l10n.t('The XDP kernel helper ended: {0}.', translated(reason)),
        {
          fix: vscode.l10n.t('What it held is detached, but for what you kept. Restart it to go on.'),
        },
      );
      void showError(services, error);
    }),
  );
}
