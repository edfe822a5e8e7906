import { access, constants, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { elfMachines, machineObject } from '../core/elf/machineObject.ts';
import { XdpError } from '../core/errors.ts';
import { findClang, type FindClangOptions } from './clang.ts';
import { installCommand } from './distro.ts';
import { run } from './process.ts';

/** One machine instruction. */
export interface MachineInstruction {
  address: bigint;
  text: string;
}

export interface Disassembler {
  /** Absolute path of an objdump. */
  path: string;
}

/** The disassembler of the clang that compiles, else of another LLVM, else of binutils. Errors: `environment`. */
export async function findDisassembler(options: FindClangOptions = {}): Promise<Disassembler> {
  const env = options.env ?? process.env;
  const folders = [...new Set((env.PATH ?? '').split(delimiter).filter(isAbsolute))];
  const clang = await findClang(options).catch(() => undefined);
  const beside = clang === undefined ? [] : [dirname(clang.path), `/usr/lib/llvm-${clang.major}/bin`];
  const places = [
    ...beside.map((folder) => join(folder, 'llvm-objdump')),
    ...beside.map((folder) => join(folder, `llvm-objdump-${clang?.major}`)),
    ...folders.map((folder) => join(folder, 'llvm-objdump')),
    ...(await versioned(folders)),
    ...folders.map((folder) => join(folder, 'objdump')),
  ];
  for (const path of places) if (await isExecutable(path)) return { path };
  throw new XdpError(
    'environment',
    'There is no disassembler for machine code: neither llvm-objdump nor objdump was found',
    {
      fix: `Install one: "${installCommand(['disassembler'])}".`,
    },
  );
}

async function versioned(folders: readonly string[]): Promise<string[]> {
  const found: { path: string; major: number }[] = [];
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const major = /^llvm-objdump-(\d+)$/.exec(name)?.[1];
      if (major !== undefined) found.push({ path: join(folder, name), major: Number(major) });
    }
  }
  return found.sort((a, b) => b.major - a.major).map(({ path }) => path);
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Machine code of this machine as text, with absolute targets. The code goes to the tool as a file of a temporary folder that only
 * this user can enter. Errors: `environment` when the tool does not understand it, `cancelled`.
 */
export async function disassembleMachineCode(
  { path }: Disassembler,
  { code, address, signal }: { code: Uint8Array; address: bigint; signal?: AbortSignal },
): Promise<MachineInstruction[]> {
  const machine = Object.entries(elfMachines).find(([name]) => name === process.arch)?.[1];
  if (machine === undefined) throw unknownCode(path, `code of ${process.arch}`);
  const folder = await mkdtemp(join(tmpdir(), 'xdp-code-'));
  try {
    const file = join(folder, 'code.o');
    await writeFile(file, machineObject(code, machine, address), { mode: 0o600 });
    const env = { ...process.env, LC_ALL: 'C' };
    const { code: status, stdout } = await run(path, ['-d', '--no-show-raw-insn', file], {
      env,
      signal,
      timeoutMs: 30_000,
    });
    const instructions = [...stdout.matchAll(/^\s*([0-9a-f]+):\s+(\S.*)$/gm)].map(([, at, text]) => ({
      address: BigInt(`0x${at}`),
      text: (text ?? '').replaceAll(/\s+/g, ' ').trim(),
    }));
    if (status !== 0 || (instructions.length === 0 && code.length > 0))
      throw unknownCode(path, `this code of ${process.arch}`);
    return instructions;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unknownCode(path: string, what: string): XdpError {
  return new XdpError('environment', `${path} does not disassemble ${what}`, {
    fix: `Install another disassembler: "${installCommand(['disassembler'])}".`,
  });
}
