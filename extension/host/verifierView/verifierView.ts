import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { toErrorData } from '../../core/errors.ts';
import { translated } from '../../core/text/language.ts';
import {
  type FromVerifierView,
  fromVerifierView,
  type ShownFailure,
  type ToVerifierView,
} from '../../protocol/verifierView.ts';
import type { VerifierFailure } from '../../session/verify.ts';
import type { Walk } from '../../session/verifierSteps.ts';
import { buildFile } from '../build.ts';
import { showVerdicts } from '../commands/verify.ts';
import { commands } from '../ids.ts';
import type { Services } from '../services.ts';
import { configureWebview } from '../webviewHtml.ts';
import { SourceMark } from './sourceMark.ts';

/** What the view is about: a program of a file, which can be verified again, or walks that somebody has as text. */
export type Subject =
  | { kind: 'program'; file: vscode.Uri; program: string }
  | { kind: 'log'; title: string; walks: readonly Walk[]; selected: number };

/** A webview is given the end of a longer log: it tells why. */
const maxLogChars = 1 << 26;

/** One view of the verifier's steps per window, beside the source. */
export class VerifierView implements vscode.Disposable {
  readonly #services: Services;
  readonly #mark: SourceMark;
  #panel: vscode.WebviewPanel | undefined;
  #subscriptions: vscode.Disposable | undefined;
  #subject: Subject | undefined;
  /** What a view that opens, or opens again, is told first. */
  #shown: ToVerifierView | undefined;
  #turn = 0;
  /** Of the walk that is being made: another one, or closing the view, stops it. */
  #making: AbortController | undefined;
  #isReady = false;

  constructor(services: Services) {
    this.#services = services;
    this.#mark = new SourceMark();
  }

  /** Shows a walk; a program's is made by loading it, alone and attached to nothing. */
  async open(subject: Subject): Promise<void> {
    const turn = ++this.#turn;
    this.#making?.abort();
    const making = new AbortController();
    this.#making = making;
    this.#subject = subject;
    if (this.#panel === undefined) this.#create();
    // The keys step there: whoever opens it can go on with them.
    else this.#panel.reveal();
    if (subject.kind === 'log') {
      const walk = subject.walks[subject.selected];
      const programs = subject.walks.map(({ program }) => program);
      if (walk !== undefined) this.#show(walk, { title: subject.title, programs, selected: subject.selected });
      return;
    }
    this.#post({ kind: 'busy', program: subject.program });
    try {
      const object = await buildFile(this.#services, subject.file, making.signal);
      // The squiggles and costs of the text that is shown, since building it took the old ones away.
      await showVerdicts(this.#services, subject.file, object, { signal: making.signal });
      const { walkProgram } = await import('../../session/verifierSteps.ts');
      const walk = await walkProgram(await this.#services.kernel.own(), object, subject.program);
      if (turn !== this.#turn) return;
      const programs = object.spec.programs.map(({ name }) => name);
      const title = path.basename(subject.file.fsPath);
      this.#show(walk, { title, programs, selected: programs.indexOf(subject.program) });
    } catch (error) {
      const { message, fix = '' } = toErrorData(error);
      if (turn === this.#turn) this.#post({ kind: 'failed', message: translated(message), fix: translated(fix) });
      throw error;
    }
  }

  #show(walk: Walk, about: { title: string; programs: string[]; selected: number }): void {
    const cut = walk.log.length <= maxLogChars ? 0 : walk.log.indexOf('\n', walk.log.length - maxLogChars) + 1;
    const { failure, places, verdict } = walk;
    this.#post({
      kind: 'walk',
      ...about,
      selected: Math.max(0, about.selected),
      verdict,
      log: walk.log.slice(cut),
      leftOut: cut,
      ...(places === undefined ? {} : { places }),
      ...(failure === undefined ? {} : { failure: shown(failure) }),
    });
  }

  #create(): void {
    const panel = vscode.window.createWebviewPanel(
      'xdp.verifier',
      vscode.l10n.t('Verifier'),
      vscode.ViewColumn.Beside,
      { retainContextWhenHidden: true },
    );
    this.#panel = panel;
    this.#isReady = false;
    const media = vscode.Uri.joinPath(this.#services.extensionUri, 'extension', 'host', 'media');
    panel.iconPath = {
      dark: vscode.Uri.joinPath(media, 'xdp.svg'),
      light: vscode.Uri.joinPath(media, 'xdp-light.svg'),
    };
    configureWebview(panel.webview, this.#services.extensionUri, { script: 'verifier', element: 'xdp-verifier-view' });
    this.#subscriptions = vscode.Disposable.from(
      panel.webview.onDidReceiveMessage((raw: unknown) => {
        const message = v.safeParse(fromVerifierView, raw);
        if (message.success) void this.#receive(message.output);
      }),
      vscode.window.onDidChangeTextEditorSelection((event) => this.#cursorMoved(event)),
      vscode.workspace.onDidSaveTextDocument(({ languageId }) => {
        if (languageId === 'c' && this.#subject?.kind === 'program') this.#send({ kind: 'stale' });
      }),
    );
    panel.onDidDispose(() => {
      this.#subscriptions?.dispose();
      this.#mark.clear();
      this.#panel = undefined;
      this.#shown = undefined;
      this.#subject = undefined;
      this.#turn++;
      this.#making?.abort();
    });
  }

  #post(message: ToVerifierView): void {
    this.#shown = message;
    if (this.#isReady) this.#send(message);
  }

  #send(message: ToVerifierView): void {
    void this.#panel?.webview.postMessage(message);
  }

  async #receive(message: FromVerifierView): Promise<void> {
    switch (message.kind) {
      case 'ready':
        this.#isReady = true;
        if (this.#shown !== undefined) this.#send(this.#shown);
        return;
      case 'again':
        return await this.#again(this.#subject);
      case 'choose':
        return await this.#again(this.#chosen(message.program));
      case 'reveal':
        return await this.#mark.reveal(message, this.#panel?.viewColumn);
    }
  }

  /** Through the command, so that its failures are told and the helper is not sent home meanwhile. */
  async #again(subject: Subject | undefined): Promise<void> {
    if (subject?.kind === 'log') await this.open(subject);
    else if (subject !== undefined)
      await vscode.commands.executeCommand(commands.openVerifierView, subject.file, subject.program);
  }

  #chosen(index: number): Subject | undefined {
    const subject = this.#subject;
    if (subject?.kind === 'log') return index < subject.walks.length ? { ...subject, selected: index } : undefined;
    const program = this.#shown?.kind === 'walk' ? this.#shown.programs[index] : undefined;
    return subject === undefined || program === undefined ? undefined : { ...subject, program };
  }

  #cursorMoved({ textEditor, kind }: vscode.TextEditorSelectionChangeEvent): void {
    // Commands move the cursor too: going to the source from the view is not asked back.
    if (kind === undefined || textEditor.document.uri.scheme !== 'file') return;
    this.#send({
      kind: 'cursor',
      file: textEditor.document.uri.fsPath,
      line: textEditor.selection.active.line + 1,
    });
  }

  dispose(): void {
    this.#panel?.dispose();
    this.#mark.dispose();
  }
}

/** In the reader's language, and without the log, which crosses once. */
function shown({ code, file, line, message, explanation, fix, story }: VerifierFailure): ShownFailure {
  return {
    code,
    file,
    line,
    message,
    explanation: translated(explanation),
    ...(fix === undefined ? {} : { fix: translated(fix) }),
    story: story.map((entry) => ({ ...entry, text: translated(entry.text) })),
  };
}
