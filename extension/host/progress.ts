import * as vscode from 'vscode';
import { XdpError } from '../core/errors.ts';

export type Report = vscode.Progress<{ message?: string; increment?: number }>['report'];

/** What is done sooner needs no notification. Milliseconds. */
const quickMs = 500;

/**
 * Work that may take a while: when it does, a notification tells of it, with a button that stops it. Who stops it hears nothing more of it
 * (`cancelled`, which `showError` keeps to itself).
 */
export async function withCancel<T>(
  title: string,
  work: (report: Report, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  let report: Report = () => undefined;
  const running = work((step) => report(step), abort.signal);
  if (await isQuick(running)) return await running;
  const location = vscode.ProgressLocation.Notification;
  return await vscode.window.withProgress({ location, title, cancellable: true }, async (progress, token) => {
    report = (step) => progress.report(step);
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      return await running;
    } finally {
      cancelled.dispose();
    }
  });
}

/**
 * For work that nothing can interrupt, such as one call into the kernel: who stops it is free at once, and what comes of it is undone
 * when it is there.
 */
export async function untilCancelled<T>(
  signal: AbortSignal,
  work: Promise<T>,
  undo: (result: T) => unknown = () => undefined,
): Promise<T> {
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new XdpError('cancelled', 'It was stopped before it finished'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, stopped]);
  } catch (error) {
    // Whether it failed as well, or could not be undone: what is there is shown where it always is.
    if (signal.aborted) work.then(undo).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function isQuick(running: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), quickMs);
  });
  const done = running.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
