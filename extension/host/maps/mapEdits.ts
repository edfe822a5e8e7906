import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import {
  clearMap,
  deleteEntries,
  type Edited,
  type EntryEdit,
  setEntries,
  undo,
  undoableEntries,
} from '../../session/maps/edit.ts';
import { importedEntries } from '../../session/maps/importedEntries.ts';
import { withCancel } from '../progress.ts';
import type { MapAnswers } from './mapAnswers.ts';

export type Edit = Extract<FromMapsView, { kind: 'set' | 'delete' | 'clear' | 'import' | 'undo' }>;
type EditedMessage = Omit<Extract<ToMapsView, { kind: 'edited' }>, 'mapId' | 'request'>;

/** Edits that can be undone: so many, and together so many bytes. */
const maxEdits = 100;
const maxBytes = 32 << 20;

/** Edits of one map that were made in one view, each confirmed by what the kernel says afterwards. */
export class MapEdits {
  readonly #answers: MapAnswers;
  #done: Edited[] = [];

  constructor(answers: MapAnswers) {
    this.#answers = answers;
  }

  get undoable(): number {
    return this.#done.length;
  }

  /** undefined: the user thought better of it. */
  async apply(edit: Edit): Promise<EditedMessage | undefined> {
    const { client, map } = this.#answers;
    switch (edit.kind) {
      case 'set': {
        const { key, value, mask, cpus, expect } = edit;
        const options = { ...(cpus === undefined ? {} : { cpus }), ...(expect === undefined ? {} : { expect }) };
        return this.#keep(
          [key],
          await setEntries(client, map, [{ key, value, ...(mask === undefined ? {} : { mask }) }], options),
        );
      }
      case 'delete':
        return this.#keep([edit.key], await deleteEntries(client, map, [edit.key]));
      case 'clear': {
        if (!(await isMeant(map.info.name, await this.#canUndoClear()))) return undefined;
        return this.#keep([], await clearMap(client, map));
      }
      case 'import': {
        const entries = await chosenEntries(this.#answers);
        if (entries === undefined) return undefined;
        return this.#keep([], await this.#import(entries));
      }
      case 'undo': {
        const last = this.#done.pop();
        if (last === undefined) return { kind: 'edited', done: 0, failures: [], left: 0 };
        return messageOf([], await undo(client, map, last));
      }
    }
  }

  /** Who stops it has what was there before, as far as that many entries can be undone. */
  async #import(entries: EntryEdit[]): Promise<Edited> {
    const { client, map } = this.#answers;
    return await withCancel(vscode.l10n.t('Importing into {0}', map.info.name), async (_, signal) => {
      const edited = await setEntries(client, map, entries, { signal });
      if (!signal.aborted || edited.changes.length < edited.done) return edited;
      await undo(client, map, edited);
      return { done: 0, changes: [], failures: [], left: entries.length };
    });
  }

  /** What an edit needs to be undone is kept up to a limit, and a map may be larger than that. */
  async #canUndoClear(): Promise<boolean> {
    const { client, map } = this.#answers;
    const most = undoableEntries(map.schema);
    if (map.info.maxEntries <= most) return true;
    const { count } = await client.call('map/count', { map: map.ref, most });
    return count !== undefined;
  }

  #keep(keys: readonly Uint8Array[], edited: Edited): EditedMessage {
    if (edited.changes.length > 0) this.#done.push(edited);
    let bytes = 0;
    this.#done = this.#done
      .toReversed()
      .filter((each, at) => {
        bytes += sizeOf(each);
        return at < maxEdits && bytes <= maxBytes;
      })
      .toReversed();
    return messageOf(keys, edited);
  }
}

function messageOf(keys: readonly Uint8Array[], { done, failures, left }: Edited): EditedMessage {
  return {
    kind: 'edited',
    done,
    left,
    failures: failures.map(({ index, error }) => ({
      key: keys[index] ?? new Uint8Array(0),
      message: error.message,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
    })),
  };
}

function sizeOf({ changes }: Edited): number {
  return changes.reduce(
    (sum, { key, before, after, mask }) =>
      sum + key.length + (before?.length ?? 0) + (after?.length ?? 0) + (mask?.length ?? 0),
    0,
  );
}

async function isMeant(name: string, canUndo: boolean): Promise<boolean> {
  const yes = vscode.l10n.t('Clear');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Clear the map {0}?', name),
    {
      modal: true,
      detail: canUndo
        ? vscode.l10n.t(
            'Every entry is deleted; entries of arrays become zero. It can be undone while the view is open.',
          )
        : vscode.l10n.t(
            'Every entry is deleted; entries of arrays become zero. There are too many for it to be undone: export the map first if you may need them.',
          ),
    },
    yes,
  );
  return chosen === yes;
}

/** More is for `xdp map import`, which is a process of its own. */
const maxFileBytes = 256 << 20;

/** From a file that the user names. */
async function chosenEntries({ map }: MapAnswers): Promise<EntryEdit[] | undefined> {
  const [file] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Import Entries into {0}', map.info.name),
      filters: { [vscode.l10n.t('Map entries')]: ['csv', 'json'] },
    })) ?? [];
  if (file === undefined) return undefined;
  const { size } = await vscode.workspace.fs.stat(file);
  if (size > maxFileBytes) {
    throw new XdpError('value-invalid', `${file.fsPath} has ${size} bytes: too many to be imported here.`, {
      fix: 'Import it with `xdp map import`.',
    });
  }
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  return importedEntries(map.schema, { text, file: file.fsPath });
}
