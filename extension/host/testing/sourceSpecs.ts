import * as vscode from 'vscode';
import type { ObjectSpec } from '../../core/object/spec.ts';
import type { Services } from '../services.ts';

/** A few sources are worked on at a time. */
const maxKept = 8;

interface Known {
  /** Of the file on disk when it was compiled. */
  modifiedMs: number;
  spec: Promise<ObjectSpec>;
  /** The last one that compiled: better than nothing while the source is being changed. */
  good: ObjectSpec | undefined;
}

/** What sources declare, compiled when somebody asks, and again when they were saved since. Nothing runs in an untrusted workspace. */
export class SourceSpecs implements vscode.Disposable {
  readonly #services: Services;
  readonly #known = new Map<string, Known>();
  readonly #subscription: vscode.Disposable;

  constructor(services: Services) {
    this.#services = services;
    // A header counts for whoever includes it; which those are nobody here knows.
    this.#subscription = vscode.workspace.onDidSaveTextDocument(({ uri }) => {
      if (uri.path.endsWith('.h')) this.#known.clear();
    });
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#known.clear();
  }

  /** Throws XdpError where there never was anything that compiles. */
  async of(source: vscode.Uri): Promise<ObjectSpec | undefined> {
    if (!vscode.workspace.isTrusted) return undefined;
    const modifiedMs = await vscode.workspace.fs.stat(source).then(
      ({ mtime }) => mtime,
      () => undefined,
    );
    if (modifiedMs === undefined) return undefined;
    const key = source.toString();
    let known = this.#known.get(key);
    if (known?.modifiedMs !== modifiedMs) {
      known = { modifiedMs, spec: this.#compile(source), good: known?.good };
      this.#known.delete(key);
      this.#known.set(key, known);
      for (const old of [...this.#known.keys()].slice(0, -maxKept)) this.#known.delete(old);
    }
    try {
      known.good = await known.spec;
      return known.good;
    } catch (error) {
      if (known.good !== undefined) return known.good;
      throw error;
    }
  }

  async #compile(source: vscode.Uri): Promise<ObjectSpec> {
    const { openObject } = await import('../../session/bpfObject.ts');
    return (await openObject(source.fsPath, this.#services.buildOptions(source))).spec;
  }
}
