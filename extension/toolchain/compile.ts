import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { XdpError } from '../core/errors.ts';
import { findClang, findDebuggerClang } from './clang.ts';
import {
  type ClangDiagnostic,
  type Diagnostic,
  editorColumn,
  includeLineDiagnostics,
  parseClangOutput,
} from './diagnostics.ts';
import { explainDiagnostic, missingHeader } from './hints.ts';
import { type AddedInclude, recallIncludes, rememberIncludes, resolveMissing } from './includes.ts';
import { legacyMapDiagnostics } from './legacyMaps.ts';
import { ObjectOutput } from './output.ts';
import { run, type RunResult } from './process.ts';
import { readSource } from './source.ts';
import { multiarchDir, targetDefines } from './target.ts';

export interface CompileOptions {
  /** The C file. */
  file: string;
  /** Where the object goes; `name.bpf.c` becomes `name.bpf.o` beside it when absent. */
  output?: string;
  /** The setting `xdp.clang.path`. */
  clangPath?: string;
  /** Searched before everything that is found by itself. */
  includeDirs?: readonly string[];
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  signal?: AbortSignal;
  /**
   * `kernel` (by default) optimises as the verifier needs it. `debugger` makes the same program for the built-in machine,
   * with every variable in memory all the time; it does not load into a kernel.
   */
  build?: 'kernel' | 'debugger';
  /** Folders in which missing headers are looked for, beside the ones above the file. */
  workspaceRoots?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

export interface CompileResult {
  ok: boolean;
  /** Absolute path; null when there is none because of errors. */
  object: string | null;
  /** What was run, ready to be run again. */
  command: string[];
  /** All of it, with searches and repeated runs. Milliseconds. */
  durationMs: number;
  diagnostics: Diagnostic[];
  resolved: {
    /** Absolute, in the order in which clang searched them; clang's own come between the first and the last. */
    includes: string[];
    /** The vmlinux.h that the program includes. */
    vmlinux: string | null;
    /** Why each of `includes` is there. */
    reasons: Record<string, string>;
  };
}

/** Each round adds one header's folder; a program that lacks more than this lacks its whole project. */
const maxRounds = 16;

/**
 * Compiles BPF C to an object file. Errors in the program are diagnostics of a result that is not `ok`.
 * @throws {XdpError} `file-not-found`, `not-c`, `clang-missing`, `clang-too-old`, `usage` (the output), `environment`,
 *   `compile-failed` (clang itself broke down: `details.stderr` has its last words), `cancelled`
 */
export async function compile(options: CompileOptions): Promise<CompileResult> {
  const startedAt = performance.now();
  const { signal, env = process.env, workspaceRoots = [], build = 'kernel' } = options;
  const source = await readSource(options.file);
  const output = await ObjectOutput.create(source.path, options.output);
  const find = build === 'debugger' ? findDebuggerClang : findClang;
  const clang = await find({ path: options.clangPath, env, signal });
  const fixed = await fixedIncludes(options);
  const added = await recallIncludes(source.path);
  const cwd = dirname(source.path);
  const context = { main: source.path, cwd };
  const reasonOfMissing = new Map<string, string>();

  try {
    let result: RunResult;
    let parsed: ReturnType<typeof parseClangOutput>;
    for (let round = 1; ; round++) {
      const args = clangArgs(source.path, { fixed, added, build: buildFlags(options) });
      const where = ['-MD', '-MF', output.dependencies, '-o', output.temporary];
      result = await run(clang.path, [...args, ...where], {
        cwd,
        env: { ...env, LC_ALL: 'C' },
        signal,
        maxBytes: 8 << 20,
      });
      parsed = parseClangOutput(result.stderr, context);
      const header = parsed.diagnostics.map((one) => missingHeader(one.message)).find((name) => name !== undefined);
      if (header === undefined || round >= maxRounds || added.some((one) => one.header === header)) break;
      const missing = await resolveMissing({ header, file: source.path, workspaceRoots, env, signal });
      if (missing.kind === 'unresolved') {
        if (missing.why !== undefined) reasonOfMissing.set(header, missing.why);
        break;
      }
      added.push(missing.include);
    }

    output.checkWritten(parsed.diagnostics);
    const hasErrors = parsed.diagnostics.some((one) => one.severity === 'error');
    if (brokeDown(result) || (result.code !== 0 && !hasErrors)) throw breakdown(clang.path, source.path, result);
    const ok = result.code === 0;
    const vmlinux = ok ? await output.findDependency('vmlinux.h', cwd) : vmlinuxOf(added);
    if (ok) await output.commit();
    rememberIncludes(source.path, added);

    return {
      ok,
      object: ok ? output.path : null,
      command: [clang.path, ...clangArgs(source.path, { fixed, added, build: buildFlags(options) }), '-o', output.path],
      durationMs: performance.now() - startedAt,
      diagnostics: await finishDiagnostics(parsed.diagnostics, { source, options, reasonOfMissing }),
      resolved: {
        includes: [...fixed.first, ...added.filter(isProject), ...added.filter(isSystem), ...fixed.last].map(
          (one) => one.dir,
        ),
        vmlinux: vmlinux ?? null,
        reasons: Object.fromEntries([...fixed.last, ...added, ...fixed.first].map((one) => [one.dir, one.reason])),
      },
    };
  } finally {
    await output.dispose();
  }
}

interface FixedInclude {
  dir: string;
  reason: string;
}

interface FixedIncludes {
  first: FixedInclude[];
  last: FixedInclude[];
}

async function fixedIncludes(options: CompileOptions): Promise<FixedIncludes> {
  const first = (options.includeDirs ?? []).map((dir) => ({ dir: resolve(dir), reason: 'given by you' }));
  const last: FixedInclude[] = [];
  const multiarch = await multiarchDir();
  if (multiarch !== undefined) {
    last.push({ dir: multiarch, reason: "has the kernel's asm/ headers for this machine" });
  }
  last.push({ dir: options.bundledInclude, reason: 'has xdp_maps.h and xdp_parse.h of this extension' });
  return { first, last };
}

function isProject(include: AddedInclude): boolean {
  return include.kind === 'project';
}

function isSystem(include: AddedInclude): boolean {
  return include.kind === 'system';
}

/** A compile that failed does not say which files it read: what was added for it is the best that is known. */
function vmlinuxOf(added: readonly AddedInclude[]): string | undefined {
  const include = added.find((one) => one.header === 'vmlinux.h');
  return include === undefined ? undefined : join(include.dir, 'vmlinux.h');
}

function buildFlags({ build = 'kernel', bundledInclude }: CompileOptions): string[] {
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

interface ClangArguments {
  fixed: FixedIncludes;
  added: readonly AddedInclude[];
  build: readonly string[];
}

function clangArgs(file: string, { fixed, added, build }: ClangArguments): string[] {
  const own = [...fixed.first, ...added.filter(isProject)];
  // After clang's own and the system's, so that nothing of the project is ever hidden by them.
  const after = [...added.filter(isSystem), ...fixed.last];
  return [
    '-g',
    ...build,
    '-target',
    'bpf',
    ...targetDefines(),
    '-Wall',
    // An undeclared function compiles with clang 14 and 15, and then no loader finds it: newer ones refuse it as well.
    '-Werror=implicit-function-declaration',
    '-fno-color-diagnostics',
    '-fno-caret-diagnostics',
    '-fdiagnostics-absolute-paths',
    '-fdiagnostics-print-source-range-info',
    '-ferror-limit=100',
    '-fno-crash-diagnostics',
    ...own.map((one) => `-I${one.dir}`),
    ...after.flatMap((one) => ['-idirafter', one.dir]),
    // clang takes a name without an ending for an object, and one that ends in .h for a header to precompile.
    '-x',
    'c',
    '-c',
    file,
  ];
}

/** 70 is what clang's driver returns for a front end that crashed or gave up (EX_SOFTWARE). */
function brokeDown(result: RunResult): boolean {
  return result.signal !== null || result.code === 70 || (result.code ?? 0) >= 128;
}

function breakdown(clang: string, file: string, result: RunResult): XdpError {
  const stderr = result.stderr.trim().split('\n').slice(-20).join('\n');
  const backend = /error in backend: (.*)/.exec(result.stderr)?.[1];
  const end = result.signal === null ? `exit code ${result.code}` : `ended by ${result.signal}`;
  const message =
    backend === undefined ? `clang broke down (${end})` : `clang could not make BPF code of it: ${backend}`;
  return new XdpError('compile-failed', `${file}: ${message}`, {
    fix: `Try another version of clang than ${clang}. Its last words are in the details.`,
    details: { stderr, command: clang },
  });
}

interface FinishContext {
  source: { path: string; text: string };
  options: CompileOptions;
  reasonOfMissing: ReadonlyMap<string, string>;
}

/** Columns as editors count, hints as notes behind what they explain, and what clang does not see. */
async function finishDiagnostics(parsed: readonly ClangDiagnostic[], context: FinishContext): Promise<Diagnostic[]> {
  const { source, options, reasonOfMissing } = context;
  const lines = new Map<string, readonly string[]>([[source.path, source.text.split('\n')]]);
  const results: Diagnostic[] = [];
  for (const one of parsed) {
    // How the macros of xdp_maps.h work inside is nobody's concern: their message says what to write.
    if (
      one.severity === 'note' &&
      one.message.startsWith('expanded from') &&
      isInside(one.file, options.bundledInclude)
    ) {
      continue;
    }
    if (!lines.has(one.file)) {
      lines.set(one.file, (await readFile(one.file, 'utf8').catch(() => '')).split('\n'));
    }
    const { includedFrom: _, ...diagnostic } = one;
    const text = lines.get(one.file)?.[one.line - 1];
    if (text !== undefined) {
      diagnostic.column = editorColumn(text, one.column);
      if (one.endColumn !== undefined) diagnostic.endColumn = editorColumn(text, one.endColumn);
    }
    diagnostic.message = readableAssertion(one.message);
    results.push(diagnostic);
    const header = missingHeader(one.message);
    const hint =
      (header === undefined ? undefined : reasonOfMissing.get(header)) ??
      explainDiagnostic(diagnostic, { main: source.path, source: source.text });
    if (hint !== undefined) results.push({ ...diagnostic, severity: 'note', message: hint });
  }
  return [
    ...results,
    ...includeLineDiagnostics(parsed, source.path),
    ...legacyMapDiagnostics(source.text, source.path),
  ];
}

/** Our own assertions are sentences; clang's words around them differ from version to version. */
function readableAssertion(message: string): string {
  const text = /^static_assert failed "(.*)"$|^static assertion failed: (.*)$/.exec(message);
  const own = text?.[1] ?? text?.[2];
  return own !== undefined && /^BPF_\w+\(.*BCC's short form|^wrong number of arguments\. Write BPF_/.test(own)
    ? own
    : message;
}

function isInside(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return !path.startsWith('..') && !isAbsolute(path);
}
