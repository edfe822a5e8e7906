/** In place of toolchain/compile.ts in a browser, where there is no clang: the object that was built before, beside its source. */
import { XdpError } from '../../core/errors.ts';
import type { CompileResult } from '../../session/bpfObject.ts';
import { basename, stat } from './standIn.ts';

export async function compile({ file }: { file: string }): Promise<CompileResult> {
  const object = file.replace(/\.c$/, '.o');
  try {
    await stat(object);
  } catch (cause) {
    throw new XdpError(
      'clang-missing',
      `A browser has no clang, and there is no ${basename(object)} beside the source.`,
      {
        fix: 'Build it where clang is (xdp compile), and keep the object beside its source.',
        cause,
      },
    );
  }
  return {
    ok: true,
    object,
    command: [],
    durationMs: 0,
    diagnostics: [],
    resolved: { includes: [], vmlinux: null, reasons: {}, flags: [], project: null, ignored: [], choices: [] },
  };
}
