import * as vscode from 'vscode';
import type { LineNote, notesOf } from '../../core/debugger/story/notes.ts';

/** How a story looks in an editor: lines that ran are tinted, and what decided stands behind the code, never over it. */
export class StoryDecorations implements vscode.Disposable {
  readonly #ran = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('xdp.storyLineBackground'),
    overviewRulerColor: new vscode.ThemeColor('xdp.storyRuler'),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
  });
  readonly #note = noteType({ color: new vscode.ThemeColor('xdp.storyForeground') });
  readonly #end = noteType({ color: new vscode.ThemeColor('xdp.storyVerdictForeground'), fontWeight: 'bold' });

  dispose(): void {
    vscode.Disposable.from(this.#ran, this.#note, this.#end).dispose();
  }

  clear(): void {
    for (const editor of vscode.window.visibleTextEditors)
      for (const type of [this.#ran, this.#note, this.#end]) editor.setDecorations(type, []);
  }

  apply(editor: vscode.TextEditor, { lines, notes }: ReturnType<typeof notesOf>): void {
    const { document } = editor;
    const exists = (line: number): boolean => line >= 1 && line <= document.lineCount;
    editor.setDecorations(
      this.#ran,
      lines.filter(exists).map((line) => ({ range: document.lineAt(line - 1).range })),
    );
    const shown = [...notes].filter(([line]) => exists(line));
    const optionsOf = ([line, note]: [number, LineNote]): vscode.DecorationOptions => {
      const { end } = document.lineAt(line - 1).range;
      return {
        range: new vscode.Range(end, end),
        hoverMessage: hoverOf(note),
        renderOptions: { after: { contentText: note.text } },
      };
    };
    editor.setDecorations(this.#note, shown.filter(([, note]) => !note.isEnd).map(optionsOf));
    editor.setDecorations(this.#end, shown.filter(([, note]) => note.isEnd).map(optionsOf));
  }
}

function noteType(after: vscode.ThemableDecorationAttachmentRenderOptions): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({ after: { margin: '0 0 0 3ch', ...after } });
}

/** As text: names in it come from the program. */
function hoverOf({ details }: LineNote): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendCodeblock(details.join('\n'), 'c');
  return text;
}
