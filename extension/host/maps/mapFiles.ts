import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { addCsvColumns, csvHeader, csvLines } from '../../core/maps/csv.ts';
import { decodeEntries, type MapEntry } from '../../core/maps/entries.ts';
import { XdpError } from '../../core/errors.ts';
import { withCancel } from '../progress.ts';
import type { MapAnswers } from './mapAnswers.ts';

/** So many entries are decoded at once: the file may be large, this process stays small. */
const entriesAtOnce = 2048;

/** Writes a map to a file that the user names, as CSV or as the JSON that `xdp map --json` prints. */
export async function exportMap(answers: MapAnswers): Promise<void> {
  const { name } = answers.map.info;
  const file = await askForFile(name, { JSON: ['json'], CSV: ['csv'] });
  if (file === undefined) return;
  const write = file.path.toLowerCase().endsWith('.csv') ? writeCsv : writeJson;
  const count = await withCancel(vscode.l10n.t('Exporting {0}', name), async (report, signal) => {
    const pages: Pages = {
      answers,
      signal,
      onCount: (done) => report({ message: vscode.l10n.t('{0} entries', done) }),
    };
    return await inPlace(file.fsPath, (append) => write(pages, append));
  });
  const written = path.basename(file.fsPath);
  const done =
    count === 1
      ? vscode.l10n.t('1 entry of {0} was written to {1}.', name, written)
      : vscode.l10n.t('{0} entries of {1} were written to {2}.', count, name, written);
  void offerToOpen(done, file);
}

type Write = (text: string) => Promise<void>;

interface Pages {
  answers: MapAnswers;
  signal: AbortSignal;
  onCount: (done: number) => void;
}

/** The file is there when it is whole: what was stopped, or failed, leaves what was there before. */
async function inPlace<T>(file: string, work: (append: Write) => Promise<T>): Promise<T> {
  const unfinished = `${file}.${process.pid}.part`;
  const handle = await open(unfinished, 'w');
  try {
    let result: T;
    try {
      result = await work((text) => handle.appendFile(text));
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
    return result;
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** The map is read twice, since the first line names the columns of all that follow. */
async function writeCsv(pages: Pages, write: Write): Promise<number> {
  const { schema } = pages.answers.map;
  const columns = new Set<string>();
  await eachPage(pages, async (entries) => addCsvColumns(schema, entries, columns));
  await write(csvHeader(schema, columns));
  return await eachPage(pages, (entries) => write(csvLines(schema, entries, columns)));
}

async function writeJson(pages: Pages, write: Write): Promise<number> {
  const { schema, info } = pages.answers.map;
  const head = { id: info.id, name: info.name, type: info.type, possibleCpus: schema.possibleCpus.length };
  let before = `${JSON.stringify(head).slice(0, -1)},"entries":[\n`;
  const count = await eachPage(pages, async (entries) => {
    if (entries.length === 0) return;
    await write(before + entries.map((entry) => JSON.stringify(entry)).join(',\n'));
    before = ',\n';
  });
  await write(count === 0 ? `${before}]}\n` : '\n]}\n');
  return count;
}

/** Answers how many entries there were. */
async function eachPage(
  { answers: { client, map }, signal, onCount }: Pages,
  work: (entries: MapEntry[]) => Promise<void>,
): Promise<number> {
  let count = 0;
  let cursor: Uint8Array | undefined;
  do {
    const page = await client.call('map/read', {
      map: map.ref,
      limit: entriesAtOnce,
      ...(cursor === undefined ? {} : { cursor }),
    });
    await work(decodeEntries(map.schema, page));
    count += page.count;
    cursor = page.cursor;
    onCount(count);
    if (signal.aborted) throw new XdpError('cancelled', 'It was stopped before it finished');
  } while (cursor !== undefined);
  return count;
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
