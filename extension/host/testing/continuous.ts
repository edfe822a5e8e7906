import path from 'node:path';
import * as vscode from 'vscode';
import { fileOf } from './testTree.ts';
import type { Discovery } from './discovery.ts';

/** A burst of saves is one. */
const settleMs = 150;

export interface ContinuousOptions {
  request: vscode.TestRunRequest;
  controller: vscode.TestController;
  discovery: Discovery;
  /** Runs the request's tests of these files. */
  run: (request: vscode.TestRunRequest) => Promise<void>;
}

/**
 * Runs tests again whenever their file, the source that they test, or a header in or below its folder is saved. One run
 * at a time; what is saved meanwhile is run after it.
 */
export function runOnSave({ request, controller, discovery, run }: ContinuousOptions): vscode.Disposable {
  const { include, exclude, profile } = request;
  const changed = new Set<vscode.TestItem>();
  let running = false;
  let timer: NodeJS.Timeout | undefined;
  const inScope = (): vscode.TestItem[] => [
    ...new Set(include?.map(fileOf) ?? [...controller.items].map(([, item]) => item)),
  ];
  const flush = async (): Promise<void> => {
    if (running || changed.size === 0) return;
    running = true;
    const files = [...changed];
    changed.clear();
    const items = include === undefined ? files : include.filter((item) => files.includes(fileOf(item)));
    try {
      await run(new vscode.TestRunRequest(items, exclude, profile, true, true));
    } finally {
      running = false;
    }
    await flush();
  };
  // Which source a file tests is known when it was read.
  for (const item of inScope()) if (discovery.sourceOf(item) === undefined) void discovery.read(item);
  const subscription = vscode.workspace.onDidSaveTextDocument(({ uri }) => {
    const affected = inScope().filter(
      (item) => item.uri?.fsPath === uri.fsPath || concerns(uri.fsPath, discovery.sourceOf(item)),
    );
    if (affected.length === 0) return;
    for (const item of affected) changed.add(item);
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), settleMs);
  });
  return vscode.Disposable.from(subscription, new vscode.Disposable(() => clearTimeout(timer)));
}

function concerns(saved: string, source: string | undefined): boolean {
  if (source === undefined) return false;
  return saved === source || (saved.endsWith('.h') && saved.startsWith(path.dirname(source) + path.sep));
}
