import * as vscode from 'vscode';
import { notesOf } from '../../core/debugger/story/notes.ts';
import type { VerdictStory } from '../../core/debugger/story/types.ts';
import { XdpError } from '../../core/errors.ts';
import type { ToldStory } from '../../session/engine/story.ts';
import { setContext } from '../contextKeys.ts';
import { StoryDecorations } from './storyDecorations.ts';

/**
 * The way of the last run, shown in the editors of its sources until it is cleared, another one is shown, or one of the files is
 * changed: the lines would not be those that ran.
 */
export class VerdictStories implements vscode.Disposable {
  #story: VerdictStory | undefined;
  /** Made when a story is shown for the first time. */
  #decorations: StoryDecorations | undefined;
  readonly #subscriptions = vscode.Disposable.from(
    vscode.window.onDidChangeVisibleTextEditors(() => this.#apply()),
    vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length > 0 && this.#story?.lines.has(document.uri.fsPath) === true) this.clear();
    }),
  );

  dispose(): void {
    this.#subscriptions.dispose();
    this.#decorations?.dispose();
  }

  /** Opens the file of the verdict's return, beside what has the focus. Throws XdpError where the way is not known. */
  async show(told: ToldStory): Promise<void> {
    this.clear();
    if (told.kind === 'differs') {
      throw new XdpError(
        'not-available',
        vscode.l10n.t(
          'The path is not shown: compiled without optimisation the program comes to {0}, and what was run came to {1}.',
          told.stepped,
          told.action,
        ),
        {
          fix: vscode.l10n.t(
            'Usually that is undefined behaviour in the program, or what it does depends on time or chance. The debugger shows where they part.',
          ),
        },
      );
    }
    const { story } = told;
    const place = story.end.kind === 'running' ? undefined : story.end.place;
    const file = place?.file ?? [...story.lines.keys()][0];
    this.#story = story;
    setContext('storyShown', true);
    if (file !== undefined) await reveal(vscode.Uri.file(file), place?.line);
    this.#apply();
  }

  clear(): void {
    if (this.#story === undefined) return;
    this.#story = undefined;
    this.#apply();
    setContext('storyShown', false);
  }

  #apply(): void {
    const story = this.#story;
    if (story === undefined) return this.#decorations?.clear();
    this.#decorations ??= new StoryDecorations();
    for (const editor of vscode.window.visibleTextEditors) {
      const file = editor.document.uri.fsPath;
      if (story.lines.has(file) && editor.document.uri.scheme === 'file')
        this.#decorations.apply(editor, notesOf(story, file));
    }
  }
}

/** In the editor where the file is open already, else in the first column: the panel stays where it is. */
async function reveal(file: vscode.Uri, line: number | undefined): Promise<void> {
  const open = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === file.toString());
  const viewColumn = open?.viewColumn ?? vscode.ViewColumn.One;
  const document = await vscode.workspace.openTextDocument(file);
  const editor = await vscode.window.showTextDocument(document, { viewColumn, preserveFocus: true, preview: false });
  if (line === undefined) return;
  const range = new vscode.Range(line - 1, 0, line - 1, 0);
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
