import path from 'node:path';
import * as vscode from 'vscode';
import type { BpfObject } from '../../session/bpfObject.ts';
import type { Verdict } from '../../session/verify.ts';
import { buildFile, targetFile } from '../build.ts';
import type { Services } from '../services.ts';

/** Asks the kernel's verifier about every program of the file; rejections become Problems on the C lines. */
export async function verifyCommand(services: Services, target: unknown): Promise<void> {
  const file = await targetFile(target);
  if (!file) return;
  const title = vscode.l10n.t('Verifying {0}', path.basename(file.fsPath));
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, async () => {
    const object = await buildFile(services, file);
    const verdicts = await showVerdicts(services, file, object);
    const rejected = verdicts.filter(({ verdict }) => verdict === 'rejected');
    const accepted = verdicts.filter(({ verdict }) => verdict === 'accepted');
    vscode.window.setStatusBarMessage(
      rejected.length > 0
        ? vscode.l10n.t('$(error) Rejected: {0}', rejected.map(({ name }) => name).join(', '))
        : vscode.l10n.t('$(check) The verifier accepts {0}', accepted.map(describeAccepted).join(', ')),
      8000,
    );
    if (rejected.length > 0) await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
  });
}

function describeAccepted({ name, insnsProcessed }: Verdict): string {
  return vscode.l10n.t('{0} ({1} instructions processed)', name, insnsProcessed);
}

/** Verifies the object and shows each rejection where it stands, with the steps that led there as related information. */
export async function showVerdicts(services: Services, file: vscode.Uri, object: BpfObject): Promise<Verdict[]> {
  const { verifyObject } = await import('../../session/verify.ts');
  const verdicts = await verifyObject(await services.kernel.own(), object);
  const byFile = new Map<string, vscode.Diagnostic[]>();
  for (const { name, failure } of verdicts) {
    if (!failure) continue;
    services.log.info(`Verifier log of ${name}:\n${failure.log}`);
    const place = failure.file === null ? file : vscode.Uri.file(failure.file);
    const advice = failure.fix === undefined ? '' : `\n${failure.fix}`;
    const diagnostic = new vscode.Diagnostic(
      rangeAt(place, failure.line, failure.column),
      `${name}: ${failure.explanation}${advice}`,
      vscode.DiagnosticSeverity.Error,
    );
    diagnostic.source = 'verifier';
    diagnostic.code = failure.code;
    diagnostic.relatedInformation = failure.story.map((step) => {
      const uri = vscode.Uri.file(step.file);
      const location = new vscode.Location(uri, rangeAt(uri, step.line, step.column));
      return new vscode.DiagnosticRelatedInformation(location, step.text);
    });
    byFile.set(place.toString(), [...(byFile.get(place.toString()) ?? []), diagnostic]);
  }
  services.verdicts.clear();
  for (const [place, diagnostics] of byFile) services.verdicts.set(vscode.Uri.parse(place), diagnostics);
  return verdicts;
}

/** The word that the place points at; the whole line when the column is not known. 1-based in, 0-based out. */
function rangeAt(uri: vscode.Uri, line: number | null, column: number | null): vscode.Range {
  const start = new vscode.Position(Math.max(0, (line ?? 1) - 1), Math.max(0, (column ?? 1) - 1));
  const document = vscode.workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
  if (!document || start.line >= document.lineCount) return new vscode.Range(start, start);
  if (column === null) return document.lineAt(start.line).range;
  return document.getWordRangeAtPosition(start) ?? new vscode.Range(start, start.translate(0, 1));
}
