import { translated } from '../../core/text/language.ts';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import type { Services } from '../services.ts';
import { attachmentOf, placeOf } from '../views/interfaces/nodes.ts';

/** Detaches what this window holds; without that, offers what else is attached on this machine. */
export async function detachCommand(services: Services, target: unknown): Promise<void> {
  const mine = attachmentOf(target);
  if (mine !== undefined) return await detachLive(services, mine);
  const place = placeOf(target);
  if (place !== undefined) return await detachForeign(services, place);
  const { live } = services.attachments;
  const [only] = live;
  if (live.length === 1 && only) return await detachLive(services, only);
  if (live.length > 1) {
    const picked = await vscode.window.showQuickPick(
      live.map((each) => ({ label: each.program, description: `${each.iface} (${each.mode})`, attachment: each })),
      { title: vscode.l10n.t('Detach from Interface') },
    );
    if (picked) await detachLive(services, picked.attachment);
    return;
  }
  await detachOther(services);
}

export async function detachLive(services: Services, live: LiveAttachment): Promise<void> {
  await services.attachments.detach(live);
  services.log.info(`${live.program} detached from ${live.iface}`);
  vscode.window.setStatusBarMessage(vscode.l10n.t('$(check) {0} detached from {1}', live.program, live.iface), 5000);
}

/** Programs that this window does not hold: kept ones, other windows', other tools'. The last need a confirmation. */
async function detachOther(services: Services): Promise<void> {
  const client = await services.kernel.own();
  const { interfaces } = await client.call('interfaces/list', {});
  const items = interfaces.flatMap((iface) =>
    iface.attached.map((each) => ({
      label: each.program === '' ? vscode.l10n.t('program {0}', each.progId) : each.program,
      description: `${iface.name} (${each.mode})`,
      detail:
        each.owner === 'kept'
          ? vscode.l10n.t('Kept by an earlier session')
          : vscode.l10n.t('Not attached by this window'),
      iface: iface.name,
    })),
  );
  if (items.length === 0) {
    throw new XdpError('nothing-attached', vscode.l10n.t('No XDP program is attached to any interface.'));
  }
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Detach from Interface') });
  if (picked) await detachForeign(services, { iface: picked.iface, netns: undefined, program: picked.label });
}

async function detachForeign(
  services: Services,
  { iface, netns, program }: { iface: string; netns: string | undefined; program: string },
): Promise<void> {
  const where = netns === undefined ? {} : { netns };
  try {
    await services.attachments.detachInterface(iface, { ...where, force: false });
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'foreign-attachment') throw error;
    const detach = vscode.l10n.t('Detach Anyway');
    const answer = await vscode.window.showWarningMessage(translated(error.message), { modal: true }, detach);
    if (answer !== detach) return;
    await services.attachments.detachInterface(iface, { ...where, force: true });
  }
  vscode.window.setStatusBarMessage(vscode.l10n.t('$(check) {0} detached from {1}', program, iface), 5000);
}
