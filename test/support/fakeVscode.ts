/** As much of VS Code's API as the web extension uses to run packet tests. */
export interface FakeFiles {
  /** The only workspace folder, as a URI. */
  folder: string;
  /** By the path of the URI; throws where there is no such file. */
  readFile: (path: string) => Uint8Array;
  size: (path: string) => number;
}

type Listener = (...args: never[]) => unknown;
type Handler = (request: object, token: object) => Promise<void>;

class FakeUri {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;

  constructor(scheme: string, authority: string, path: string) {
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
  }

  static parse(text: string): FakeUri {
    const { protocol, host, pathname } = new URL(text);
    return new FakeUri(protocol.slice(0, -1), host, pathname);
  }

  static file(path: string): FakeUri {
    return new FakeUri('file', '', path);
  }

  static joinPath(uri: FakeUri, ...parts: string[]): FakeUri {
    return uri.with({ path: [uri.path, ...parts].join('/') });
  }

  get fsPath(): string {
    return this.path;
  }

  with({ path }: { path: string }): FakeUri {
    return new FakeUri(this.scheme, this.authority, path);
  }

  toString(): string {
    return `${this.scheme}://${this.authority}${this.path}`;
  }
}

class FakePosition {
  readonly line: number;
  readonly character: number;

  constructor(line: number, character: number) {
    this.line = line;
    this.character = character;
  }

  translate(lines: number, characters: number): FakePosition {
    return new FakePosition(this.line + lines, this.character + characters);
  }

  compareTo(other: FakePosition): number {
    return this.line - other.line || this.character - other.character;
  }
}

class FakeItems {
  readonly #items = new Map<string, FakeItem>();
  /** Whose children they are; undefined for the controller's. */
  owner: FakeItem | undefined;

  get size(): number {
    return this.#items.size;
  }

  get(id: string): FakeItem | undefined {
    return this.#items.get(id);
  }

  add(item: FakeItem): void {
    item.parent = this.owner;
    this.#items.set(item.id, item);
  }

  replace(items: readonly FakeItem[]): void {
    this.#items.clear();
    for (const item of items) this.add(item);
  }

  [Symbol.iterator](): IterableIterator<[string, FakeItem]> {
    return this.#items.entries();
  }
}

interface FakeItem {
  id: string;
  label: string;
  uri: FakeUri;
  parent: FakeItem | undefined;
  children: FakeItems;
}

const disposable = { dispose: (): void => undefined };
const noEvent = (): typeof disposable => disposable;

interface HoverProvider {
  provideHover(document: object, position: number): Promise<{ contents: { value: string } } | undefined>;
}

/** The API, and what a test sees of it. */
export function fakeVscode({ folder, readFile, size }: FakeFiles) {
  const commands = new Map<string, Listener>();
  const shown: string[] = [];
  const results: string[] = [];
  const handlers: Handler[] = [];
  const items = new FakeItems();
  const hovers: HoverProvider[] = [];
  const workspaceFolders = [{ uri: FakeUri.parse(folder), name: 'project', index: 0 }];
  const log = {
    error: (text: string) => shown.push(text),
    info: noEvent,
    warn: noEvent,
    debug: noEvent,
    show: noEvent,
    ...disposable,
  };
  /** What the last panel was sent, and how it answers. */
  const panel = { received: [] as Record<string, unknown>[], send: (_message: unknown): unknown => undefined };
  const createWebviewPanel = () => ({
    visible: true,
    webview: {
      cspSource: '',
      asWebviewUri: (uri: FakeUri) => uri,
      postMessage: (message: Record<string, unknown>) => Promise.resolve(panel.received.push(message) > 0),
      onDidReceiveMessage: (listener: (message: unknown) => unknown) => {
        panel.send = listener;
        return disposable;
      },
    },
    onDidChangeViewState: noEvent,
    onDidDispose: noEvent,
    reveal: noEvent,
    ...disposable,
  });
  const messageOf = ({ message }: { message: string }): string => message;
  const run = {
    token: { onCancellationRequested: noEvent },
    enqueued: noEvent,
    started: noEvent,
    appendOutput: noEvent,
    end: noEvent,
    passed: ({ label }: FakeItem) => results.push(`passed ${label}`),
    failed: ({ label }: FakeItem, messages: { message: string }[]) =>
      results.push(`failed ${label}: ${messages.map(messageOf).join('; ')}`),
    errored: (_: FakeItem, message: { message: string }) => results.push(`error: ${message.message}`),
    skipped: ({ label }: FakeItem) => results.push(`skipped ${label}`),
  };
  const controller = {
    items,
    createTestItem: (id: string, label: string, uri: FakeUri): FakeItem => {
      const item: FakeItem = { id, label, uri, parent: undefined, children: new FakeItems() };
      item.children.owner = item;
      return item;
    },
    createRunProfile: (_label: string, _kind: number, handler: Handler) => {
      handlers.push(handler);
      return {};
    },
    createTestRun: () => run,
    ...disposable,
  };
  const api = {
    Uri: FakeUri,
    Position: FakePosition,
    Range: class {
      readonly start: FakePosition;
      readonly end: FakePosition;

      constructor(start: FakePosition, end: FakePosition) {
        this.start = start;
        this.end = end;
      }
    },
    Location: class {},
    Disposable: { from: () => disposable },
    CancellationTokenSource: class {
      token = { isCancellationRequested: false, onCancellationRequested: noEvent };
      cancel = noEvent;
      dispose = noEvent;
    },
    TestMessage: class {
      readonly message: string;

      constructor(message: string) {
        this.message = message;
      }
    },
    FileSystemError: class extends Error {},
    DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 },
    FileType: { File: 1, Directory: 2 },
    TestRunProfileKind: { Run: 1, Debug: 2, Coverage: 3 },
    l10n: { t: (message: string) => message, bundle: undefined },
    CompletionItemKind: {},
    MarkdownString: class {
      readonly value: string;

      constructor(value: string) {
        this.value = value;
      }
    },
    Hover: class {
      readonly contents: unknown;

      constructor(contents: unknown) {
        this.contents = contents;
      }
    },
    languages: {
      createDiagnosticCollection: () => ({ set: noEvent, delete: noEvent, ...disposable }),
      registerHoverProvider: (_: unknown, provider: HoverProvider) => {
        hovers.push(provider);
        return disposable;
      },
      registerCompletionItemProvider: noEvent,
      registerSignatureHelpProvider: noEvent,
    },
    debug: { onDidTerminateDebugSession: noEvent },
    tests: { createTestController: () => controller },
    env: { language: 'en' },
    ViewColumn: { Beside: -2 },
    window: {
      createWebviewPanel,
      activeTextEditor: undefined,
      createOutputChannel: () => log,
      onDidChangeActiveTextEditor: noEvent,
      registerCustomEditorProvider: noEvent,
      showInformationMessage: (message: string) => Promise.resolve(void shown.push(message)),
      showErrorMessage: (message: string) => Promise.resolve(void shown.push(message)),
    },
    commands: {
      registerCommand: (id: string, run: Listener) => {
        commands.set(id, run);
        return disposable;
      },
      executeCommand: () => Promise.resolve(),
    },
    workspace: {
      isTrusted: true,
      workspaceFolders,
      textDocuments: [],
      asRelativePath: ({ path }: FakeUri) => path.slice(workspaceFolders[0]!.uri.path.length + 1),
      findFiles: () => Promise.resolve([]),
      createFileSystemWatcher: () => ({
        onDidChange: noEvent,
        onDidCreate: noEvent,
        onDidDelete: noEvent,
        ...disposable,
      }),
      getConfiguration: () => ({ get: () => undefined }),
      onDidOpenTextDocument: noEvent,
      onDidChangeTextDocument: noEvent,
      onDidCloseTextDocument: noEvent,
      onDidSaveTextDocument: noEvent,
      fs: {
        readFile: async ({ path }: FakeUri) => await Promise.resolve(path).then(readFile),
        stat: async ({ path }: FakeUri) => ({ type: 1, size: await Promise.resolve(path).then(size) }),
      },
    },
  };

  /** By the first profile, as the Run button does; what each test came to, in words. */
  async function runTests(name: string): Promise<string[]> {
    const file = controller.createTestItem(`${folder}/${name}`, name, FakeUri.parse(`${folder}/${name}`));
    items.add(file);
    const token = { isCancellationRequested: false, onCancellationRequested: noEvent };
    await handlers[0]?.({ include: [file] }, token);
    return results;
  }
  /** What is said of the word at its first place in a C source of the folder. */
  async function hover(name: string, word: string): Promise<string | undefined> {
    const uri = FakeUri.parse(`${folder}/${name}`);
    const text = new TextDecoder().decode(readFile(uri.path));
    const document = { uri, getText: () => text, offsetAt: (offset: number) => offset, positionAt: (at: number) => at };
    return (await hovers[0]?.provideHover(document, text.indexOf(word)))?.contents.value;
  }
  return { api, commands, shown, runTests, panel, hover };
}
