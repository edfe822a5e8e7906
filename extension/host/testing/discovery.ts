import { translated } from '../../core/text/language.ts';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Problem } from '../../core/packetTest/problems.ts';
import { rangeIn, showTests } from './testTree.ts';

const suffix = '.xdptest.json';
const pattern = `**/*${suffix}`;
const ignored = /\/(node_modules|\.git)\//;
/** So many files are no tests of one project, but a folder opened by mistake. */
const maxFiles = 10_000;
/** As the CLI has it. */
const maxFileMiB = 64;
/** Long enough for a burst of keystrokes. */
const typingMs = 250;
/** Long enough for a folder to have its files. */
const arrivingMs = 500;

/**
 * Knows the test files of the workspace and what is in them. Looks for files when the Testing view asks, and reads a file
 * when it is unfolded, open in an editor, or run. What is in an editor counts more than what is on disk.
 */
export class Discovery implements vscode.Disposable {
  readonly #controller: vscode.TestController;
  readonly #problems = vscode.languages.createDiagnosticCollection('xdp-tests');
  readonly #sources = new Map<string, string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #subscriptions: vscode.Disposable[];
  #found: Promise<void> | undefined;

  constructor(controller: vscode.TestController) {
    this.#controller = controller;
    const follow = ({ uri }: vscode.TextDocument): void => {
      if (isTestFile(uri)) void this.read(this.#itemFor(uri));
    };
    this.#subscriptions = [
      this.#problems,
      vscode.workspace.onDidOpenTextDocument(follow),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0 && isTestFile(document.uri)) this.#readSoon(document.uri);
      }),
      // What was typed and not saved is gone with the editor.
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (isTestFile(uri)) this.#readSoon(uri);
      }),
    ];
    for (const document of vscode.workspace.textDocuments) follow(document);
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** Finds the files of the workspace, once; from then on a watcher follows them. */
  findAll(): Promise<void> {
    if (this.#found === undefined) {
      this.#watch();
      this.#found = this.#search();
    }
    return this.#found;
  }

  /** Looks again, at everything. */
  async refresh(): Promise<void> {
    this.#found ??= Promise.resolve(this.#watch());
    await this.#search();
    const read = [...this.#controller.items].map(([, item]) => item).filter(({ children }) => children.size > 0);
    await Promise.all(read.map((item) => this.read(item)));
  }

  /** The tests of a file as they are now. */
  async open(uri: vscode.Uri): Promise<vscode.TestItem> {
    const item = this.#itemFor(uri);
    await this.read(item);
    return item;
  }

  /** Reads a file's tests. Where it is not valid its last good tests stay, and its problems are shown. */
  async read(item: vscode.TestItem): Promise<void> {
    const { uri } = item;
    if (uri === undefined) return;
    item.busy = true;
    try {
      const { parseTestFile } = await import('../../core/packetTest/parseTestFile.ts');
      const open = openText(uri);
      if (open === undefined && (await vscode.workspace.fs.stat(uri)).size > maxFileMiB << 20) {
        item.error = translated(`${uri.fsPath} is larger than ${maxFileMiB} MiB.`);
        return;
      }
      const text = open ?? new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
      const { file, problems } = parseTestFile(text);
      this.#problems.set(
        uri,
        problems.map((problem) => diagnosticOf(text, problem)),
      );
      item.error =
        file === undefined ? vscode.l10n.t('This file is not a valid packet test file: see Problems.') : undefined;
      if (file === undefined) return;
      this.#sources.set(uri.toString(), path.resolve(path.dirname(uri.fsPath), file.source.value));
      showTests(this.#controller, item, text, file);
    } catch (error) {
      // Deleted meanwhile; the watcher says so as well, but not for files outside the workspace.
      if (!(error instanceof vscode.FileSystemError)) throw error;
      if (error.code === 'FileNotFound') this.#forget(uri);
      else item.error = translated(error.message);
    } finally {
      item.busy = false;
    }
  }

  /** Of the source that a file tests, absolute; undefined while the file was not read. */
  sourceOf({ uri }: vscode.TestItem): string | undefined {
    return uri && this.#sources.get(uri.toString());
  }

  async #search(): Promise<void> {
    const uris = (await vscode.workspace.findFiles(pattern, '**/node_modules/**', maxFiles)).filter(isTestFile);
    for (const uri of uris) this.#itemFor(uri);
    const found = new Set(uris.map(String));
    for (const [id, { uri }] of this.#controller.items)
      if (uri && !found.has(id) && openText(uri) === undefined) this.#forget(uri);
  }

  /** A folder that comes or goes with its files in it is often all that is reported. */
  #watch(): void {
    const watcher = vscode.workspace.createFileSystemWatcher('**');
    const changed = (uri: vscode.Uri): void => {
      if (!isTestFile(uri)) return;
      const item = this.#itemFor(uri);
      if (item.children.size > 0 || item.error !== undefined || openText(uri) !== undefined) this.#readSoon(uri);
    };
    watcher.onDidChange(changed);
    watcher.onDidCreate((uri) => {
      changed(uri);
      if (path.posix.extname(uri.path) === '' && !ignored.test(`${uri.path}/`)) this.#searchSoon();
    });
    watcher.onDidDelete(({ path: gone }) => {
      for (const [, { uri }] of this.#controller.items)
        if (uri !== undefined && (uri.path === gone || uri.path.startsWith(`${gone}/`))) this.#forget(uri);
    });
    this.#subscriptions.push(watcher);
  }

  #itemFor(uri: vscode.Uri): vscode.TestItem {
    const known = this.#controller.items.get(uri.toString());
    if (known !== undefined) return known;
    const relative = vscode.workspace.asRelativePath(uri);
    const item = this.#controller.createTestItem(uri.toString(), path.posix.basename(relative), uri);
    const folder = path.posix.dirname(relative);
    if (folder !== '.') item.description = folder;
    item.sortText = relative;
    item.canResolveChildren = true;
    this.#controller.items.add(item);
    return item;
  }

  #readSoon(uri: vscode.Uri): void {
    const id = uri.toString();
    this.#later(id, typingMs, async () => {
      const item = this.#controller.items.get(id);
      if (item !== undefined) await this.read(item);
    });
  }

  #searchSoon(): void {
    this.#later('', arrivingMs, () => this.#search());
  }

  /** Once for all requests of that time. */
  #later(id: string, delayMs: number, action: () => Promise<void>): void {
    clearTimeout(this.#timers.get(id));
    const act = (): void => {
      this.#timers.delete(id);
      void action();
    };
    this.#timers.set(id, setTimeout(act, delayMs));
  }

  #forget(uri: vscode.Uri): void {
    this.#controller.items.delete(uri.toString());
    this.#sources.delete(uri.toString());
    this.#problems.delete(uri);
  }
}

/** `file`; where VS Code is a page, what its folders are of. */
function fileSchemes(): ReadonlySet<string> {
  return new Set(['file', ...(vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.scheme)]);
}

export function isTestFile(uri: vscode.Uri): boolean {
  return fileSchemes().has(uri.scheme) && uri.path.endsWith(suffix) && !ignored.test(uri.path);
}

function openText(uri: vscode.Uri): string | undefined {
  return vscode.workspace.textDocuments.find((each) => each.uri.toString() === uri.toString())?.getText();
}

function diagnosticOf(text: string, problem: Problem): vscode.Diagnostic {
  const { message, expected, fix } = problem;
  const wanted = expected === undefined ? [] : [vscode.l10n.t('Expected: {0}.', translated(expected))];
  const words = [translated(message), ...wanted, ...(fix === undefined ? [] : [translated(fix)])].join(' ');
  const diagnostic = new vscode.Diagnostic(rangeIn(text, problem), words, vscode.DiagnosticSeverity.Error);
  diagnostic.source = 'xdp';
  return diagnostic;
}
