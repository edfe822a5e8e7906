import type { Output } from './output.ts';

/** Work that does not end by itself when it is asked to is ended after this. */
const patienceMs = 5000;
const endingSignals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Everything that can ask the process to end: signals, and a reader of its output that went away. */
export class Ending {
  readonly #controller = new AbortController();
  readonly #output: Output;
  readonly #listeners: (() => void)[] = [];

  constructor(output: Output) {
    this.#output = output;
    for (const name of endingSignals) {
      // By default a signal ends the process at once; process.exit waits for the threads of Node, one of which may wait for a pipe for ever.
      const end = (): void =>
        this.#end(() => {
          this.dispose();
          process.kill(process.pid, name);
        });
      process.on(name, end);
      this.#listeners.push(() => process.off(name, end));
    }
    for (const stream of [process.stdout, process.stderr]) {
      // Stays to the end: without a listener a reader that went away would be a crash.
      stream.on('error', (error: NodeJS.ErrnoException) => this.#lostOutput(stream, error));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  dispose(): void {
    for (const off of this.#listeners) off();
  }

  /** The helper's pipe closes with the process, and with it goes all that is attached. */
  #end(atLast: () => void): void {
    this.#controller.abort();
    setTimeout(atLast, patienceMs).unref();
  }

  #lostOutput(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
    if (this.#controller.signal.aborted) return;
    // `xdp … | head` has read enough: that is no failure.
    if (error.code !== 'EPIPE' && stream === process.stdout) {
      this.#output.note(`xdp: The output could not be written: ${error.code ?? error.message}.`);
      process.exitCode = 2;
    }
    this.#end(() => process.exit(2));
  }
}
