import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isDirectory, isFile, projectFolders } from '../headers.ts';
import { bpf2goArguments } from './bpf2go.ts';
import { cmakeArguments } from './cmake.ts';
import { databaseEntry } from './database.ts';
import { isForBpf, type ProjectFlags, splitCommand, takeFlags } from './flags.ts';
import { bpfCommands, readMakefile } from './makefile.ts';
import { mesonArguments } from './meson.ts';

export interface ProjectOptions {
  /** Absolute path of the C file. */
  file: string;
  workspaceRoots: readonly string[];
}

/** A compile database of a large project has some megabytes; no other file that is read here has. Bytes. */
const maxDatabaseBytes = 64 << 20;
const maxTextBytes = 1 << 20;
const maxGoFiles = 60;

/**
 * What the project's own build says about compiling this file, read without running anything: its compile database, a
 * `compile_flags.txt`, a bpf2go line, a Makefile, CMakeLists.txt or meson.build, the nearest one that says something.
 */
export async function readProjectFlags({ file, workspaceRoots }: ProjectOptions): Promise<ProjectFlags | undefined> {
  const folders = await projectFolders(file, workspaceRoots);
  for (const read of [fromDatabase, fromBuildFiles]) {
    for (const folder of folders) {
      const flags = await read(folder, { file, folders });
      if (flags !== undefined) return flags;
    }
  }
  return undefined;
}

interface Search {
  file: string;
  /** From the file's own up to the project's root. */
  folders: readonly string[];
}

async function fromDatabase(folder: string, { file }: Search): Promise<ProjectFlags | undefined> {
  for (const place of ['', 'build', 'builddir', 'out', '_build', '.build']) {
    const from = join(folder, place, 'compile_commands.json');
    const json = await readText(from, maxDatabaseBytes);
    const entry = json === undefined ? undefined : databaseEntry(json, file);
    if (entry !== undefined) return await take(entry.args, { from, cwd: resolve(folder, place, entry.directory) });
  }
  const from = join(folder, 'compile_flags.txt');
  const text = await readText(from);
  return text === undefined ? undefined : await take(lines(text), { from, cwd: folder });
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

async function fromBuildFiles(folder: string, search: Search): Promise<ProjectFlags | undefined> {
  const { file } = search;
  for (const read of [fromGo, fromMakefile, fromCMake, fromMeson]) {
    const found = await read(folder, search);
    if (found === undefined) continue;
    const flags = await take(found.args, { from: found.from, cwd: folder });
    // A user-space program's Makefile, say, with not one flag in it that matters here.
    if (flags.taken.length > 0 && flags.from !== file) return flags;
  }
  return undefined;
}

interface Found {
  from: string;
  args: string[];
}

async function fromGo(folder: string, { file }: Search): Promise<Found | undefined> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.go'));
  for (const name of names.slice(0, maxGoFiles)) {
    const from = join(folder, name);
    const text = await readText(from);
    const args = text?.includes('bpf2go') ? bpf2goArguments(text, file) : undefined;
    if (args !== undefined) return { from, args };
  }
  return undefined;
}

async function fromMakefile(folder: string, { file, folders }: Search): Promise<Found | undefined> {
  for (const name of ['GNUmakefile', 'makefile', 'Makefile']) {
    const from = join(folder, name);
    const makefile = await readMakefile(from, { read: readText, preset: await kernelVariables(folder, folders) });
    if (makefile === undefined) continue;
    const [command] = bpfCommands(makefile, basename(file, '.c'));
    if (command !== undefined) return { from, args: bpfPart(splitCommand(command)) };
  }
  return undefined;
}

/** What kbuild sets before it reads a Makefile of the kernel's tree: Documentation/kbuild/makefiles.rst. */
async function kernelVariables(folder: string, folders: readonly string[]): Promise<Record<string, string>> {
  for (const root of folders) {
    if (await isFile(join(root, 'include/uapi/linux/bpf.h'))) return { srctree: root, src: folder, obj: folder };
  }
  return {};
}

/** Of `clang … | llc -march=bpf …` or `cd x && clang …` the part that is clang's: the one with the most flags. */
function bpfPart(words: readonly string[]): string[] {
  const parts: string[][] = [[]];
  for (const word of words) {
    if (word === '|' || word === ';' || word === '&') parts.push([]);
    else parts.at(-1)?.push(word);
  }
  const flags = (part: readonly string[]): number => part.filter((word) => word.startsWith('-')).length;
  const compiling = parts.filter((part) => part.some((word) => word.endsWith('clang')) || isForBpf(part));
  const candidates = compiling.length > 0 ? compiling : parts;
  return candidates.reduce((best, part) => (flags(part) > flags(best) ? part : best), []);
}

async function fromCMake(folder: string, { folders }: Search): Promise<Found | undefined> {
  const from = join(folder, 'CMakeLists.txt');
  const text = await readText(from);
  if (text === undefined) return undefined;
  let top = folder;
  for (let up = dirname(folder); folders.includes(up); up = dirname(up)) {
    if (await isFile(join(up, 'CMakeLists.txt'))) top = up;
  }
  return { from, args: cmakeArguments({ path: from, text, top }) };
}

async function fromMeson(folder: string): Promise<Found | undefined> {
  const from = join(folder, 'meson.build');
  const text = await readText(from);
  return text === undefined ? undefined : { from, args: mesonArguments(text) };
}

async function take(args: readonly string[], place: { from: string; cwd: string }): Promise<ProjectFlags> {
  return await takeFlags(args, { ...place, isDirectory, isFile });
}

async function readText(path: string, maxBytes = maxTextBytes): Promise<string | undefined> {
  try {
    const info = await stat(path);
    return info.isFile() && info.size <= maxBytes ? await readFile(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
