import { t, translated } from '../../core/text/language.ts';
import { CompileFailed, openObject } from '../../session/bpfObject.ts';
import { type Verdict, verifyObject } from '../../session/verify.ts';
import { parse, type Verb } from '../command.ts';
import { printable } from '../output.ts';
import { describeFailure } from '../verifierFailure.ts';

export const verify: Verb = {
  summary: "ask the kernel's verifier about every program, without attaching",
  usage: 'verify FILE.(c|o)',
  async run(args, { output, kernel, build }) {
    const { positionals } = parse(this.usage, args, {}, { min: 1, max: 1 });
    const object = await openObject(positionals[0] ?? '', build).catch((error: unknown) => {
      if (error instanceof CompileFailed) return error;
      throw error;
    });
    if (object instanceof CompileFailed) {
      output.result({ ok: false, programs: [], diagnostics: object.result.diagnostics }, () => object.message);
      return 1;
    }
    const programs = await verifyObject(await kernel.own(), object);
    const ok = programs.every((program) => program.verdict !== 'rejected');
    output.result({ ok, programs }, () => programs.map(describe).join('\n'));
    return ok ? 0 : 1;
  },
};

function describe(program: Verdict): string {
  const { name, verdict, failure } = program;
  switch (verdict) {
    case 'accepted':
      return t(
        '{0}: accepted ({1} instructions processed, {2} bytes of stack)',
        name,
        program.insnsProcessed ?? 0,
        program.stackBytes ?? 0,
      );
    case 'skipped':
      return t('{0}: skipped: {1}', name, printable(translated(program.reason ?? '')));
    case 'rejected':
      return failure === undefined
        ? t('{0}: rejected', name)
        : `${t('{0}: rejected', name)}\n${describeFailure(failure)}\n\n${printable(failure.log)}`;
  }
}
