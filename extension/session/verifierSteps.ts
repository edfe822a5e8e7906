import { XdpError } from '../core/errors.ts';
import { explainLog } from '../core/verifier/explain.ts';
import { objectLines } from '../core/verifier/locate.ts';
import type { PlaceTable } from '../core/verifier/steps/places.ts';
import { placeTable } from '../core/verifier/steps/placeTable.ts';
import { logSections } from '../core/verifier/trace.ts';
import type { HelperClient } from '../kernel/client.ts';
import type { BpfObject } from './bpfObject.ts';
import { failureJson, verdictOf, type VerifierFailure } from './verify.ts';

/** A walk of the verifier over one program: its log with every step, and what is known about it. */
export interface Walk {
  program: string;
  verdict: 'accepted' | 'rejected' | 'unknown';
  log: string;
  places?: PlaceTable;
  failure?: VerifierFailure;
}

/**
 * Loads one program of an object, alone and never attached, with the log of every step on every path. Fails with
 * `load-failed` when the kernel refused it before its verifier began.
 */
export async function walkProgram(client: HelperClient, object: BpfObject, program: string): Promise<Walk> {
  const params = { elf: object.elf, name: object.name, programs: [program], log: 'steps' as const };
  const { programs } = await client.call('object/verify', params);
  const found = programs.find(({ name }) => name === program);
  if (found === undefined || found.verdict === 'skipped' || found.log === '') {
    throw new XdpError(
      'load-failed',
      `The verifier did not look at ${program}: ${found?.reason ?? 'it wrote no log'}`,
      {
        fix: 'Choose another program of the file.',
      },
    );
  }
  const { failure } = verdictOf(object, found);
  return {
    program,
    verdict: found.verdict,
    log: found.log,
    places: placeTable(objectLines(object.elf), program),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The walks in a text that somebody has: raw logs, or the output of a loader. */
export function walksIn(text: string): Walk[] {
  return logSections(text)
    .filter(({ log }) => /^\s*\d{1,9}: \([0-9a-f]{2}\) /m.test(log))
    .map(({ program, log }, index) => {
      const [explained] = explainLog(log);
      return {
        program: program ?? explained?.program ?? `log ${index + 1}`,
        verdict: explained === undefined ? 'unknown' : 'rejected',
        log,
        ...(explained === undefined ? {} : { failure: failureJson(explained.failure, '') }),
      };
    });
}
