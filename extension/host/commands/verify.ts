import { translated } from '../../core/text/language.ts';
import path from 'node:path';
import * as vscode from 'vscode';
import type { BpfObject } from '../../session/bpfObject.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import type { Verdict } from '../../session/verify.ts';
import { buildFile, targetFile } from '../build.ts';
import { untilCancelled, withCancel } from '../progress.ts';
import type { Services } from '../services.ts';

/** Asks the kernel's verifier about every program of the file; rejections become Problems on the C lines. */
export async function verifyCommand(
  services: Services,
  target: unknown,
): Promise<'accepted' | 'rejected' | 'skipped' | undefined> {
  const file = await targetFile(target);
  if (!file) return undefined;
  const title = vscode.l10n.t('Verifying {0}', path.basename(file.fsPath));
  return await withCancel(title, async (_, signal) => {
    const object = await buildFile(services, file, signal);
    const verdicts = await untilCancelled(signal, showVerdicts(services, file, object, { signal }));
    const rejected = verdicts.filter(({ verdict }) => verdict === 'rejected');
    const accepted = verdicts.filter(({ verdict }) => verdict === 'accepted');
    if (rejected.length + accepted.length === 0) {
      const why = verdicts.map(({ name, reason = '' }) => `${name}: ${translated(reason)}`).join('; ');
      void vscode.window.showWarningMessage(
        vscode.l10n.t('No program of {0} was judged. {1}', path.basename(file.fsPath), why),
      );
      return 'skipped';
    }
    vscode.window.setStatusBarMessage(
      rejected.length > 0
        ? vscode.l10n.t('$(error) Rejected: {0}', rejected.map(({ name }) => name).join(', '))
        : vscode.l10n.t('$(check) The verifier accepts {0}', accepted.map(describeAccepted).join(', ')),
      8000,
    );
    const outcome = rejected.length > 0 ? 'rejected' : 'accepted';
    services.milestones.verified(outcome);
    if (outcome === 'rejected') await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
    return outcome;
  });
}

function describeAccepted({ name, insnsProcessed }: Verdict): string {
  return vscode.l10n.t('{0} ({1} instructions processed)', name, insnsProcessed);
}

export interface VerifyOptions {
  /** The helper that loads; the session's own when absent, which may ask for a password. */
  client?: HelperClient;
  signal?: AbortSignal;
}

/** Verifies the object and shows each rejection where it stands, with the steps that led there as related information. */
export async function showVerdicts(
  services: Services,
  file: vscode.Uri,
  object: BpfObject,
  { client, signal }: VerifyOptions = {},
): Promise<Verdict[]> {
  const { verifyObject } = await import('../../session/verify.ts');
  const verdicts = await verifyObject(client ?? (await services.kernel.own()), object);
  if (signal?.aborted) return verdicts;
  for (const { name, failure } of verdicts) {
    if (failure) services.log.info(`Verifier log of ${name}:\n${failure.log}`);
  }
  services.verdicts.show(file, verdicts);
  return verdicts;
}
