import { access, constants, readdir, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve, sep } from 'node:path';
import { XdpError } from '../core/errors.ts';
import { installCommand } from './distro.ts';
import { run } from './process.ts';

/** clang 19 is the first that takes -bpf-stack-size, without which unoptimised code seldom compiles. */
export const minDebuggerClangMajor = 19;

/** clang 14 is the first whose BPF back end this product is tested with. */
export const minClangMajor = 14;

export interface Clang {
  /** Absolute path of the executable. */
  path: string;
  /** As clang prints it, such as `14.0.6`. */
  version: string;
  major: number;
}

export interface FindClangOptions {
  /** The setting `xdp.clang.path`: a path, or a name that is looked up on PATH. Only this clang is tried then. */
  path?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Why a clang cannot be used. */
interface Unfit {
  path: string;
  why: string;
}

/** Where Homebrew keeps the LLVM that it does not put on PATH. */
const extraFolders = ['/opt/homebrew/opt/llvm/bin', '/usr/local/opt/llvm/bin'];

/**
 * Finds a clang that can compile BPF: the one of the setting, else `clang` and then `clang-NN`, newest first, on PATH.
 * @throws {XdpError} `clang-missing` when there is none, `clang-too-old` when none of them is fit.
 */
export async function findClang(options: FindClangOptions = {}): Promise<Clang> {
  const env = options.env ?? process.env;
  const folders = searchFolders(env);
  const setting = options.path?.trim();
  if (setting) return fromSetting(setting, folders, options.signal);

  const unfit: Unfit[] = [];
  for await (const path of candidates(folders)) {
    const found = await probe(path, options.signal);
    if ('major' in found) return found;
    unfit.push(found);
  }
  const fix = `Install it with "${installCommand(['clang'])}", or set xdp.clang.path (in the terminal XDP_CLANG) to the clang to use.`;
  const first = unfit[0];
  if (first === undefined) throw new XdpError('clang-missing', 'clang was not found on PATH', { fix });
  throw new XdpError('clang-too-old', `${first.path} cannot compile BPF programs: ${first.why}`, {
    fix: `Install clang ${minClangMajor} or newer: "${installCommand(['clang'])}", or set xdp.clang.path (in the terminal XDP_CLANG) to the clang to use.`,
    details: { tried: unfit.map((one) => `${one.path}: ${one.why}`) },
  });
}

/**
 * Finds a clang that can build for the debugger: the one that findClang() finds where it is new enough, else the newest.
 * @throws {XdpError} `clang-too-old` when there is none; what findClang() throws when there is no clang at all.
 */
export async function findDebuggerClang(options: FindClangOptions = {}): Promise<Clang> {
  const usual = await findClang(options);
  if (usual.major >= minDebuggerClangMajor) return usual;
  const env = options.env ?? process.env;
  for await (const path of candidates(searchFolders(env))) {
    const found = await probe(path, options.signal);
    if ('major' in found && found.major >= minDebuggerClangMajor) return found;
  }
  const message = `${usual.path} is version ${usual.version}, and only ${minDebuggerClangMajor} and newer compile for the debugger without optimisation`;
  throw new XdpError('clang-too-old', message, {
    fix: `Install a newer one: "${installCommand(['newer-clang'])}".`,
  });
}

function searchFolders(env: NodeJS.ProcessEnv): string[] {
  return [...(env.PATH ?? '').split(delimiter).filter(isAbsolute), ...extraFolders];
}

async function fromSetting(setting: string, folders: readonly string[], signal?: AbortSignal): Promise<Clang> {
  const places = setting.includes(sep) ? [resolve(setting)] : folders.map((folder) => join(folder, setting));
  const path = await firstExecutable(places);
  const fix = 'Correct the setting (in the terminal XDP_CLANG), or clear it to use the clang on PATH.';
  if (path === undefined) {
    const message = `${setting}, which xdp.clang.path names, is not an executable file`;
    throw new XdpError('clang-missing', message, {
      fix: `${fix} clang is installed with "${installCommand(['clang'])}".`,
    });
  }
  const found = await probe(path, signal);
  if ('major' in found) return found;
  throw new XdpError(
    'clang-too-old',
    `${path}, which xdp.clang.path names, cannot compile BPF programs: ${found.why}`,
    {
      fix,
    },
  );
}

async function* candidates(folders: readonly string[]): AsyncGenerator<string> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const unique = [...new Set(folders)];
  for (const folder of unique) {
    const path = join(folder, `clang${suffix}`);
    if (await isExecutable(path)) yield path;
  }
  const versioned: { path: string; major: number }[] = [];
  for (const folder of unique) {
    for (const name of await readdir(folder).catch(() => [])) {
      const major = /^clang-(\d+)(?:\.exe)?$/.exec(name)?.[1];
      if (major !== undefined) versioned.push({ path: join(folder, name), major: Number(major) });
    }
  }
  versioned.sort((a, b) => b.major - a.major);
  for (const { path } of versioned) if (await isExecutable(path)) yield path;
}

async function firstExecutable(places: readonly string[]): Promise<string | undefined> {
  for (const place of places) if (await isExecutable(place)) return place;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Asking a clang costs two processes, so that a good answer is kept for as long as the file stays the same. */
const probes = new Map<string, Clang>();

async function probe(path: string, signal?: AbortSignal): Promise<Clang | Unfit> {
  const { mtimeMs, size, ino } = await stat(path);
  const key = `${path}\0${mtimeMs}\0${size}\0${ino}`;
  const known = probes.get(key);
  if (known !== undefined) return known;
  const found = await ask(path, signal);
  if ('major' in found) probes.set(key, found);
  return found;
}

async function ask(path: string, signal?: AbortSignal): Promise<Clang | Unfit> {
  const options = { env: { ...process.env, LC_ALL: 'C' }, timeoutMs: 15_000, maxBytes: 1 << 20, signal };
  let version: string;
  let targets: string;
  try {
    const answers = await Promise.all([run(path, ['--version'], options), run(path, ['-print-targets'], options)]);
    [version, targets] = [answers[0].stdout, answers[1].stdout];
  } catch (error) {
    if (error instanceof XdpError && error.code === 'environment') return { path, why: error.message };
    throw error;
  }
  const match = /clang version (\d+)(\S*)/.exec(version);
  if (match?.[1] === undefined) return { path, why: 'it does not say which version of clang it is' };
  const major = Number(match[1]);
  const text = `${match[1]}${match[2] ?? ''}`;
  // Apple counts its versions differently and leaves the BPF target out, which is what matters.
  if (!/^\s*bpf\b/m.test(targets)) return { path, why: `clang ${text} was built without the BPF target` };
  if (major < minClangMajor)
    return { path, why: `it is version ${text}, and ${minClangMajor} is the oldest that works` };
  return { path, version: text, major };
}
