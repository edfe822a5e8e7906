import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import * as vscode from 'vscode';
import { toCsv } from '../../core/maps/csv.ts';
import { decodeEntries } from '../../core/maps/entries.ts';
import type { MapAnswers } from './mapAnswers.ts';

/** So many entries are decoded at once: the file may be large, this process stays small. */
const entriesAtOnce = 2048;

/** Writes a map to a file that the user names, as CSV or as the JSON that `xdp map --json` prints. */
export async function exportMap({ client, map }: MapAnswers): Promise<void> {
  const { name } = map.info;
  const file = await askForFile(name, { JSON: ['json'], CSV: ['csv'] });
  if (file === undefined) return;
  const csv = file.path.toLowerCase().endsWith('.csv');
  const stream = createWriteStream(file.fsPath);
  let count = 0;
  const write = async (text: string): Promise<void> => {
    if (!stream.write(text)) await once(stream, 'drain');
  };
  try {
    if (!csv) {
      const { id, type } = map.info;
      const head = JSON.stringify({ id, name, type, possibleCpus: map.schema.possibleCpus.length });
      await write(`${head.slice(0, -1)},"entries":[`);
    }
    let cursor: Uint8Array | undefined;
    do {
      const page = await client.call('map/read', {
        map: map.ref,
        limit: entriesAtOnce,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const entries = decodeEntries(map.schema, page);
      if (csv) {
        const text = toCsv(map.schema, entries);
        await write(count === 0 ? text : text.slice(text.indexOf('\r\n') + 2));
      } else {
        const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n');
        if (lines !== '') await write(count === 0 ? `\n${lines}` : `,\n${lines}`);
      }
      count += page.count;
      cursor = page.cursor;
    } while (cursor !== undefined);
    if (!csv) await write('\n]}\n');
  } finally {
    stream.end();
    await once(stream, 'close');
  }
  const done = vscode.l10n.t('{0} entries of {1} were written to {2}.', count, name, path.basename(file.fsPath));
  void offerToOpen(done, file);
}

/** Writes text that a view made. */
export async function saveText(name: string, text: string): Promise<void> {
  const file = await askForFile(name.replace(/[^\w.-]+/g, '_'), { JSON: ['json'] });
  if (file === undefined) return;
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
  void offerToOpen(vscode.l10n.t('Saved {0}.', path.basename(file.fsPath)), file);
}

async function askForFile(name: string, filters: Record<string, string[]>): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const [[extension = 'json'] = []] = Object.values(filters);
  const suggested = name.endsWith(`.${extension}`) ? name : `${name}.${extension}`;
  return await vscode.window.showSaveDialog({
    filters,
    ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, suggested) }),
  });
}

async function offerToOpen(message: string, file: vscode.Uri): Promise<void> {
  const open = vscode.l10n.t('Open');
  if ((await vscode.window.showInformationMessage(message, open)) === open) {
    await vscode.commands.executeCommand('vscode.open', file);
  }
}
