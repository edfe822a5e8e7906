import path from 'node:path';
import { t, translated } from '../../core/text/language.ts';
import { compile as compileFile } from '../../toolchain/compile.ts';
import { parse, type Verb } from '../command.ts';
import { describeDiagnostic } from '../output.ts';

export const compile: Verb = {
  summary: 'compile a BPF C file',
  usage: 'compile FILE.c [-o OUT.o] [--vmlinux FILE]',
  async run(args, { output, build }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      { output: { type: 'string', short: 'o' }, vmlinux: { type: 'string' } },
      { min: 1, max: 1 },
    );
    const file = path.resolve(positionals[0] ?? '');
    const result = await compileFile({
      ...build,
      file,
      ...(values.vmlinux === undefined ? {} : { vmlinux: path.resolve(values.vmlinux) }),
      output: path.resolve(values.output ?? file.replace(/\.c$/, '') + '.o'),
    });
    output.result(result, () => {
      const lines = result.diagnostics.map(describeDiagnostic);
      const { project, vmlinux, flags, ignored } = result.resolved;
      if (vmlinux !== null)
        output.note(
          `vmlinux.h: ${vmlinux} (${translated(result.resolved.reasons[path.dirname(vmlinux)] ?? 'of the project')})`,
        );
      if (project !== null) {
        const what = translated(project.dropped ?? `${flags.length} flags taken, ${ignored.length} ignored`);
        output.note(`${project.file}: ${what}`);
      }
      const outcome = result.ok
        ? `${result.object} (${Math.round(result.durationMs)} ms)`
        : t('{0} does not compile.', path.basename(file));
      return [...lines, outcome].join('\n');
    });
    return result.ok ? 0 : 1;
  },
};
