import * as vscode from 'vscode';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import type { KeptProgram } from '../../session/attach/kept.ts';
import { views } from '../ids.ts';
import type { Services } from '../services.ts';

type Row = LiveAttachment | KeptProgram;

/**
 * The tree of what this window has attached, and what an earlier session kept. An item is the attachment itself, so inline
 * actions get it as argument.
 */
export class AttachedView implements vscode.TreeDataProvider<Row> {
  readonly #services: Services;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(services: Services) {
    this.#services = services;
  }

  register(): vscode.Disposable {
    const view = vscode.window.createTreeView(views.attached, { treeDataProvider: this });
    const look = (): void => {
      if (view.visible) this.#changed.fire();
    };
    return vscode.Disposable.from(
      this.#changed,
      view,
      view.onDidChangeVisibility(look),
      // Another window, or xdp in a terminal, may have kept or ended something meanwhile.
      vscode.window.onDidChangeWindowState(({ focused }) => focused && look()),
      this.#services.attachments.onDidChangeKept(look),
      this.#services.attachments.onDidChange(({ kind }) => {
        if (kind !== 'counting') this.#changed.fire();
      }),
    );
  }

  async getChildren(parent?: Row): Promise<Row[]> {
    if (parent) return [];
    const { attachments, log } = this.#services;
    const kept = await attachments.kept().catch((error: unknown) => {
      log.warn(`What is kept attached could not be looked up: ${String(error)}`);
      return [];
    });
    return [...attachments.live, ...kept];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return isKept(row) ? this.#keptItem(row) : this.#liveItem(row);
  }

  #keptItem(kept: KeptProgram): vscode.TreeItem {
    const where = kept.netns === undefined ? kept.iface : `${kept.iface} @ ${kept.netns}`;
    const item = new vscode.TreeItem(kept.program);
    item.description = vscode.l10n.t('kept on {0} ({1})', kept.iface, kept.mode) + at(kept);
    item.tooltip = vscode.l10n.t(
      '{0} on {1}, {2} mode, program id {3}\n{4}',
      kept.program,
      where,
      kept.mode,
      kept.progId,
      kept.file || vscode.l10n.t('kept by an earlier session'),
    );
    item.iconPath = new vscode.ThemeIcon('pinned');
    item.contextValue = 'kept';
    if (kept.file !== '') item.command = openSource(kept.file);
    return item;
  }

  #liveItem(live: LiveAttachment): vscode.TreeItem {
    const item = new vscode.TreeItem(live.program);
    item.description = `${live.iface} (${live.mode})${live.tc === undefined ? '' : ` + ${live.tc.program}`}${at(live)}`;
    item.tooltip = vscode.l10n.t(
      '{0} on {1}, {2} mode, program id {3}\n{4}',
      live.program,
      live.iface,
      live.mode,
      live.progId,
      live.object?.file ?? vscode.l10n.t('kept by an earlier session'),
    );
    item.iconPath = new vscode.ThemeIcon(live.pin === undefined ? 'plug' : 'pinned');
    item.contextValue = 'attachment';
    if (live.object !== undefined) item.command = openSource(live.object.file);
    return item;
  }
}

/** The view is narrow: what comes last is cut off first. */
function at({ netns }: { netns: string | undefined }): string {
  return netns === undefined ? '' : ` @ ${netns}`;
}

function openSource(file: string): vscode.Command {
  return { command: 'vscode.open', title: vscode.l10n.t('Open Source'), arguments: [vscode.Uri.file(file)] };
}

export function isKept(value: unknown): value is KeptProgram {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'kept';
}

export function isAttachment(value: unknown): value is LiveAttachment {
  return typeof value === 'object' && value !== null && 'progId' in value && 'loaded' in value;
}
