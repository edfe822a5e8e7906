import * as vscode from 'vscode';
import type { MapInfo } from '../../protocol/kernel.ts';
import { AttachmentRegistry } from '../../session/attach/registry.ts';
import { borrowMaps } from '../../session/maps/borrow.ts';
import { readCatalogue } from '../../session/maps/catalogue.ts';
import type { Services } from '../services.ts';
import type { MapPanels } from './mapPanels.ts';

interface MapItem extends vscode.QuickPickItem {
  id: number;
}

/** XDP: Open Map…: one that a view names, or any of the system by program, name or id. */
export async function openMapCommand(services: Services, panels: MapPanels, target: unknown): Promise<void> {
  const named = targetOf(target);
  const own = services.attachments.live.flatMap(({ maps }) => maps).find(({ info }) => info.id === named?.id);
  if (own !== undefined) {
    panels.show(own.info);
    return;
  }
  const id = named?.id ?? (await pickMap(services));
  if (id === undefined) return;
  const known = services.attachments.live.flatMap(({ maps }) => maps).find(({ info }) => info.id === id);
  if (known !== undefined) panels.show(known.info);
  else panels.showBorrowed(await borrowMaps(services.kernel, undefined, [id]));
}

function targetOf(target: unknown): { id: number } | undefined {
  if (typeof target !== 'object' || target === null || !('id' in target)) return undefined;
  return typeof target.id === 'number' ? { id: target.id } : undefined;
}

async function pickMap(services: Services): Promise<number | undefined> {
  const own = services.attachments.live.flatMap(({ program, iface, maps }) =>
    maps.length === 0 ? [] : [separator(`${program} on ${iface}`), ...maps.map(({ info }) => item(info))],
  );
  const registry = new AttachmentRegistry('vscode');
  const catalogue = readCatalogue(services.kernel, registry, undefined);
  const known = new Set(own.map((each) => each.id));
  const items = catalogue.then(({ programs, others }) => [
    ...own,
    ...programs.flatMap(({ program, holder, maps }) => {
      const foreign = maps.filter(({ id }) => !known.has(id));
      const label = `${program.name} (${program.type}, id ${program.id})${holder === undefined ? '' : `, ${holder}`}`;
      return foreign.length === 0 ? [] : [separator(label), ...foreign.map(item)];
    }),
    ...(others.length === 0 ? [] : [separator(vscode.l10n.t('Used by no program')), ...others.map(item)]),
  ]);
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Open a map of this system'),
    placeHolder: vscode.l10n.t('Name, type or id'),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.id;
}

function separator(label: string): MapItem {
  return { label, kind: vscode.QuickPickItemKind.Separator, id: -1 };
}

function item({ id, name, type, maxEntries, frozen }: MapInfo): MapItem {
  const state = frozen ? `, ${vscode.l10n.t('frozen')}` : '';
  return {
    id,
    label: name === '' ? vscode.l10n.t('(no name)') : name,
    description: `${type}, id ${id}`,
    detail: vscode.l10n.t('{0} entries at most', maxEntries) + state,
  };
}
