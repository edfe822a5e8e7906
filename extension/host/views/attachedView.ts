import * as vscode from 'vscode';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import { views } from '../ids.ts';
import type { Services } from '../services.ts';

/** The tree of what this window has attached; an item is the attachment itself, so inline actions get it as argument. */
export class AttachedView implements vscode.TreeDataProvider<LiveAttachment> {
  readonly #services: Services;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(services: Services) {
    this.#services = services;
  }

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      this.#changed,
      vscode.window.registerTreeDataProvider(views.attached, this),
      this.#services.attachments.onDidChange(({ kind }) => {
        if (kind !== 'counting') this.#changed.fire();
      }),
    );
  }

  getChildren(parent?: LiveAttachment): LiveAttachment[] {
    return parent ? [] : [...this.#services.attachments.live];
  }

  getTreeItem(live: LiveAttachment): vscode.TreeItem {
    const item = new vscode.TreeItem(live.program);
    item.description = `${live.iface} (${live.mode})${live.tc === undefined ? '' : ` + ${live.tc.program}`}`;
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
    if (live.object !== undefined) {
      item.command = {
        command: 'vscode.open',
        title: vscode.l10n.t('Open Source'),
        arguments: [vscode.Uri.file(live.object.file)],
      };
    }
    return item;
  }
}

export function isAttachment(value: unknown): value is LiveAttachment {
  return typeof value === 'object' && value !== null && 'progId' in value && 'loaded' in value;
}
