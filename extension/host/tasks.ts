import * as vscode from 'vscode';
import { taskType } from './ids.ts';

interface XdpTaskDefinition extends vscode.TaskDefinition {
  task: 'compile';
  file: string;
}

/** `xdp` tasks run the CLI, so that a build in a terminal, in tasks.json and in CI is the same command. */
export function registerTasks(context: vscode.ExtensionContext): vscode.Disposable {
  return vscode.tasks.registerTaskProvider(taskType, {
    async provideTasks() {
      if (!vscode.workspace.isTrusted) return [];
      const files = await vscode.workspace.findFiles('**/*.bpf.c', '**/node_modules/**', 100);
      return files.map((uri) =>
        compileTask(context, { type: taskType, task: 'compile', file: vscode.workspace.asRelativePath(uri) }),
      );
    },
    resolveTask(task) {
      const { definition } = task;
      if (definition['task'] !== 'compile' || typeof definition['file'] !== 'string') return undefined;
      return compileTask(context, { type: taskType, task: 'compile', file: definition['file'] }, task.scope);
    },
  });
}

function compileTask(
  context: vscode.ExtensionContext,
  definition: XdpTaskDefinition,
  scope: vscode.Task['scope'] = vscode.TaskScope.Workspace,
): vscode.Task {
  const cli = context.asAbsolutePath('dist/cli.js');
  // Desktop VS Code is Electron: this makes its executable a Node.js.
  const options = { env: { ELECTRON_RUN_AS_NODE: '1' } };
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const execution = new vscode.ProcessExecution(process.execPath, [cli, 'compile', definition.file], {
    ...options,
    ...(folder === undefined ? {} : { cwd: folder }),
  });
  const task = new vscode.Task(definition, scope, `compile ${definition.file}`, taskType, execution, '$xdp');
  task.group = vscode.TaskGroup.Build;
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Silent };
  return task;
}
