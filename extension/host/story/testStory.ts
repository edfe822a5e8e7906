import * as vscode from 'vscode';
import { possibleCpus } from '../../session/engine/target.ts';
import { storyOfTest } from '../../session/engine/story.ts';
import { saveIfDirty } from '../build.ts';
import { withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';
import type { VerdictStories } from './verdictStories.ts';

/** Test Explorer gives the test; its messages give both. */
function testOf(argument: unknown): vscode.TestItem | undefined {
  if (typeof argument !== 'object' || argument === null) return undefined;
  const item: unknown = 'test' in argument ? argument.test : argument;
  // VS Code makes these itself; nothing else has an id and children.
  if (typeof item !== 'object' || item === null || !('id' in item) || !('children' in item)) return undefined;
  let test = item as vscode.TestItem;
  // Of a file, or of a program in it, the first test.
  for (let [first] = test.children; first !== undefined; [first] = test.children) [, test] = first;
  return test;
}

/** Shows the way of a packet test's packet, `target`: what Test Explorer hands to a command of its menus. */
export async function showTestStory(services: Services, stories: VerdictStories, target: unknown): Promise<void> {
  requireTrust();
  const item = testOf(target);
  const { uri } = item ?? {};
  if (item === undefined || uri === undefined) return;
  for (const document of vscode.workspace.textDocuments)
    if (document.isDirty && /\.(c|h|xdptest\.json)$/.test(document.uri.path)) await saveIfDirty(document.uri);
  const told = await withCancel(vscode.l10n.t('Following the packet…'), (_, signal) =>
    storyOfTest({ testFile: uri.fsPath, test: item.id }, { ...services.buildOptions(uri), signal }, possibleCpus()),
  );
  await stories.show(told);
}
