import { join } from 'node:path';
import { findHeader, isFile } from './headers.ts';
import { kernelVmlinux } from './vmlinux.ts';

/** A folder that was added because a header was missing. */
export interface AddedInclude {
  header: string;
  dir: string;
  reason: string;
  /** `system`: searched last and without warnings, for what is not the user's own. */
  kind: 'project' | 'system';
}

export type MissingInclude = { kind: 'add'; include: AddedInclude } | { kind: 'unresolved'; why?: string };

export interface ResolveOptions {
  header: string;
  file: string;
  workspaceRoots: readonly string[];
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** libbpf's headers, for programs that include them as "bpf_helpers.h", without the folder. */
const libbpfFolders = ['/usr/include/bpf', '/usr/local/include/bpf'];

/** Finds the folder to add for a header that clang did not find: the project's own first, then what can be made. */
export async function resolveMissing(options: ResolveOptions): Promise<MissingInclude> {
  const { header, file, workspaceRoots, env, signal } = options;
  const found = await findHeader({ header, file, workspaceRoots });
  if (found.kind === 'found') {
    return { kind: 'add', include: { header, dir: found.dir, reason: found.reason, kind: 'project' } };
  }
  if (/^bpf_\w+\.h$/.test(header)) {
    for (const dir of libbpfFolders) {
      if (!(await isFile(join(dir, header)))) continue;
      const reason = `has ${header} of libbpf, which is included without its folder bpf/`;
      return { kind: 'add', include: { header, dir, reason, kind: 'system' } };
    }
  }
  if (header === 'vmlinux.h') {
    const made = await kernelVmlinux({ env, signal });
    if (made.kind === 'ready') {
      const reason = 'has vmlinux.h, made from the types of the running kernel';
      return { kind: 'add', include: { header, dir: made.dir, reason, kind: 'system' } };
    }
    return {
      kind: 'unresolved',
      why: `vmlinux.h is not in the project, and could not be made: ${made.why}. ${made.fix}`,
    };
  }
  if (found.kind === 'ambiguous') {
    const list = found.candidates.slice(0, 5).join(', ');
    return {
      kind: 'unresolved',
      why: `there are several: ${list}. Add the folder of the right one to the include directories (setting xdp.compile.includePath)`,
    };
  }
  return { kind: 'unresolved' };
}

/** What earlier compiles of a file had to add, so that the next one does not fail first. */
const remembered = new Map<string, readonly AddedInclude[]>();

export async function recallIncludes(file: string): Promise<AddedInclude[]> {
  const valid: AddedInclude[] = [];
  for (const include of remembered.get(file) ?? []) {
    if (await isFile(join(include.dir, include.header))) valid.push(include);
  }
  return valid;
}

export function rememberIncludes(file: string, includes: readonly AddedInclude[]): void {
  remembered.set(file, [...includes]);
}
