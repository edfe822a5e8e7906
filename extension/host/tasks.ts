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
      return files.flatMap((uri) => {
        const folder = vscode.workspace.getWorkspaceFolder(uri);
        const file = vscode.workspace.asRelativePath(uri, false);
        const definition: XdpTaskDefinition = { type: taskType, task: 'compile', file };
        return folder === undefined ? [] : [compileTask(context, definition, file, folder)];
      });
    },
    resolveTask(task) {
      const { definition } = task;
      if (definition['task'] !== 'compile' || typeof definition['file'] !== 'string') return undefined;
      // VS Code takes no answer with another definition than the very one that it asked about.
      return compileTask(context, definition, definition['file'], task.scope);
    },
  });
}

function compileTask(
  context: vscode.ExtensionContext,
  definition: vscode.TaskDefinition,
  file: string,
  scope: vscode.Task['scope'],
): vscode.Task {
  const cli = context.asAbsolutePath('dist/cli.js');
  // Desktop VS Code is Electron: this makes its executable a Node.js.
  const options = { env: { ELECTRON_RUN_AS_NODE: '1' } };
  // Its file is relative to the folder that it is of; a task of the whole workspace is of its first.
  const { uri } = typeof scope === 'object' ? scope : (vscode.workspace.workspaceFolders?.[0] ?? {});
  const execution = new vscode.ProcessExecution(process.execPath, [cli, 'compile', file], {
    ...options,
    ...(uri === undefined ? {} : { cwd: uri.fsPath }),
  });
  const task = new vscode.Task(
    definition,
    scope ?? vscode.TaskScope.Workspace,
    `compile ${file}`,
    taskType,
    execution,
    '$xdp',
  );
  task.group = vscode.TaskGroup.Build;
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Silent };
  return task;
}
