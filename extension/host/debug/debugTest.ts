import * as vscode from 'vscode';
import { debugType } from '../ids.ts';
import { testConfiguration } from './configuration.ts';
import { startDebugging } from './debugging.ts';

/** Debugs one packet test, until its session ends. False when it could not be started. */
export async function debugTest(testFile: vscode.Uri, test: string, token: vscode.CancellationToken): Promise<boolean> {
  const configuration = testConfiguration(testFile, test);
  const subscriptions: vscode.Disposable[] = [];
  const isOurs = ({ type, configuration: { testFile: file, test: name } }: vscode.DebugSession): boolean =>
    type === debugType && file === configuration['testFile'] && name === test;
  try {
    const ended = new Promise<void>((resolve) => {
      subscriptions.push(vscode.debug.onDidTerminateDebugSession((session) => isOurs(session) && resolve()));
    });
    subscriptions.push(token.onCancellationRequested(() => void vscode.debug.stopDebugging()));
    if (!(await startDebugging(testFile, configuration))) return false;
    await ended;
    return true;
  } finally {
    vscode.Disposable.from(...subscriptions).dispose();
  }
}
