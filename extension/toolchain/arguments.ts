import { join, resolve } from 'node:path';
import { isDirectory } from './headers.ts';
import type { AddedInclude } from './includes.ts';
import type { ProjectFlags } from './project/flags.ts';
import { multiarchDir, targetDefines } from './target.ts';

/** A folder that every compile searches, and why. */
export interface FixedInclude {
  dir: string;
  reason: string;
}

/** A file that is included before the program's own first line. */
export interface FirstInclude {
  path: string;
  reason: string;
}

/**
 * `kernel` optimises as the verifier needs it. `debugger` makes the same program for the built-in machine, with every
 * variable in memory all the time; it does not load into a kernel.
 */
export type BuildKind = 'kernel' | 'debugger';

/** What one clang run is made of. */
export interface CompileInputs {
  file: string;
  build: BuildKind;
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  /** Before everything that is found by itself. */
  first: readonly FixedInclude[];
  /** After everything else. */
  last: readonly FixedInclude[];
  added: readonly AddedInclude[];
  project: ProjectFlags | undefined;
  firstIncludes?: readonly FirstInclude[];
}

export interface FixedOptions {
  includeDirs?: readonly string[];
  bundledInclude: string;
}

export async function fixedIncludes(options: FixedOptions): Promise<Pick<CompileInputs, 'first' | 'last'>> {
  const first = (options.includeDirs ?? []).map((dir) => ({ dir: resolve(dir), reason: 'given by you' }));
  const last: FixedInclude[] = [];
  const multiarch = await multiarchDir();
  if (multiarch !== undefined) {
    last.push({ dir: multiarch, reason: "has the kernel's asm/ headers for this machine" });
  }
  const libbpf = bundledLibbpf(options.bundledInclude);
  if (await isDirectory(libbpf)) last.push({ dir: libbpf, reason: 'has libbpf 1.5 for machines that have none' });
  last.push({ dir: options.bundledInclude, reason: 'has xdp_maps.h and xdp_parse.h of this extension' });
  return { first, last };
}

export function bundledLibbpf(bundledInclude: string): string {
  return join(bundledInclude, 'libbpf');
}

export function clangArgs(inputs: CompileInputs): string[] {
  const { file, build, first, added, project, firstIncludes = [] } = inputs;
  const own = added.filter(({ kind }) => kind === 'project');
  // After clang's own and the system's, so that nothing of the project is ever hidden by them.
  const after = [...added.filter(({ kind }) => kind === 'system'), ...lastOf(inputs)];
  const flags = (project?.taken ?? []).filter((flag) => build === 'kernel' || !flag.startsWith('-O'));
  const hasTarget = flags.some((flag) => flag.startsWith('-D__TARGET_ARCH_'));
  return [
    '-g',
    ...buildFlags(inputs),
    '-target',
    'bpf',
    ...targetDefines().filter((define) => !hasTarget || !define.startsWith('-D__TARGET_ARCH_')),
    '-Wall',
    ...first.map(({ dir }) => `-I${dir}`),
    ...flags,
    // An undeclared function compiles with clang 14 and 15, and then no loader finds it: newer ones refuse it as well.
    '-Werror=implicit-function-declaration',
    '-fno-color-diagnostics',
    '-fno-caret-diagnostics',
    '-fdiagnostics-absolute-paths',
    '-fdiagnostics-print-source-range-info',
    '-ferror-limit=100',
    '-fno-crash-diagnostics',
    ...own.map(({ dir }) => `-I${dir}`),
    ...after.flatMap(({ dir }) => ['-idirafter', dir]),
    ...firstIncludes.flatMap(({ path }) => ['-include', path]),
    // clang takes a name without an ending for an object, and one that ends in .h for a header to precompile.
    '-x',
    'c',
    '-c',
    file,
  ];
}

function buildFlags({ build, bundledInclude }: CompileInputs): string[] {
  if (build === 'kernel') return ['-O2'];
  return [
    '-O0',
    // The built-in machine has room for more than the kernel's 512 bytes.
    '-mllvm',
    '-bpf-stack-size=16384',
    // Without it the debugger cannot tell where LLVM before 23 puts a function's variables.
    '-fstack-size-section',
    // Without optimisation CO-RE accesses are left half done; the types of vmlinux.h are those of this kernel anyway.
    '-DBPF_NO_PRESERVE_ACCESS_INDEX',
    '-include',
    join(bundledInclude, 'xdp_debugger.h'),
  ];
}

/** clang drops the first of two equal folders when the second one is a system's. */
function lastOf({ last, added }: CompileInputs): FixedInclude[] {
  return last.filter(({ dir }) => !added.some((one) => one.dir === dir));
}

/** Every include directory in the order in which clang searches them; its own come between the first and the last. */
export function includeDirs(inputs: CompileInputs): string[] {
  const { first, added, project } = inputs;
  const flags = project?.taken ?? [];
  const given = (flag: string): string[] => flags.filter((_, index) => flags[index - 1] === flag);
  const joined = flags.filter((flag) => flag.startsWith('-I')).map((flag) => flag.slice(2));
  return [
    ...given('-iquote'),
    ...first.map(({ dir }) => dir),
    ...joined,
    ...added.filter(({ kind }) => kind === 'project').map(({ dir }) => dir),
    ...given('-isystem'),
    ...given('-idirafter'),
    ...added.filter(({ kind }) => kind === 'system').map(({ dir }) => dir),
    ...lastOf(inputs).map(({ dir }) => dir),
  ];
}

/** Why each of the include directories, and each file that is included first, is there. */
export function includeReasons(inputs: CompileInputs): Record<string, string> {
  const { first, last, added, project, firstIncludes = [] } = inputs;
  const known = [...last, ...added, ...first].map(({ dir, reason }) => [dir, reason] as const);
  const others = includeDirs(inputs).map((dir) => [dir, `named in ${project?.from}`] as const);
  const files = firstIncludes.map(({ path, reason }) => [path, reason] as const);
  return Object.fromEntries([...others, ...known, ...files]);
}
