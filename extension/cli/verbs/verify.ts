import path from 'node:path';
import { t, translated } from '../../core/text/language.ts';
import { chooseProgram, CompileFailed, openObject } from '../../session/bpfObject.ts';
import { type Verdict, verifyObject } from '../../session/verify.ts';
import { parse, type Verb } from '../command.ts';
import { describeDiagnostic, printable } from '../output.ts';
import { describeFailure } from '../verifierFailure.ts';

export const verify: Verb = {
  summary: "ask the kernel's verifier about every program, without attaching",
  usage: 'verify FILE.(c|o) [--prog NAME]',
  async run(args, { output, kernel, build }) {
    const { values, positionals } = parse(this.usage, args, { prog: { type: 'string' } }, { min: 1, max: 1 });
    const file = positionals[0] ?? '';
    const object = await openObject(file, build).catch((error: unknown) => {
      if (error instanceof CompileFailed) return error;
      throw error;
    });
    if (object instanceof CompileFailed) {
      const { diagnostics } = object.result;
      const outcome = t('{0} does not compile.', path.basename(file));
      output.result({ ok: false, programs: [], diagnostics }, () =>
        [...diagnostics.map(describeDiagnostic), outcome].join('\n'),
      );
      return 1;
    }
    const named = values.prog === undefined ? undefined : chooseProgram(object, values.prog).name;
    const programs = await verifyObject(await kernel.own(), object, named);
    const judged = programs.some(({ verdict }) => verdict !== 'skipped');
    const ok = judged && programs.every(({ verdict }) => verdict !== 'rejected');
    output.result({ ok, programs }, () =>
      [
        ...programs.map(describe),
        ...(judged ? [] : [t('No program of {0} was judged; --prog NAME asks for one by name.', path.basename(file))]),
      ].join('\n'),
    );
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
