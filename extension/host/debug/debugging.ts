import path from 'node:path';
import * as vscode from 'vscode';
import { saveIfDirty, targetFile } from '../build.ts';
import { showError } from '../errors.ts';
import { debugType } from '../ids.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';

/**
 * What VS Code has to know to debug XDP programs: configurations are completed here, and the adapter, a process of its own,
 * does the rest. Nothing is read or started before somebody debugs.
 */
export function registerDebugging(services: Services): vscode.Disposable {
  const provider: vscode.DebugConfigurationProvider = {
    provideDebugConfigurations: async () => [(await import('./configuration.ts')).defaultConfiguration()],
    resolveDebugConfiguration: (_, configuration) => guarded(services, () => fromNothing(configuration)),
    resolveDebugConfigurationWithSubstitutedVariables: (_, configuration) =>
      guarded(services, () => complete(services, configuration)),
  };
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(debugType, provider),
    vscode.debug.onDidReceiveDebugSessionCustomEvent(async (event) => {
      if (event.session.type !== debugType) return;
      const { answerKernelQuestion } = await import('./kernelVerdict.ts');
      await answerKernelQuestion(services, event);
    }),
  );
}

/** The command: asks for a packet, and starts. `fn`: the program, where the caller knows it. */
export async function debugCommand(target: unknown, fn: unknown): Promise<void> {
  const file = await targetFile(target);
  if (file === undefined) return;
  const { chooseConfiguration } = await import('./configuration.ts');
  const configuration = await chooseConfiguration(file, typeof fn === 'string' ? fn : undefined);
  if (configuration !== undefined) await startDebugging(file, configuration);
}

export async function startDebugging(file: vscode.Uri, configuration: vscode.DebugConfiguration): Promise<boolean> {
  return await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(file), configuration);
}

/** F5 without a launch.json: the C file in the editor. */
async function fromNothing(configuration: vscode.DebugConfiguration): Promise<vscode.DebugConfiguration | undefined> {
  if (configuration.type && configuration.request) return configuration;
  requireTrust();
  const document = vscode.window.activeTextEditor?.document;
  const { chooseConfiguration, defaultConfiguration } = await import('./configuration.ts');
  if (document?.languageId !== 'c') return defaultConfiguration();
  return await chooseConfiguration(document.uri);
}

/** What the adapter needs of the settings. What is debugged is what is on the screen. */
async function complete(
  services: Services,
  configuration: vscode.DebugConfiguration,
): Promise<vscode.DebugConfiguration> {
  requireTrust();
  const named: unknown = configuration['program'] ?? configuration['testFile'];
  const file = vscode.Uri.file(typeof named === 'string' && path.isAbsolute(named) ? named : '/');
  for (const document of vscode.workspace.textDocuments) {
    if (document.isDirty && /\.(c|h|xdptest\.json)$/.test(document.uri.path)) await saveIfDirty(document.uri);
  }
  const { clangPath, includeDirs, workspaceRoots } = services.buildOptions(file);
  const settings = { includeDirs, workspaceRoots, ...(clangPath === undefined ? {} : { clangPath }) };
  return { ...configuration, ...settings, extensionAsksKernel: true };
}

async function guarded(
  services: Services,
  action: () => Promise<vscode.DebugConfiguration | undefined>,
): Promise<vscode.DebugConfiguration | undefined> {
  try {
    return await action();
  } catch (error) {
    void showError(services, error);
    return undefined;
  }
}
