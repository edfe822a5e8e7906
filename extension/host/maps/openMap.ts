import * as vscode from 'vscode';
import type { MapInfo } from '../../protocol/kernel.ts';
import { AttachmentRegistry } from '../../session/attach/registry.ts';
import { borrowMaps } from '../../session/maps/borrow.ts';
import { readCatalogue } from '../../session/maps/catalogue.ts';
import { showError } from '../errors.ts';
import type { Services } from '../services.ts';
import type { MapPanels } from './mapPanels.ts';

interface MapItem extends vscode.QuickPickItem {
  id: number;
}

/** XDP: Open Map…: one that a view names, or any of the system by program, name or id. */
export async function openMapCommand(services: Services, panels: MapPanels, target: unknown): Promise<void> {
  services.milestones.look();
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

/** The ids of what is chosen by its pin are known later. */
const byPin = -2;

/** What is ours is there at once; the rest of the system needs privilege, and comes when it is had. */
async function pickMap(services: Services): Promise<number | undefined> {
  const own = services.attachments.live.flatMap(({ program, iface, maps }) =>
    maps.length === 0 ? [] : [separator(`${program} on ${iface}`), ...maps.map(({ info }) => item(info))],
  );
  const pinned: MapItem[] = [
    separator(''),
    { id: byPin, label: vscode.l10n.t('Open by the path of its pin…'), alwaysShow: true },
  ];
  const picker = vscode.window.createQuickPick<MapItem>();
  picker.title = vscode.l10n.t('Open a map of this system');
  picker.placeholder = vscode.l10n.t('Name, type or id');
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.keepScrollPosition = true;
  // A password may be asked for meanwhile.
  picker.ignoreFocusOut = true;
  picker.busy = true;
  picker.items = [...own, ...pinned];
  try {
    const chosen = new Promise<MapItem | undefined>((resolve) => {
      picker.onDidAccept(() => resolve(picker.selectedItems[0]));
      picker.onDidHide(() => resolve(undefined));
    });
    picker.show();
    const others = othersThan(services, new Set(own.map(({ id }) => id))).then(
      (items) => {
        // Behind what is there: a row must not move away under the hand that is about to choose it.
        picker.items = [...own, ...pinned, ...items];
      },
      (error: unknown) => void showError(services, error),
    );
    void others.then(() => {
      picker.busy = false;
    });
    const { id } = (await chosen) ?? {};
    picker.hide();
    return id === byPin ? await idOfPin(services) : id;
  } finally {
    picker.dispose();
  }
}

async function othersThan(services: Services, known: ReadonlySet<number>): Promise<MapItem[]> {
  const { programs, others } = await readCatalogue(services.kernel, new AttachmentRegistry('vscode'), undefined);
  const groups = programs.flatMap(({ program, holder, maps }) => {
    const foreign = maps.filter(({ id }) => !known.has(id));
    const label = `${program.name} (${program.type}, id ${program.id})${holder === undefined ? '' : `, ${holder}`}`;
    return foreign.length === 0 ? [] : [separator(label), ...foreign.map(item)];
  });
  return others.length === 0
    ? groups
    : [...groups, separator(vscode.l10n.t('Used by no program')), ...others.map(item)];
}

async function idOfPin(services: Services): Promise<number | undefined> {
  const pin = await vscode.window.showInputBox({
    title: vscode.l10n.t('Open a map by the path of its pin'),
    placeHolder: '/sys/fs/bpf/…',
    ignoreFocusOut: true,
    validateInput: (text) => (text.startsWith('/') ? undefined : vscode.l10n.t('An absolute path is needed.')),
  });
  if (pin === undefined) return undefined;
  return await services.kernel.withSystem(
    undefined,
    async (client) => (await client.call('map/info', { map: { pin } })).id,
  );
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
