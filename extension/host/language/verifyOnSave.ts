import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { CompileFailed } from '../../session/bpfObject.ts';
import { buildFile } from '../build.ts';
import { showVerdicts } from '../commands/verify.ts';
import { isBpfSource } from '../contextKeys.ts';
import { settings } from '../ids.ts';
import type { Services } from '../services.ts';

/** A helper that was started for a save stays for the next one, unless something is detached meanwhile. */
const keepHelperMs = 60_000;

/** Compiles and verifies on save. Nobody is asked for a password, and nothing but squiggles and CodeLenses says anything. */
export class VerifyOnSave implements vscode.Disposable {
  readonly #services: Services;
  readonly #onIdle: () => void;
  readonly #subscriptions: vscode.Disposable;
  #running: AbortController | undefined;
  #keepUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(services: Services, onIdle: () => void) {
    this.#services = services;
    this.#onIdle = onIdle;
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidSaveTextDocument((document) => void this.#saved(document)),
      services.attachments.onDidChange((event) => {
        if (event.kind !== 'attached') this.#letGo();
      }),
    );
  }

  get usesHelper(): boolean {
    return this.#running !== undefined || Date.now() < this.#keepUntil;
  }

  async #saved(document: vscode.TextDocument): Promise<void> {
    if (!vscode.workspace.isTrusted || document.languageId !== 'c' || !isBpfSource(document)) return;
    const verifies = vscode.workspace.getConfiguration(undefined, document.uri).get<boolean>(settings.verifyOnSave);
    // An open listing follows what is saved.
    if (!verifies && !this.#services.disassembly.follows(document.uri)) return;
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    try {
      if (verifies) await this.#verify(document.uri, running.signal);
      else await buildFile(this.#services, document.uri, running.signal);
    } catch (error) {
      // What is wrong with the program is a squiggle by now; what is wrong with the machine is said by the commands.
      if (!(error instanceof CompileFailed)) this.#services.log.debug(`On save: ${String(error)}`);
      // Nobody awaits a save: what should not happen is at least found in the log.
      if (!(error instanceof XdpError)) this.#services.log.error(error instanceof Error ? error : String(error));
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  async #verify(file: vscode.Uri, signal: AbortSignal): Promise<void> {
    const { kernel } = this.#services;
    const object = await buildFile(this.#services, file, signal);
    const client = await kernel.ownSilently();
    if (client === undefined || signal.aborted) return;
    this.#keepUntil = Date.now() + keepHelperMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onIdle, keepHelperMs + 100);
    await showVerdicts(this.#services, file, object, { client, signal });
  }

  #letGo(): void {
    this.#keepUntil = 0;
    clearTimeout(this.#timer);
  }

  dispose(): void {
    this.#running?.abort();
    this.#letGo();
    this.#subscriptions.dispose();
  }
}
