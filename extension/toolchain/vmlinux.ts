import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, release, version } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { formatC } from '../core/btf/formatC.ts';
import { readBtf } from '../core/btf/readBtf.ts';
import { readElf } from '../core/elf/readElf.ts';
import { XdpError } from '../core/errors.ts';
import { isFile } from './headers.ts';
import { makeFolder } from './makeFolder.ts';

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
 * The running kernel's types as C, made from its BTF once per kernel and kept in
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
  const dir = join(cacheHome(env), `vmlinux-${kernelKey(info.size)}`);
  const path = join(dir, 'vmlinux.h');
  if (await isFile(path)) return { kind: 'ready', dir, path };

  try {
    return save(dir, path, formatC(readBtf(await readFile(btf, { signal }))));
  } catch (error) {
    if (signal?.aborted) throw new XdpError('cancelled', 'The compilation was cancelled.', { cause: error });
    const why = `the kernel's types in ${btf} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'unavailable', why, fix: 'Put a vmlinux.h beside the file.' };
  }
}

export interface MakeVmlinuxOptions extends Omit<VmlinuxOptions, 'btf'> {
  /** A header that is there already, or a file with BTF: raw, or in the section `.BTF` of an ELF file such as a vmlinux. */
  from?: string;
}

/** The running kernel's vmlinux.h, or that of a file which the user names. Made once for each state of the file. */
export async function makeVmlinux(options: MakeVmlinuxOptions): Promise<Vmlinux> {
  const { from, env = process.env, signal } = options;
  if (from === undefined) return await kernelVmlinux({ env, signal });
  const path = resolve(from);
  const fix = 'Name a vmlinux.h, or a file with the BTF of a kernel.';
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return { kind: 'unavailable', why: `${path} is not a file`, fix };
  if (path.endsWith('.h')) return { kind: 'ready', dir: dirname(path), path };
  const key = createHash('sha256').update(`${path}\0${info.mtimeMs}\0${info.size}`).digest('hex').slice(0, 12);
  const dir = join(cacheHome(env), `vmlinux-${basename(path).replace(/[^\w.+-]/g, '_')}-${key}`);
  const header = join(dir, 'vmlinux.h');
  if (await isFile(header)) return { kind: 'ready', dir, path: header };
  try {
    return await save(dir, header, formatC(readBtf(btfOf(await readFile(path, { signal })))));
  } catch (error) {
    if (signal?.aborted) throw new XdpError('cancelled', 'The compilation was cancelled.', { cause: error });
    const why = `the types in ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'unavailable', why, fix };
  }
}

function btfOf(bytes: Uint8Array): Uint8Array {
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45;
  if (!isElf) return bytes;
  const section = readElf(bytes).sections.find(({ name }) => name === '.BTF');
  if (section === undefined) throw new XdpError('object-damaged', 'it has no section .BTF');
  return section.data;
}

/** Written beside and renamed, so that a compile in another window never reads half a header. */
async function save(dir: string, path: string, text: string): Promise<Vmlinux> {
  const temporary = join(dir, `.vmlinux.${randomUUID()}.tmp`);
  try {
    await makeFolder(dir, 0o700);
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

/** This user's folder for what can be made again. */
export function cacheHome(env: NodeJS.ProcessEnv): string {
  const set = env.XDG_CACHE_HOME;
  return join(set !== undefined && isAbsolute(set) ? set : join(env.HOME ?? homedir(), '.cache'), 'xdp-vscode');
}
