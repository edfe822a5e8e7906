import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type CompileOptions, type CompileResult, compile } from '../../extension/toolchain/compile.ts';

export const repository = join(import.meta.dirname, '../..');
export const bundledInclude = join(repository, 'bpf/include');

/** The vmlinux.h that tests make is kept between runs, but not in the home of whoever runs them. */
const testEnv: NodeJS.ProcessEnv = { ...process.env, XDG_CACHE_HOME: join(repository, '.cache/test') };

/** A folder of its own for one test, with these files in it. */
export function project(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'xdp-toolchain-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** An executable script in the test's folder. */
export function script(root: string, name: string, body: string): string {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

export function compileFile(file: string, options: Partial<CompileOptions> = {}): Promise<CompileResult> {
  return compile({ file, bundledInclude, env: testEnv, ...options });
}

/** Compiles one source in a folder of its own. */
export function compileText(text: string, options: Partial<CompileOptions> = {}): Promise<CompileResult> {
  return compileFile(join(project({ 'prog.bpf.c': text }), 'prog.bpf.c'), options);
}

/**
 * `line:column severity: message`, with the file's name in front where it is not the compiled one. Ends of ranges are
 * left out: where clang gives one differs from version to version.
 */
export function describeDiagnostics(result: CompileResult, main = 'prog.bpf.c'): string[] {
  return result.diagnostics.map((one) => {
    const name = one.file.endsWith(`/${main}`) ? '' : `${one.file.split('/').at(-1)}:`;
    return `${name}${one.line}:${one.column} ${one.severity}: ${one.message}`;
  });
}

const versionedClangs = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) => Number(/^clang-(\d+)$/.exec(name)?.[1]) >= 14);
    } catch {
      return [];
    }
  })
  .filter((name, index, all) => all.indexOf(name) === index);

/** Every clang on this machine that the product supports: a header has to work with the oldest and the newest. */
export const clangs: readonly string[] = versionedClangs.length > 0 ? versionedClangs : ['clang'];
