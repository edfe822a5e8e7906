import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { XdpError } from '../core/errors.ts';
import type { ObjectSpec, ProgramSpec } from '../core/object/spec.ts';
import type { CompileOptions, CompileResult } from '../toolchain/compile.ts';
import { fileError, requireRegularFile } from './userFiles.ts';

export type { CompileResult };
export type CompileDiagnostic = CompileResult['diagnostics'][number];

/** A BPF object in memory, read but not loaded. */
export interface BpfObject {
  /** The file the user named: the source, or the object itself. Absolute. */
  file: string;
  /** Base name without `.bpf.c` and the like: what libbpf is told. */
  name: string;
  elf: Uint8Array;
  spec: ObjectSpec;
  /** What clang said, when the file was a source. */
  compiled: CompileResult | undefined;
}

export interface BuildOptions {
  bundledInclude: string;
  clangPath?: string;
  includeDirs?: readonly string[];
  workspaceRoots?: readonly string[];
  /** A vmlinux.h, or a file with BTF to make it from, in place of the running kernel's. */
  vmlinux?: string;
  signal?: AbortSignal;
  /** `debugger`: without optimisation, for the built-in machine only. */
  build?: CompileOptions['build'];
}

/** A compile error is an answer, not a crash: it carries what clang said. */
export class CompileFailed extends XdpError {
  readonly result: CompileResult;

  constructor(file: string, result: CompileResult) {
    const { diagnostics } = result;
    const at = diagnostics.findIndex((diagnostic) => diagnostic.severity === 'error');
    const first = diagnostics[at];
    const where = first ? `${first.file}:${first.line}:${first.column}: ${first.message}` : 'clang reported no place';
    const hint = hintOf(first, diagnostics[at + 1]);
    const fix = 'Fix the error and compile again; `xdp compile` lists all of them.';
    super('compile-failed', `${path.basename(file)} does not compile: ${where}`, {
      fix: hint === undefined ? fix : `${hint}\n${fix}`,
    });
    this.result = result;
  }
}

/** What the toolchain knows about an error stands behind it as a note at the same place; clang's own notes are about other places. */
function hintOf(
  error: CompileDiagnostic | undefined,
  next: CompileDiagnostic | undefined,
): CompileDiagnostic['message'] | undefined {
  if (error === undefined || next?.severity !== 'note') return undefined;
  const isThere = next.file === error.file && next.line === error.line && next.column === error.column;
  return isThere ? next.message : undefined;
}

/**
 * Opens FILE of the CLI contract: a `.c` is compiled to a temporary object first, an ELF is read as it is; they are told
 * apart by content.
 */
export async function openObject(file: string, options: BuildOptions): Promise<BpfObject> {
  const absolute = path.resolve(file);
  const { parseObject } = await import('../core/object/parseObject.ts');
  const specOf = (elf: Uint8Array): ObjectSpec => {
    try {
      return parseObject(elf);
    } catch (error) {
      throw ofFile(absolute, error);
    }
  };
  if (await startsWithElfMagic(absolute)) {
    const elf = await readFile(absolute);
    return { file: absolute, name: objectName(absolute), elf, spec: specOf(elf), compiled: undefined };
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'xdp-')).catch((cause: unknown) => {
    throw new XdpError('environment', `No temporary folder can be made in ${tmpdir()} to compile into.`, {
      fix: 'Make that folder writable, or set TMPDIR to another one.',
      cause,
    });
  });
  try {
    const { compile } = await import('../toolchain/compile.ts');
    const result = await compile({ ...options, file: absolute, output: path.join(folder, 'out.o') });
    if (!result.ok || result.object === null) throw new CompileFailed(absolute, result);
    const elf = await readFile(result.object);
    return { file: absolute, name: objectName(absolute), elf, spec: specOf(elf), compiled: result };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Who reads the bytes does not know their name, and there may be several files. */
function ofFile(file: string, error: unknown): unknown {
  if (!(error instanceof XdpError)) return error;
  const { fix, details } = error;
  return new XdpError(error.code, `Cannot use ${path.basename(file)}: ${error.message}`, {
    ...(fix === undefined ? {} : { fix }),
    details,
    cause: error,
  });
}

/** Compiles a source to an object beside it (`x.bpf.c` → `x.bpf.o`). A compile error is in the result, not thrown. */
export async function compileSource(file: string, options: BuildOptions): Promise<CompileResult> {
  const { compile } = await import('../toolchain/compile.ts');
  return await compile({ ...options, file, output: file.replace(/\.c$/, '.o') });
}

async function startsWithElfMagic(file: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    await requireRegularFile(file);
    handle = await open(file, 'r');
  } catch (cause) {
    throw fileError(file, cause);
  }
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(4), 0, 4, 0);
    return bytesRead === 4 && String.fromCharCode(...buffer) === '\x7fELF';
  } catch (cause) {
    throw fileError(file, cause);
  } finally {
    await handle.close();
  }
}

function objectName(file: string): string {
  return path.basename(file).replace(/(\.bpf|\.kern|_kern)?\.(c|o)$/, '');
}

/** Programs that an interface takes; those of `xdp/cpumap` and `xdp/devmap` run from map entries only. */
export function xdpPrograms(spec: ObjectSpec): ProgramSpec[] {
  const ofType = spec.programs.filter((program) => program.type === 'xdp');
  const attachable = ofType.filter(({ section }) => !/\/(cpumap|devmap)$/.test(section));
  return attachable.length > 0 ? attachable : ofType;
}

export function tcPrograms(spec: ObjectSpec): ProgramSpec[] {
  return spec.programs.filter((program) => program.type === 'sched_cls');
}

/** The tc program of that name; of one that was kept the kernel knows 15 characters. Errors: `program-not-found`. */
export function tcProgramOf(object: BpfObject, name: string): string {
  const programs = tcPrograms(object.spec);
  const found =
    programs.find((program) => program.name === name) ??
    (name.length === 15 ? programs.find((program) => program.name.startsWith(name)) : undefined);
  if (found !== undefined) return found.name;
  const there = programs.map((program) => program.name).join(', ');
  throw new XdpError('program-not-found', `${path.basename(object.file)} has no tc program named ${name}.`, {
    fix: there === '' ? 'Put one into SEC("tc"): int NAME(struct __sk_buff *skb).' : `It has: ${there}.`,
  });
}

/**
 * The program a user means: by function name, else by a section name that is unique (the `sec xdp` habit of iproute2);
 * without a name the only XDP program of the object, else the only program at all (old objects name sections freely).
 */
export function chooseProgram(object: BpfObject, name: string | undefined): ProgramSpec {
  const { programs } = object.spec;
  const where = path.basename(object.file);
  const listing = programs.map((program) => `${program.name} (section ${program.section})`);
  const details = { programs: programs.map((program) => program.name) };
  if (name !== undefined) {
    const byName = programs.find((program) => program.name === name);
    if (byName) return byName;
    const bySection = programs.filter((program) => program.section === name);
    if (bySection.length === 1 && bySection[0]) return bySection[0];
    if (bySection.length > 1) {
      throw new XdpError('program-ambiguous', `Section ${name} of ${where} holds ${bySection.length} programs.`, {
        fix: `Choose one by its function name: ${bySection.map((program) => program.name).join(', ')}.`,
        details,
      });
    }
    throw new XdpError('program-not-found', `${where} has no program and no section named ${name}.`, {
      fix: listing.length > 0 ? `It has: ${listing.join(', ')}.` : 'It has no program at all: is a SEC("xdp") missing?',
      details,
    });
  }
  const xdp = xdpPrograms(object.spec);
  const candidates = xdp.length > 0 ? xdp : programs;
  if (candidates.length === 1 && candidates[0]) return candidates[0];
  if (candidates.length === 0) {
    throw new XdpError('program-not-found', `${where} holds no BPF program.`, {
      fix: 'Put the function into a section: SEC("xdp") int my_prog(struct xdp_md *ctx).',
    });
  }
  const choices = candidates.map((program) => `${program.name} (section ${program.section})`);
  throw new XdpError('program-ambiguous', `${where} holds ${candidates.length} programs: ${choices.join(', ')}.`, {
    fix: `Choose one by name, for example --prog ${candidates[0]?.name}.`,
    details: { programs: candidates.map((program) => program.name) },
  });
}
