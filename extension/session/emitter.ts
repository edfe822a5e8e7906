/** A minimal event source: the session must not know `vscode`. */
export class Emitter<T> {
  readonly #listeners = new Set<(event: T) => void>();

  on(listener: (event: T) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  fire(event: T): void {
    for (const listener of this.#listeners) listener(event);
  }
}
