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
      return `${name}: accepted (${program.insnsProcessed} instructions processed, ${program.stackBytes} bytes of stack)`;
    case 'skipped':
      return `${name}: skipped: ${printable(program.reason ?? '')}`;
    case 'rejected':
      return failure === undefined
        ? `${name}: rejected`
        : `${name}: rejected\n${describeFailure(failure)}\n\n${printable(failure.log)}`;
  }
}
