import path from 'node:path';
import * as vscode from 'vscode';
import { type CompileResult, compileSource } from '../../session/bpfObject.ts';
import { saveIfDirty, targetFile } from '../build.ts';
import { showDiagnostics } from '../diagnostics.ts';
import { showError } from '../errors.ts';
import { chooseHeaders } from '../language/compileView.ts';
import { withCancel } from '../progress.ts';
import type { Services } from '../services.ts';

/** Compiles the file to an object beside it; Problems show what clang said. Returns clang's result for callers. */
export async function compileCommand(services: Services, target: unknown): Promise<CompileResult | undefined> {
  const file = await targetFile(target);
  if (!file) return undefined;
  await saveIfDirty(file);
  return await withCancel(vscode.l10n.t('Compiling {0}', path.basename(file.fsPath)), async (_, signal) => {
    const result = await compileSource(file.fsPath, { ...services.buildOptions(file), signal });
    showDiagnostics(services.diagnostics, file, result.diagnostics);
    services.compileView.remember(file, result);
    services.log.info(result.command.join(' '));
    const name = path.basename(file.fsPath);
    if (result.ok) {
      services.milestones.reach('compiled');
      vscode.window.setStatusBarMessage(
        vscode.l10n.t('$(check) {0} compiled in {1} ms', name, Math.round(result.durationMs)),
        5000,
      );
    } else {
      const errors = result.diagnostics.filter(({ severity }) => severity === 'error').length;
      const found =
        errors === 1
          ? vscode.l10n.t('$(error) {0}: 1 error', name)
          : vscode.l10n.t('$(error) {0}: {1} errors', name, errors);
      vscode.window.setStatusBarMessage(found, 5000);
      // Not awaited: the compile is done, and its answer known.
      chooseHeaders(file, result)
        .then((chosen) => (chosen ? compileCommand(services, file) : undefined))
        .catch((error: unknown) => showError(services, error));
    }
    return result;
  });
}

/** Shows what the compile of the file found by itself, and why. */
export async function showCompileCommand(services: Services, target: unknown): Promise<void> {
  const file = await targetFile(target);
  if (!file) return;
  await compileCommand(services, file);
  await services.compileView.show(file);
}
