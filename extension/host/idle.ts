import * as vscode from 'vscode';
import type { Services } from './services.ts';

/** Long enough for the next click of somebody who is still at it. */
const graceMs = 3000;

/**
 * Ends the helper when nothing is attached and nothing may use it: after detaching, no process is left.
 * `inUse` says whether a panel is open, tests run or a command is under way.
 */
export function releaseWhenIdle(services: Services, inUse: () => boolean): { check(): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  const check = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!services.attachments.inUse && !inUse()) void services.kernel.release();
    }, graceMs);
  };
  const subscription = services.attachments.onDidChange((event) => {
    if (event.kind !== 'attached') check();
  });
  return {
    check,
    dispose: () => vscode.Disposable.from(subscription, new vscode.Disposable(() => clearTimeout(timer))).dispose(),
  };
}
