import { createHash, randomUUID } from 'node:crypto';
import { access, constants, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, release, version } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { installCommand } from './distro.ts';
import { isFile } from './headers.ts';
import { run } from './process.ts';

export interface VmlinuxOptions {
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** The kernel's types; another path only in tests. */
  btf?: string;
}

export type Vmlinux =
  /** `dir` holds nothing but `vmlinux.h`, so that it can be an include directory. */
  { kind: 'ready'; dir: string; path: string } | { kind: 'unavailable'; why: string; fix: string };

const kernelBtf = '/sys/kernel/btf/vmlinux';

/**
 * The running kernel's types as C, made by `bpftool btf dump` once per kernel and kept in
 * `$XDG_CACHE_HOME/xdp-vscode` (`~/.cache/xdp-vscode`).
 */
export async function kernelVmlinux(options: VmlinuxOptions = {}): Promise<Vmlinux> {
  const { env = process.env, signal, btf = kernelBtf } = options;
  const info = await stat(btf).catch(() => undefined);
  if (info === undefined) {
    return {
      kind: 'unavailable',
      why: `this kernel does not offer its types (${btf} is missing)`,
      fix: 'Use a kernel built with CONFIG_DEBUG_INFO_BTF=y, or put a vmlinux.h beside the file.',
    };
  }
  const dir = join(cacheHome(env), 'xdp-vscode', `vmlinux-${kernelKey(info.size)}`);
  const path = join(dir, 'vmlinux.h');
  if (await isFile(path)) return { kind: 'ready', dir, path };

  const tools = await bpftools(env);
  if (tools.length === 0) {
    return {
      kind: 'unavailable',
      why: 'bpftool, which makes it from the running kernel, is not installed',
      fix: `Install it: ${installCommand(['bpftool'])}`,
    };
  }
  let why = '';
  for (const tool of tools) {
    const args = ['btf', 'dump', 'file', btf, 'format', 'c'];
    const toolEnv = { ...env, LC_ALL: 'C' };
    const result = await run(tool, args, { env: toolEnv, signal, timeoutMs: 60_000, maxBytes: 256 << 20 });
    // Ubuntu's /usr/sbin/bpftool is a script that may only print which package to install.
    if (result.code === 0 && result.stdout.startsWith('#ifndef __VMLINUX_H__')) return save(dir, path, result.stdout);
    why = `${tool} failed: ${lastLine(result.stderr) || lastLine(result.stdout) || `exit code ${result.code}`}`;
  }
  return { kind: 'unavailable', why, fix: `Install the bpftool of this kernel: ${installCommand(['bpftool'])}` };
}

/** Written beside and renamed, so that a compile in another window never reads half a header. */
async function save(dir: string, path: string, text: string): Promise<Vmlinux> {
  const temporary = join(dir, `.vmlinux.${randomUUID()}.tmp`);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(temporary, text);
    await rename(temporary, path);
    return { kind: 'ready', dir, path };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const why = `it could not be written to ${dir}: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'unavailable', why, fix: 'Make that folder writable, or set XDG_CACHE_HOME.' };
  }
}

/**
 * One name per kernel build. The release alone is not enough for kernels that people build themselves: the version has
 * their build number and date. The BTF file's time says nothing, since sysfs makes it up when it is first looked at.
 */
function kernelKey(btfSize: number): string {
  const build = createHash('sha256').update(`${version()}\0${btfSize}`).digest('hex').slice(0, 12);
  return `${release().replace(/[^\w.+-]/g, '_')}-${build}`;
}

function cacheHome(env: NodeJS.ProcessEnv): string {
  const set = env.XDG_CACHE_HOME;
  return set !== undefined && isAbsolute(set) ? set : join(env.HOME ?? homedir(), '.cache');
}

/** Every bpftool there is, likeliest first. Debian keeps it in /usr/sbin, which is not on a user's PATH. */
async function bpftools(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folders = [...(env.PATH ?? '').split(delimiter).filter(isAbsolute), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  const kernels = await readdir('/usr/lib/linux-tools').catch(() => []);
  const newestFirst = kernels.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const places = [...folders, ...newestFirst.map((kernel) => join('/usr/lib/linux-tools', kernel))];
  const found: string[] = [];
  for (const folder of new Set(places)) {
    const path = join(folder, 'bpftool');
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable && (await isFile(path))) found.push(path);
  }
  return found;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
