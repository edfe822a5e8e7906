import path from 'node:path';
import * as vscode from 'vscode';
import type { CompileResult } from '../../session/bpfObject.ts';
import { translated } from '../../core/text/language.ts';
import { settings } from '../ids.ts';
import type { TextViews } from './textViews.ts';

/** What the compiles of each source found by themselves, and why: shown on request, as text. */
export class CompileView {
  readonly #results = new Map<string, CompileResult>();
  readonly #views: TextViews;

  constructor(views: TextViews) {
    this.#views = views;
  }

  remember(file: vscode.Uri, result: CompileResult): void {
    this.#results.set(file.fsPath, result);
    this.#views.update(nameOf(file), describe(file.fsPath, result));
  }

  async show(file: vscode.Uri): Promise<void> {
    const result = this.#results.get(file.fsPath);
    if (result !== undefined) await this.#views.show(nameOf(file), describe(file.fsPath, result));
  }
}

function nameOf(file: vscode.Uri): string {
  return `${vscode.l10n.t('{0}: how it is compiled', path.basename(file.fsPath))}.md`;
}

function describe(file: string, { ok, command, durationMs, resolved }: CompileResult): string {
  const { includes, reasons, vmlinux, project, flags, ignored, choices } = resolved;
  const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n');
  const parts = [
    `# ${vscode.l10n.t('How {0} is compiled', path.basename(file))}`,
    ok
      ? vscode.l10n.t('It compiles, in {0} ms.', Math.round(durationMs))
      : vscode.l10n.t('It does not compile: see the Problems.'),
    `## ${vscode.l10n.t('Flags of the project')}`,
    project === null
      ? vscode.l10n.t('No compile database, Makefile, CMake, Meson or bpf2go line says how.')
      : project.dropped === undefined
        ? vscode.l10n.t('From {0}:', project.file)
        : vscode.l10n.t('{0} was read, and its flags dropped: {1}.', project.file, translated(project.dropped)),
    list(flags.map((flag) => `\`${flag}\``)),
    ...(ignored.length === 0
      ? []
      : [vscode.l10n.t('Not taken:'), list(ignored.map(({ flag, why }) => `\`${flag}\`: ${translated(why)}`))]),
    `## ${vscode.l10n.t('Headers')}`,
    list(includes.map((dir) => `\`${dir}\` ${translated(reasons[dir] ?? '')}`)),
    ...(vmlinux === null ? [] : [vscode.l10n.t('`vmlinux.h` is {0}.', `\`${vmlinux}\``)]),
    ...choices.map(({ header, candidates }) =>
      [vscode.l10n.t('There are several {0}:', `\`${header}\``), list(candidates.map((each) => `\`${each}\``))].join(
        '\n\n',
      ),
    ),
    `## ${vscode.l10n.t('Command')}`,
    `\`\`\`sh\n${command.map(shellWord).join(' ')}\n\`\`\``,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * Where the project has several headers of a name and nothing says which is meant: asks, and keeps the answer in the
 * settings of the workspace. True when something was chosen, so that compiling again makes sense.
 */
export async function chooseHeaders(file: vscode.Uri, result: CompileResult): Promise<boolean> {
  const [choice] = result.resolved.choices;
  if (choice === undefined) return false;
  const { header, candidates } = choice;
  const ask = vscode.l10n.t('Choose');
  const question = vscode.l10n.t('This project has {0} headers named {1}.', candidates.length, header);
  if ((await vscode.window.showWarningMessage(question, ask)) !== ask) return false;
  const picked = await vscode.window.showQuickPick(
    candidates.map((candidate) => ({ label: vscode.workspace.asRelativePath(candidate), candidate })),
    { title: vscode.l10n.t('Which {0} does {1} mean?', header, path.basename(file.fsPath)) },
  );
  if (picked === undefined) return false;
  const folder = vscode.workspace.getWorkspaceFolder(file);
  const dir = picked.candidate.slice(0, -(header.length + 1));
  const shown = folder === undefined ? dir : path.relative(folder.uri.fsPath, dir);
  const configuration = vscode.workspace.getConfiguration(undefined, file);
  const before = configuration.get<string[]>(settings.includePath) ?? [];
  const target = folder === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.WorkspaceFolder;
  await configuration.update(settings.includePath, [...before, shown === '' ? '.' : shown], target);
  return true;
}
