import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findHeader, isFile } from './headers.ts';
import { standIn } from './standIns.ts';
import { cacheHome, makeVmlinux } from './vmlinux.ts';

/** A folder that was added because a header was missing. */
export interface AddedInclude {
  header: string;
  dir: string;
  reason: string;
  /** `system`: searched last and without warnings, for what is not the user's own. */
  kind: 'project' | 'system';
}

export type MissingInclude =
  | { kind: 'add'; include: AddedInclude }
  | { kind: 'unresolved'; why?: string; choices?: readonly string[] };

export interface ResolveOptions {
  header: string;
  file: string;
  workspaceRoots: readonly string[];
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  /** A vmlinux.h, or a file with BTF to make it from, in place of the running kernel's. */
  vmlinux?: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** libbpf's headers for programs. */
const libbpfHeader = /^(?:bpf_(?:helpers|helper_defs|endian|tracing|core_read)|usdt\.bpf)\.h$/;
const libbpfFolders = ['/usr/include/bpf', '/usr/local/include/bpf'];

/** Finds the folder to add for a header that clang did not find: the project's own first, then what can be made. */
export async function resolveMissing(options: ResolveOptions): Promise<MissingInclude> {
  const { header, file, workspaceRoots } = options;
  const isVmlinux = /^vmlinux(?:[_-][\w.]+)?\.h$/.test(basename(header));
  if (isVmlinux && options.vmlinux !== undefined) return await provideVmlinux(options);
  // In a kernel's tree as well: its own <uapi/linux/…> does not go together with the installed <linux/…>.
  const uapi = header.startsWith('uapi/') ? await provideStandard(options) : undefined;
  if (uapi !== undefined) return uapi;
  const found = await findHeader({ header, file, workspaceRoots });
  if (found.kind === 'found') return add(options, { dir: found.dir, reason: found.reason, kind: 'project' });
  const same = found.kind === 'ambiguous' ? await sameContent(found.candidates, header) : undefined;
  if (same !== undefined) {
    return add(options, {
      dir: same,
      reason: `has ${header}; the others in this project are the same`,
      kind: 'project',
    });
  }
  if (isVmlinux) return await provideVmlinux(options);
  const standard = await provideStandard(options);
  if (standard !== undefined) return standard;
  if (found.kind === 'ambiguous') {
    const list = found.candidates.slice(0, 5).join(', ');
    return {
      kind: 'unresolved',
      why: `there are several: ${list}. Add the folder of the right one to the include directories (setting xdp.compile.includePath, or -I in a compile_flags.txt)`,
      choices: found.candidates,
    };
  }
  return { kind: 'unresolved' };
}

function add({ header }: ResolveOptions, include: Omit<AddedInclude, 'header'>): MissingInclude {
  return { kind: 'add', include: { header, ...include } };
}

/** Headers of libbpf and of the kernel that a program includes by a path that holds only in its author's build. */
async function provideStandard(options: ResolveOptions): Promise<MissingInclude | undefined> {
  const { header, env, bundledInclude } = options;
  const name = basename(header);
  if (libbpfHeader.test(name)) {
    for (const dir of [...libbpfFolders, join(bundledInclude, 'libbpf/bpf')]) {
      if (!(await isFile(join(dir, name)))) continue;
      if (header === name) {
        const reason = `has ${header} of libbpf, which is included without its folder bpf/`;
        return add(options, { dir, reason, kind: 'system' });
      }
      const standing = await standIn({ header, target: join(dir, name), cache: cacheHome(env) });
      const reason = `stands in for ${header} with libbpf's ${join(dir, name)}`;
      return standing === undefined ? undefined : add(options, { dir: standing, reason, kind: 'system' });
    }
  }
  // As in the kernel's source tree, where the installed headers come from.
  const installed = /(?:^|\/)uapi\/(\w[\w/.-]*\.h)$/.exec(header)?.[1];
  if (installed !== undefined && !installed.includes('..') && (await isFile(join('/usr/include', installed)))) {
    const standing = await standIn({ header, target: installed, cache: cacheHome(env) });
    const reason = `stands in for ${header} with the installed <${installed}>`;
    return standing === undefined ? undefined : add(options, { dir: standing, reason, kind: 'system' });
  }
  return undefined;
}

async function provideVmlinux(options: ResolveOptions): Promise<MissingInclude> {
  const { header, env, signal, vmlinux } = options;
  const made = await makeVmlinux({ env, signal, from: vmlinux });
  if (made.kind === 'unavailable') {
    const where =
      vmlinux === undefined ? `${header} is not in the project, and could not be made` : 'it could not be made';
    return { kind: 'unresolved', why: `${where}: ${made.why}. ${made.fix}` };
  }
  const reason =
    vmlinux === undefined
      ? `has ${header}, made from the types of the running kernel`
      : `has ${header}, from ${vmlinux}`;
  const dir =
    basename(made.path) === header ? made.dir : await standIn({ header, target: made.path, cache: cacheHome(env) });
  if (dir === undefined) return { kind: 'unresolved', why: `${header} could not be provided in ${cacheHome(env)}` };
  return add(options, { dir, reason, kind: 'system' });
}

/** The first folder, when all candidates hold the same text: then it does not matter which is meant. */
async function sameContent(candidates: readonly string[], header: string): Promise<string | undefined> {
  const [first, ...others] = candidates;
  if (first === undefined || candidates.length > 16) return undefined;
  const text = await readFile(first, 'utf8').catch(() => undefined);
  for (const other of others) {
    if (text === undefined || (await readFile(other, 'utf8').catch(() => undefined)) !== text) return undefined;
  }
  return first.slice(0, -(header.length + 1));
}

/** What earlier compiles of a file had to add, so that the next one does not fail first. */
const remembered = new Map<string, readonly AddedInclude[]>();

export async function recallIncludes(file: string, vmlinux: string | undefined): Promise<AddedInclude[]> {
  const valid: AddedInclude[] = [];
  for (const include of remembered.get(`${file}\0${vmlinux ?? ''}`) ?? []) {
    if (await isFile(join(include.dir, include.header))) valid.push(include);
  }
  return valid;
}

export function rememberIncludes(file: string, vmlinux: string | undefined, includes: readonly AddedInclude[]): void {
  remembered.set(`${file}\0${vmlinux ?? ''}`, [...includes]);
}
