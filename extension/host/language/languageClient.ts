import path from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { isBpfSource } from '../contextKeys.ts';
import { settings } from '../ids.ts';
import type { Services } from '../services.ts';

/** Extensions that colour C by meaning themselves: of several providers VS Code takes one only. */
const otherC = ['llvm-vs-code-extensions.vscode-clangd', 'ms-vscode.cpptools'];

/** Starts the language server when the first BPF source or packet test is on the screen, and never before. */
export class LanguageFeatures implements vscode.Disposable {
  readonly #services: Services;
  readonly #subscriptions: vscode.Disposable;
  #client: Promise<LanguageClient> | undefined;

  constructor(services: Services) {
    this.#services = services;
    const look = (document: vscode.TextDocument | undefined): void => {
      if (document?.uri.scheme === 'file' && document.languageId === 'c' && isBpfSource(document)) void this.#start();
    };
    look(vscode.window.activeTextEditor?.document);
    this.#subscriptions = vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor((editor) => look(editor?.document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (this.#client === undefined) look(document);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(settings.targetKernel)) void this.#sendTarget();
      }),
    );
  }

  #start(): Promise<LanguageClient> {
    this.#client ??= this.#launch().catch((error: unknown) => {
      this.#services.log.warn(`The language server did not start: ${String(error)}`);
      throw error;
    });
    this.#client.catch(() => undefined);
    return this.#client;
  }

  async #launch(): Promise<LanguageClient> {
    const { LanguageClient: Client, TransportKind } = await import('./clientLibrary.ts');
    const root = this.#services.extensionUri.fsPath;
    const client = new Client(
      'xdp',
      'XDP',
      {
        module: path.join(root, 'dist', 'language.mjs'),
        transport: TransportKind.ipc,
        // What is typed makes short-lived garbage; a small nursery keeps the process small.
        options: { execArgv: ['--max-semi-space-size=2'] },
      },
      {
        documentSelector: [
          { scheme: 'file', language: 'c' },
          { scheme: 'file', pattern: '**/*.xdptest.json' },
        ],
        outputChannel: this.#services.log,
        initializationOptions: {
          bundledInclude: path.join(root, 'bpf', 'include'),
          semanticTokens: !otherC.some((id) => vscode.extensions.getExtension(id) !== undefined),
          targetKernel: targetKernel(),
          words: vscode.l10n.bundle,
        },
      },
    );
    await client.start();
    return client;
  }

  async #sendTarget(): Promise<void> {
    await (await this.#client)?.sendNotification('xdp/targetKernel', targetKernel() ?? '');
  }

  async dispose(): Promise<void> {
    this.#subscriptions.dispose();
    await this.#client?.then((client) => client.stop()).catch(() => undefined);
  }
}

function targetKernel(): string | undefined {
  const text = vscode.workspace.getConfiguration().get<string>(settings.targetKernel) ?? '';
  return /^\d+\.\d+/.test(text) ? text : undefined;
}
