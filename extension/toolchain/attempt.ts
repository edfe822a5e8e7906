import { dirname, join } from 'node:path';
import { bundledLibbpf, clangArgs, type CompileInputs, type FirstInclude } from './arguments.ts';
import { parseClangOutput } from './diagnostics.ts';
import { isFile } from './headers.ts';
import { missingHeader } from './hints.ts';
import { type AddedInclude, resolveMissing } from './includes.ts';
import type { ObjectOutput } from './output.ts';
import type { ProjectFlags } from './project/flags.ts';
import { run, type RunResult } from './process.ts';

export interface AttemptOptions {
  clang: string;
  /** The text of the file. */
  source: string;
  inputs: Omit<CompileInputs, 'project'>;
  output: ObjectOutput;
  workspaceRoots: readonly string[];
  bundledInclude: string;
  vmlinux?: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** What came of compiling with one set of flags, with every missing header provided that could be. */
export interface Attempt {
  inputs: CompileInputs;
  result: RunResult;
  parsed: ReturnType<typeof parseClangOutput>;
  /** Why a header could not be provided. */
  reasonOfMissing: Map<string, string>;
  /** Headers of which the project has several. */
  choices: HeaderChoice[];
}

export interface HeaderChoice {
  header: string;
  /** Absolute paths. */
  candidates: readonly string[];
}

/** Each round adds one header's folder; a program that lacks more than this lacks its whole project. */
const maxRounds = 16;

export async function attempt(options: AttemptOptions, project: ProjectFlags | undefined): Promise<Attempt> {
  const plain = await provideHeaders(options, { ...options.inputs, added: [...options.inputs.added], project });
  const tried = { ...plain };
  for (const remedy of await remediesFor(plain, options)) {
    const inputs = applyRemedy(tried.inputs, remedy);
    Object.assign(tried, await provideHeaders(options, inputs));
    if (tried.result.code === 0) return tried;
  }
  // A remedy that does not cure would only add errors that nobody wrote.
  return plain;
}

async function provideHeaders(options: AttemptOptions, inputs: CompileInputs): Promise<Attempt> {
  const { clang, output, env, signal, workspaceRoots, bundledInclude, vmlinux } = options;
  const { file } = inputs;
  const cwd = dirname(file);
  const added = [...inputs.added];
  const reasonOfMissing = new Map<string, string>();
  const choices: HeaderChoice[] = [];
  for (let round = 1; ; round++) {
    const where = ['-MD', '-MF', output.dependencies, '-o', output.temporary];
    const result = await run(clang, [...clangArgs({ ...inputs, added }), ...where], {
      cwd,
      env: { ...env, LC_ALL: 'C' },
      signal,
      maxBytes: 8 << 20,
    });
    const parsed = parseClangOutput(result.stderr, { main: file, cwd });
    const done: Attempt = { inputs: { ...inputs, added }, result, parsed, reasonOfMissing, choices };
    const header = parsed.diagnostics.map((one) => missingHeader(one.message)).find((name) => name !== undefined);
    if (header === undefined || round >= maxRounds || added.some((one) => one.header === header)) return done;
    const missing = await resolveMissing({ header, file, workspaceRoots, bundledInclude, vmlinux, env, signal });
    if (missing.kind === 'unresolved') {
      if (missing.why !== undefined) reasonOfMissing.set(header, missing.why);
      if (missing.choices !== undefined) choices.push({ header, candidates: missing.choices });
      return done;
    }
    added.push(missing.include);
  }
}

/** What may give a program the names that nobody declared. */
type Remedy = { kind: 'folder'; include: AddedInclude } | { kind: 'include'; file: FirstInclude };

function applyRemedy(inputs: CompileInputs, remedy: Remedy): CompileInputs {
  switch (remedy.kind) {
    case 'folder':
      return { ...inputs, added: [...inputs.added, remedy.include] };
    case 'include':
      return { ...inputs, firstIncludes: [...(inputs.firstIncludes ?? []), remedy.file] };
  }
}

const undeclaredName =
  /^(?:implicit declaration of function|implicitly declaring library function|call to undeclared (?:library )?function|use of undeclared identifier|unknown type name) '(\w+)'/;
const incompleteType = /incomplete (?:definition of )?type 'struct (\w+)'/;
const kernelName =
  /^(?:[us](?:8|16|32|64)|[hn]to[hn][sl]|cpu_to_be\d+|be\d+_to_cpu|mem(?:cpy|move|set)|min|max|__force|AF_INET6?|(?:tcp|udp|icmp6?|ip|ipv6|eth)hdr)$/;

async function remediesFor({ parsed, result }: Attempt, { bundledInclude, source }: AttemptOptions): Promise<Remedy[]> {
  if (result.code === 0) return [];
  const names = parsed.diagnostics.flatMap(
    ({ message }) => undeclaredName.exec(message)?.[1] ?? incompleteType.exec(message)?.[1] ?? [],
  );
  const remedies: Remedy[] = [];
  const helper = names.find((name) => /^_{0,2}(?:bpf|BPF)_/.test(name));
  const libbpf = bundledLibbpf(bundledInclude);
  if (helper !== undefined && (await isFile(join(libbpf, 'bpf/bpf_helper_defs.h')))) {
    const reason = `has ${helper}, which this machine's older libbpf has not`;
    const include: AddedInclude = { header: 'bpf/bpf_helper_defs.h', dir: libbpf, reason, kind: 'project' };
    remedies.push({ kind: 'folder', include });
  }
  const inner = names.find((name) => kernelName.test(name));
  // Elsewhere a missing name is a missing #include, and its author is better told so.
  const isOfKernelTree = /#\s*include\s*<uapi\/|\bKBUILD_MODNAME\b/.test(source) && !/vmlinux/.test(source);
  const path = join(bundledInclude, 'xdp_kernel_names.h');
  if (inner !== undefined && isOfKernelTree) {
    const reason = `has ${inner} and other names that the kernel's inner headers have`;
    remedies.push({ kind: 'include', file: { path, reason } });
  }
  return remedies;
}
