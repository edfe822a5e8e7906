import { translated } from '../core/text/language.ts';
import * as vscode from 'vscode';
import { toErrorData, XdpError } from '../core/errors.ts';
import type { Replaced } from '../session/attach/attachmentTypes.ts';
import { HotReload } from '../session/attach/hotReload.ts';
import { buildFile } from './build.ts';
import { showVerdicts } from './commands/verify.ts';
import { guardSecondsFor } from './guards.ts';
import { settings } from './ids.ts';
import type { Services } from './services.ts';

/** On save the new build takes the place of the attached one; what goes wrong is said, and changes nothing. */
export function startHotReload(services: Services): HotReload & vscode.Disposable {
  const reload = new HotReload(services.attachments, {
    build: (file) => buildFile(services, vscode.Uri.file(file)),
    guardSeconds: ({ iface, netns }) => guardSecondsFor(services, iface, netns),
  });
  const subscriptions = vscode.Disposable.from(
    vscode.workspace.onDidSaveTextDocument(({ uri }) => void reload.saved(uri.fsPath)),
    services.attachments.onDidChange((event) => {
      const file = event.attachment.object?.file;
      if (event.kind !== 'attached' || file === undefined) return;
      const wanted = vscode.workspace
        .getConfiguration(undefined, vscode.Uri.file(file))
        .get<boolean>(settings.hotReload);
      if (wanted === true) reload.toggle(event.attachment, true);
    }),
    reload.onDidReload((event) => {
      switch (event.kind) {
        case 'reloaded':
          showReplaced(services, event.replaced);
          return;
        case 'failed':
          showFailure(services, event.attachment.program, event.error);
          if (event.error instanceof XdpError && event.error.code === 'program-rejected')
            void showRejection(services, event.attachment.object?.file);
          return;
      }
    }),
  );
  return Object.assign(reload, { dispose: () => void subscriptions.dispose() });
}

export function showReplaced(services: Services, { attachment, keptMaps, freshMaps }: Replaced): void {
  const { program, iface, progId } = attachment;
  services.log.info(`${program} (id ${progId}) took over on ${iface}; maps kept: ${keptMaps.join(', ') || 'none'}`);
  for (const { map, reason } of freshMaps) services.log.info(`${map} starts empty: ${reason}`);
  const [first] = freshMaps;
  if (first === undefined) {
    vscode.window.setStatusBarMessage(vscode.l10n.t('$(flame) The new {0} runs on {1}', program, iface), 5000);
    return;
  }
  const said = freshMaps.map(({ map, reason }) => `${map} (${translated(reason)})`).join(', ');
  void vscode.window.showInformationMessage(
    vscode.l10n.t('The new {0} runs on {1}. These maps start empty: {2}.', program, iface, said),
  );
}

function showFailure(services: Services, program: string, error: unknown): void {
  const { message } = toErrorData(error);
  services.log.warn(`The previous build of ${program} keeps running: ${message}`);
  vscode.window.setStatusBarMessage(
    vscode.l10n.t('$(error) {0} was not reloaded: the previous build keeps running', program),
    8000,
  );
  void vscode.window.showWarningMessage(
    vscode.l10n.t('The previous build of {0} keeps running. {1}', program, translated(message)),
  );
}

async function showRejection(services: Services, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const uri = vscode.Uri.file(file);
  const object = await buildFile(services, uri).catch(() => undefined);
  if (object !== undefined) await showVerdicts(services, uri, object).catch(() => undefined);
}
