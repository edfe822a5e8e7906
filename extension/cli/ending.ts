import type { Output } from './output.ts';

/** Work that does not end by itself when it is asked to is ended after this. */
const patienceMs = 5000;
const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Everything that can ask the process to end: signals, and a reader of its output that went away. */
export class Ending {
  readonly #controller = new AbortController();
  readonly #output: Output;
  readonly #listeners: (() => void)[] = [];

  constructor(output: Output) {
    this.#output = output;
    for (const [name, number] of Object.entries(signalNumbers) as [keyof typeof signalNumbers, number][]) {
      const end = (): void => this.#end(128 + number);
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
  #end(exitCode: number): void {
    this.#controller.abort();
    setTimeout(() => process.exit(exitCode), patienceMs).unref();
  }

  #lostOutput(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
    if (this.#controller.signal.aborted) return;
    // `xdp … | head` has read enough: that is no failure.
    if (error.code !== 'EPIPE' && stream === process.stdout) {
      this.#output.note(`xdp: The output could not be written: ${error.code ?? error.message}.`);
      process.exitCode = 2;
    }
    this.#end(2);
  }
}
