import * as vscode from 'vscode';

export type Report = vscode.Progress<{ message?: string; increment?: number }>['report'];

/** Work that a notification tells of, with a button that stops it. */
export async function withCancel<T>(
  title: string,
  work: (report: Report, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const location = vscode.ProgressLocation.Notification;
  return await vscode.window.withProgress({ location, title, cancellable: true }, async (progress, token) => {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      return await work((step) => progress.report(step), abort.signal);
    } finally {
      cancelled.dispose();
    }
  });
}
