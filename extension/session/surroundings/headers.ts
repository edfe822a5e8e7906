import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CSource, scanSource } from '../../core/c/source.ts';

/** Bounds on what a source pulls in: headers beyond them have nothing that an editor must know. */
const maxHeaders = 160;
const maxDepth = 6;
const maxBytes = 2 << 20;

interface Scanned {
  mtimeMs: number;
  source: CSource;
}

/** Headers, read and scanned once for each state of their file. vmlinux.h is left out: the kernel's own types stand for it. */
export class HeaderCache {
  readonly #folders: readonly string[];
  readonly #scanned = new Map<string, Scanned>();

  /** @param folders where `<…>` is looked for, in order; absolute */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /** The headers that a source includes, with theirs; the nearest first. */
  async of(file: string, source: CSource): Promise<CSource[]> {
    const seen = new Set<string>();
    const found: CSource[] = [];
    let level: { from: string; source: CSource }[] = [{ from: file, source }];
    for (let depth = 0; depth < maxDepth && level.length > 0; depth++) {
      const next: typeof level = [];
      for (const { from, source: each } of level) {
        for (const { header } of each.includes) {
          if (found.length >= maxHeaders || /(?:^|\/)vmlinux\.h$/.test(header)) continue;
          const path = await this.#find(header, dirname(from), seen);
          if (path === undefined) continue;
          const scanned = await this.#scan(path);
          if (scanned === undefined) continue;
          found.push(scanned);
          next.push({ from: path, source: scanned });
        }
      }
      level = next;
    }
    return found;
  }

  async #find(header: string, folder: string, seen: Set<string>): Promise<string | undefined> {
    for (const base of [folder, ...this.#folders]) {
      const path = join(base, header);
      if (seen.has(path)) return undefined;
      const info = await stat(path).catch(() => undefined);
      if (info?.isFile() !== true || info.size > maxBytes) continue;
      seen.add(path);
      return path;
    }
    return undefined;
  }

  async #scan(path: string): Promise<CSource | undefined> {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return undefined;
    const known = this.#scanned.get(path);
    if (known?.mtimeMs === info.mtimeMs) return known.source;
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    // Only what it declares is looked at, and the text of its records.
    const source = { ...scanSource(text), code: '' };
    this.#scanned.set(path, { mtimeMs: info.mtimeMs, source });
    return source;
  }
}
