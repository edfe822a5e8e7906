import path from 'node:path';
import * as vscode from 'vscode';
import { translated } from '../../core/text/language.ts';
import type { Generated, Progress } from '../../session/generate/generate.ts';
import type { describeInput as DescribeInput } from '../../session/generate/report.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import { pickProgram } from '../commands/attach.ts';
import { packetTestEditor } from '../ids.ts';
import { withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import type { Notice } from './testNotices.ts';

/** As long as the command searches at most, beside the time that making packets small takes. Milliseconds. */
const timeMs = 15_000;

/**
 * XDP: Generate Packets. The tests come as a new file that is not saved yet, in the packet builder: what the program does now is what
 * they expect, and somebody has to say whether that is right.
 */
export async function generatePacketsCommand(services: Services, target: unknown): Promise<Generated | undefined> {
  const file = await targetFile(target);
  if (!file) return undefined;
  const object = await buildWithProgress(services, file);
  const program = await pickProgram(object, vscode.l10n.t('Generate packets: program'));
  if (!program) return undefined;
  const title = vscode.l10n.t('Generating packets for {0}', program.name);
  const generated = await withCancel(title, async (report, signal) => {
    const { generate } = await import('../../session/generate/generate.ts');
    return await generate({
      file: file.fsPath,
      program: program.name,
      build: services.buildOptions(file),
      seed: 1,
      timeMs,
      signal,
      onProgress: (progress) => report({ message: describe(progress) }),
    });
  });
  const { describeGenerated, describeInput } = await import('../../session/generate/report.ts');
  services.testNotices.show('generated', noticesOf(generated, file.fsPath, describeInput));
  const folder = path.dirname(file.fsPath);
  const report = vscode.l10n.t('{0}: generated packets', generated.program);
  await services.textViews.show(report, describeGenerated(generated, folder));
  // The tests come where the source is, the report beside both.
  const shown = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === file.toString());
  if (generated.tests.length > 0) await openNew(file, generated, shown?.viewColumn ?? vscode.ViewColumn.One);
  return generated;
}

function describe({ phase, runs, found }: Progress): string {
  switch (phase) {
    case 'search':
      return vscode.l10n.t('{0} runs, packets that reach something new: {1}', runs, found);
    case 'shrink':
      return vscode.l10n.t('Making the packets as small as they can be');
    case 'check':
      return vscode.l10n.t('Recording what the program does');
  }
}

/** With a packet that shows it. */
function noticesOf({ problems, program }: Generated, source: string, describeInput: typeof DescribeInput): Notice[] {
  return problems.map(({ message, file = source, line = 1, column = 1, input }) => ({
    file,
    line,
    column,
    length: 0,
    message: [`${program}: ${translated(message)}`, ...describeInput(input)].join('\n'),
    severity: vscode.DiagnosticSeverity.Warning,
  }));
}

/** Beside the source, under a name that is not there yet; it is for the user to save it. */
async function openNew(source: vscode.Uri, { text }: Generated, column: vscode.ViewColumn): Promise<void> {
  const base = path.posix.basename(source.path).replace(/(\.bpf)?\.(c|o)$/i, '');
  let uri = vscode.Uri.joinPath(source, '..', `${base}.generated.xdptest.json`);
  for (let number = 2; await isThere(uri); number++) {
    uri = vscode.Uri.joinPath(source, '..', `${base}.generated${number}.xdptest.json`);
  }
  const untitled = uri.with({ scheme: 'untitled' });
  const document = await vscode.workspace.openTextDocument(untitled);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(untitled, new vscode.Range(0, 0, document.lineCount, 0), text);
  await vscode.workspace.applyEdit(edit);
  await vscode.commands.executeCommand('vscode.openWith', untitled, packetTestEditor, column);
}

/** On disk, or as a new file that is open. */
async function isThere(uri: vscode.Uri): Promise<boolean> {
  const untitled = uri.with({ scheme: 'untitled' }).toString();
  if (vscode.workspace.textDocuments.some((document) => document.uri.toString() === untitled)) return true;
  return await vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
