import { readdir, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, parse, relative, resolve, sep } from 'node:path';

/** How a header that no include directory has was looked for in the project. */
export type HeaderSearch =
  | { kind: 'found'; dir: string; reason: string }
  | { kind: 'ambiguous'; candidates: readonly string[] }
  | { kind: 'none' };

export interface HeaderSearchOptions {
  /** As written between the quotes or brackets, such as `common/parsing.h`. */
  header: string;
  /** Absolute path of the file that is compiled. */
  file: string;
  workspaceRoots: readonly string[];
}

/** Bounds, so that a search in a huge tree ends before a person notices. */
const maxFolders = 4000;
const maxDepth = 8;
const maxAncestors = 4;
const skipped = new Set(['node_modules', 'target', 'dist', '__pycache__']);
/** Names under which projects keep a header for each architecture. */
const archFolders: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86', 'x86_64', 'amd64'],
  arm64: ['arm64', 'aarch64'],
  arm: ['arm'],
  s390x: ['s390', 's390x'],
  ppc64: ['powerpc', 'ppc64le', 'ppc64'],
  riscv64: ['riscv', 'riscv64'],
  loong64: ['loongarch', 'loongarch64'],
};

/**
 * Finds the folder D of the project for which D/header exists. Folders near the file come before far ones, and of
 * several that are equally near the one with the shortest path wins; where two remain nothing is guessed.
 */
export async function findHeader(options: HeaderSearchOptions): Promise<HeaderSearch> {
  const { header, file, workspaceRoots } = options;
  const parts = header.split('/').filter((part) => part !== '' && part !== '.');
  // An upward path is relative to the including file: no folder of the project can make it right.
  if (parts.length === 0 || header.startsWith('/') || parts.includes('..')) return { kind: 'none' };
  const search = new TreeSearch(parts);
  for (const base of await searchBases(file, workspaceRoots)) {
    const hits = await search.below(base);
    if (hits.length === 0) continue;
    const [dir] = hits;
    if (dir !== undefined && hits.length === 1) {
      return { kind: 'found', dir, reason: `has ${header}, which is included and was found nowhere else` };
    }
    return { kind: 'ambiguous', candidates: hits.map((hit) => join(hit, ...parts)) };
  }
  return { kind: 'none' };
}

/** The file's folder and the ones above it, nearest first, up to the root of the project; then the other roots. */
async function searchBases(file: string, workspaceRoots: readonly string[]): Promise<string[]> {
  return [
    ...new Set([...(await projectFolders(file, workspaceRoots)), ...workspaceRoots.map((root) => resolve(root))]),
  ];
}

/** The file's folder and the ones above it, nearest first, up to the root of the project. */
export async function projectFolders(file: string, workspaceRoots: readonly string[]): Promise<string[]> {
  const roots = workspaceRoots.map((root) => resolve(root));
  const home = roots.find((root) => isInside(file, root));
  const bases: string[] = [];
  for (let folder = dirname(file); !isTooWide(folder); folder = dirname(folder)) {
    bases.push(folder);
    if (folder === home) break;
    const isProject = home === undefined && (await exists(join(folder, '.git')));
    if (isProject || (home === undefined && bases.length > maxAncestors)) break;
  }
  return bases;
}

/** Folders that hold everything: what is found below them belongs to nobody in particular. */
function isTooWide(folder: string): boolean {
  return folder === parse(folder).root || folder === homedir() || folder === tmpdir() || folder === '/home';
}

function isInside(file: string, root: string): boolean {
  const path = relative(root, file);
  return path !== '' && !path.startsWith(`..${sep}`) && path !== '..';
}

/** Breadth first, each folder once; the budget of folders is shared by all searches of one object. */
class TreeSearch {
  readonly #parts: readonly string[];
  readonly #seen = new Set<string>();

  constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  /** The shallowest folders below `base` that have the header. */
  async below(base: string): Promise<string[]> {
    let level = [base];
    for (let depth = 0; depth <= maxDepth && level.length > 0; depth++) {
      const hits: string[] = [];
      const next: string[] = [];
      for (const folder of level) {
        if (this.#seen.has(folder) || this.#seen.size >= maxFolders) continue;
        this.#seen.add(folder);
        const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
        const first = this.#parts[0];
        if (entries.some((entry) => entry.name === first) && (await isFile(join(folder, ...this.#parts)))) {
          hits.push(folder);
        }
        for (const entry of entries) {
          // Links are not followed: they lead out of the project, or round in a circle.
          if (entry.isDirectory() && !entry.name.startsWith('.') && !skipped.has(entry.name)) {
            next.push(join(folder, entry.name));
          }
        }
      }
      if (hits.length > 0) return forThisMachine(hits);
      level = next;
    }
    return [];
  }
}

function forThisMachine(folders: readonly string[]): string[] {
  if (folders.length === 1) return [...folders];
  const names = archFolders[process.arch] ?? [];
  const own = folders.filter((folder) => folder.split(sep).some((part) => names.includes(part)));
  return own.length > 0 ? own : [...folders];
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

export async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
