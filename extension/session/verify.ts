import { locateInsn } from '../core/verifier/locate.ts';
import { summarize } from '../core/verifier/log.ts';
import type { HelperClient } from '../kernel/client.ts';
import type { VerifiedProgram } from '../protocol/kernel.ts';
import type { BpfObject } from './bpfObject.ts';

/** What the kernel's verifier says of one program, as `xdp verify --json` prints it. */
export interface Verdict {
  name: string;
  verdict: 'accepted' | 'rejected' | 'skipped';
  reason?: string;
  insnsProcessed: number;
  stackBytes: number;
  failure?: {
    code: string;
    file: string | null;
    line: number | null;
    column: number | null;
    message: string;
    explanation: string;
    log: string;
  };
}

/** Loads every program of the object alone (never attached) and reads the verdicts. */
export async function verifyObject(client: HelperClient, object: BpfObject): Promise<Verdict[]> {
  const { programs } = await client.call('object/verify', { elf: object.elf, name: object.name });
  return programs.map((program) => verdictOf(object, program));
}

function verdictOf(object: BpfObject, program: VerifiedProgram): Verdict {
  const summary = summarize(program.log);
  const verdict: Verdict = {
    name: program.name,
    verdict: program.verdict,
    ...(program.reason === undefined ? {} : { reason: program.reason }),
    insnsProcessed: summary.processed ?? 0,
    stackBytes: summary.stackBytes ?? 0,
  };
  if (program.verdict !== 'rejected') return verdict;
  const place = summary.insn === undefined ? undefined : locateInsn(object.elf, program.name, summary.insn);
  return {
    ...verdict,
    failure: {
      code: 'program-rejected',
      file: place?.file ?? null,
      line: place?.line ?? null,
      column: place?.column ?? null,
      message: summary.message || program.reason || `the kernel refused the program (errno ${program.errno})`,
      explanation: place
        ? `The verifier stopped at ${place.file}:${place.line}. Its log leads there.`
        : 'The verifier named no place in the source. Its log leads to the instruction.',
      log: program.log,
    },
  };
}
