import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Services } from '../services.ts';

/** A helper that does not answer is not waited for: it ends with its pipe, and what it holds with it. */
const patienceMs = 2000;

/**
 * Starts the helper, and ends the one that runs before that: it may have been left behind by an update of libbpf, or not answer.
 * False where the user rather keeps what it holds.
 */
export async function restartHelper({ kernel, attachments }: Services): Promise<boolean> {
  if (kernel.ownIfRunning() !== undefined) {
    const held = attachments.live.filter(({ pin }) => pin === undefined);
    if (held.length > 0 && !(await mayDetach(held.map(({ program, iface }) => `${program} (${iface})`)))) return false;
    const detached = Promise.allSettled(held.map((live) => attachments.detach(live)));
    await Promise.race([detached, sleep(patienceMs)]);
    await kernel.release();
  }
  await kernel.own();
  return true;
}

async function mayDetach(held: readonly string[]): Promise<boolean> {
  const restart = vscode.l10n.t('Restart Helper');
  const question = vscode.l10n.t('The helper holds what this window has attached: {0}.', held.join(', '));
  const detail = vscode.l10n.t('It is detached when the helper is started anew. What you keep attached stays.');
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, restart)) === restart;
}
