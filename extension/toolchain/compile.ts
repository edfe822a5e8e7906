import { join } from 'node:path';
import { XdpError } from '../core/errors.ts';
import { type BuildKind, clangArgs, fixedIncludes, includeDirs, includeReasons } from './arguments.ts';
import { unsupportedOperation } from './backend.ts';
import { attempt, type HeaderChoice } from './attempt.ts';
import { findClang, findDebuggerClang } from './clang.ts';
import type { Diagnostic } from './diagnostics.ts';
import { finishDiagnostics } from './finish.ts';
import { type AddedInclude, recallIncludes, rememberIncludes } from './includes.ts';
import { ObjectOutput } from './output.ts';
import type { RunResult } from './process.ts';
import type { IgnoredFlag } from './project/flags.ts';
import { readProjectFlags } from './project/projectFlags.ts';
import { readSource } from './source.ts';

export interface CompileOptions {
  /** The C file. */
  file: string;
  /** Where the object goes; `name.bpf.c` becomes `name.bpf.o` beside it when absent. */
  output?: string;
  /** The setting `xdp.clang.path`. */
  clangPath?: string;
  /** Searched before everything that is found by itself. */
  includeDirs?: readonly string[];
  /** A vmlinux.h, or a file with BTF to make it from, in place of the running kernel's. */
  vmlinux?: string;
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  signal?: AbortSignal;
  /** `kernel` by default. */
  build?: BuildKind;
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
  resolved: Resolved;
}

/** What a compile found by itself, and why. */
export interface Resolved {
  /** Absolute, in the order in which clang searched them; clang's own come between the first and the last. */
  includes: string[];
  /** The vmlinux.h that the program includes. */
  vmlinux: string | null;
  /** Why each of `includes` is there. */
  reasons: Record<string, string>;
  /** The project's own flags, as they were taken. */
  flags: string[];
  /** The file that says so, and why its flags were not used after all. */
  project: { file: string; dropped?: string } | null;
  /** Flags of the project that were not taken. */
  ignored: IgnoredFlag[];
  /** Headers of which the project has several, and nothing says which is meant. */
  choices: HeaderChoice[];
}

/**
 * Compiles BPF C to an object file. Errors in the program are diagnostics of a result that is not `ok`.
 * @throws {XdpError} `file-not-found`, `not-c`, `clang-missing`, `clang-too-old`, `usage` (the output), `environment`,
 *   `compile-failed` (clang itself broke down: `details.stderr` has its last words), `cancelled`
 */
export async function compile(options: CompileOptions): Promise<CompileResult> {
  const startedAt = performance.now();
  const { signal, env = process.env, workspaceRoots = [], bundledInclude, vmlinux, build = 'kernel' } = options;
  const source = await readSource(options.file);
  const output = await ObjectOutput.create(source.path, options.output);
  try {
    const find = build === 'debugger' ? findDebuggerClang : findClang;
    const clang = await find({ path: options.clangPath, env, signal });
    const project = await readProjectFlags({ file: source.path, workspaceRoots });
    const inputs = {
      file: source.path,
      build,
      bundledInclude,
      added: await recallIncludes(source.path, vmlinux),
      ...(await fixedIncludes(options)),
    };
    const common = {
      clang: clang.path,
      source: source.text,
      inputs,
      output,
      workspaceRoots,
      bundledInclude,
      vmlinux,
      env,
      signal,
    };

    let best = await attempt(common, project);
    let dropped: string | undefined;
    if (best.result.code !== 0 && project !== undefined && project.taken.length > 0) {
      // What was read may be meant for another program of the project, or need what only its build makes.
      const without = await attempt(common, undefined);
      if (without.result.code === 0) {
        best = without;
        dropped = 'with them it does not compile, and without them it does';
      }
    }
    const { result, parsed } = best;
    output.checkWritten(parsed.diagnostics);
    const hasErrors = parsed.diagnostics.some((one) => one.severity === 'error');
    const unsupported = unsupportedOperation(result.stderr, source.path);
    if (unsupported === undefined && (brokeDown(result) || (result.code !== 0 && !hasErrors))) {
      throw breakdown(clang.path, source.path, result);
    }
    const ok = result.code === 0;
    const read = ok ? await output.findDependency('vmlinux.h', join(source.path, '..')) : undefined;
    if (ok) await output.commit();
    rememberIncludes(source.path, vmlinux, best.inputs.added);

    return {
      ok,
      object: ok ? output.path : null,
      command: [clang.path, ...clangArgs(best.inputs), '-o', output.path],
      durationMs: performance.now() - startedAt,
      diagnostics: await finishDiagnostics(unsupported === undefined ? parsed.diagnostics : [unsupported], {
        source,
        bundledInclude,
        reasonOfMissing: best.reasonOfMissing,
      }),
      resolved: {
        includes: includeDirs(best.inputs),
        vmlinux: (ok ? read : vmlinuxOf(best.inputs.added)) ?? null,
        reasons: includeReasons(best.inputs),
        flags: best.inputs.project?.taken ?? [],
        project: project === undefined ? null : { file: project.from, ...(dropped !== undefined && { dropped }) },
        ignored: project?.ignored ?? [],
        choices: best.choices,
      },
    };
  } finally {
    await output.dispose();
  }
}

/** A compile that failed does not say which files it read: what was added for it is the best that is known. */
function vmlinuxOf(added: readonly AddedInclude[]): string | undefined {
  const include = added.find((one) => one.header.endsWith('vmlinux.h'));
  return include === undefined ? undefined : join(include.dir, include.header);
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
