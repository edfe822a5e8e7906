import path from 'node:path';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { HotReload } from '../../session/attach/hotReload.ts';
import type { LiveAttachment } from '../../session/attach/attachmentTypes.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import { guardSecondsFor } from '../guards.ts';
import { showReplaced } from '../hotReload.ts';
import { withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { attachmentOf, placeOf } from '../views/interfaces/nodes.ts';
import { pickProgram } from './attach.ts';

/** Another program, or another build, in place of an attached one, in one step: with the contents of its maps or without. */
export async function replaceCommand(services: Services, target: unknown): Promise<void> {
  const live = await pickAttachment(services, target, vscode.l10n.t('Replace: which program'));
  if (!live) return;
  const file =
    target !== undefined && live.object !== undefined ? vscode.Uri.file(live.object.file) : await targetFile(undefined);
  if (!file) return;
  const object = await buildWithProgress(services, file);
  const program = await pickProgram(object);
  if (!program) return;
  const keepMaps = await pickMaps();
  if (keepMaps === undefined) return;
  const guardSeconds = await guardSecondsFor(services, live.iface, live.netns);
  const title = vscode.l10n.t('Replacing {0} on {1}', live.program, live.iface);
  const replaced = await withCancel(title, (_, signal) =>
    services.attachments.replace(live, {
      object,
      program: program.name,
      keepMaps,
      signal,
      ...(guardSeconds === undefined ? {} : { guardSeconds }),
    }),
  );
  showReplaced(services, replaced);
}

async function pickMaps(): Promise<boolean | undefined> {
  const picked = await vscode.window.showQuickPick(
    [
      {
        label: vscode.l10n.t('Keep the maps'),
        detail: vscode.l10n.t('Maps of the same name and definition go on with what is in them'),
        keep: true,
      },
      { label: vscode.l10n.t('Start with new maps'), detail: vscode.l10n.t('All counters begin at zero'), keep: false },
    ],
    { title: vscode.l10n.t('Replace: maps') },
  );
  return picked?.keep;
}

export async function toggleHotReloadCommand(services: Services, reload: HotReload, target: unknown): Promise<void> {
  const live = await pickAttachment(services, target, vscode.l10n.t('Toggle Hot Reload'));
  if (!live) return;
  if (live.object === undefined) {
    throw new XdpError(
      'usage',
      vscode.l10n.t('{0} was kept by an earlier session: its source is not known.', live.program),
      {
        fix: vscode.l10n.t('Replace it once from its source; then hot reload works.'),
      },
    );
  }
  const name = path.basename(live.object.file);
  const on = reload.toggle(live);
  vscode.window.setStatusBarMessage(
    on
      ? vscode.l10n.t('$(flame) Each save of {0} runs on {1}', name, live.iface)
      : vscode.l10n.t('Hot reload of {0} is off', name),
    5000,
  );
}

export async function keepCommand(services: Services, target: unknown): Promise<void> {
  const live = await pickAttachment(services, target, vscode.l10n.t('Keep attached'));
  if (!live) return;
  await services.attachments.keep(live);
  void vscode.window.showInformationMessage(
    vscode.l10n.t('{0} stays on {1} when this window closes. XDP: Detach ends it.', live.program, live.iface),
  );
}

/** What an earlier session kept: its maps are shown here, and it can be replaced or detached. */
export async function adoptCommand(services: Services, target: unknown): Promise<void> {
  const place = placeOf(target);
  if (place !== undefined) {
    await services.attachments.adopt(place.iface, place.netns);
    return;
  }
  const client = await services.kernel.own();
  const { interfaces } = await client.call('interfaces/list', {});
  const kept = interfaces.flatMap((iface) =>
    iface.attached
      .filter(({ owner }) => owner === 'kept')
      .map((each) => ({ label: each.program, description: `${iface.name} (${each.mode})`, iface: iface.name })),
  );
  const [only] = kept;
  if (only === undefined) {
    throw new XdpError('nothing-attached', vscode.l10n.t('Nothing that you kept attached is here.'));
  }
  const picked =
    kept.length === 1 ? only : await vscode.window.showQuickPick(kept, { title: vscode.l10n.t('Adopt Kept Program') });
  if (picked) await services.attachments.adopt(picked.iface, undefined);
}

async function pickAttachment(services: Services, target: unknown, title: string): Promise<LiveAttachment | undefined> {
  const mine = attachmentOf(target);
  if (mine !== undefined) return mine;
  const place = placeOf(target);
  if (place !== undefined) return await services.attachments.adopt(place.iface, place.netns);
  const { live } = services.attachments;
  const [only] = live;
  if (only === undefined) {
    throw new XdpError('nothing-attached', vscode.l10n.t('This window has attached nothing.'), {
      fix: vscode.l10n.t('Attach a program first, or adopt one that an earlier session kept.'),
    });
  }
  if (live.length === 1) return only;
  const items = live.map((each) => ({ label: each.program, description: `${each.iface} (${each.mode})`, each }));
  return (await vscode.window.showQuickPick(items, { title }))?.each;
}
